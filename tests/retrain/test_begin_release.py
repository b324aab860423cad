"""The release that a retraining begins: once for each run, however often that step is done."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.deployments.server import only_server
from seatrial.records import ModelVersion, Release, ReleaseOutcome, ReleasePhase, TemporaryError, UsageError
from seatrial.release.book import open_release_book
from seatrial.wiring import RetrainMeans, open_registry, open_retraining
from tests.registry.registering import draft, model_file
from tests.retrain.looping import loop

CONFIG = """\
name: cellar
services:
  wine: {{stable: 'http://127.0.0.1:9', canary: 'http://127.0.0.1:9', release: {{if_running: {if_running}}}}}
"""
RUN = "20260301-120000-aaaa"


class Cellar:
    """A project with a service that something else runs, and a version of its model."""

    def __init__(self, folder: Path, if_running: str) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "seatrial.yaml").write_text(CONFIG.format(if_running=if_running))
        with open_registry(folder) as tools:
            self.version: ModelVersion = tools.registry.register(draft(), model_file(folder / "files"))

    @property
    def root(self) -> Path:
        """Its workspace."""
        return self.folder / ".seatrial"

    def releases(self) -> list[Release]:
        """All of them, oldest first."""
        book = open_release_book(self.root)
        try:
            return book.past()[::-1]
        finally:
            book.close()

    def end(self, release: Release) -> None:
        """What the server does."""
        book = open_release_book(self.root)
        try:
            book.write(replace(release, phase=ReleasePhase.ENDED, outcome=ReleaseOutcome.PROMOTED, why="decided"))
        finally:
            book.close()


@pytest.fixture
def cellar(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Cellar, RetrainMeans]]:
    """With what retrainings work with; this process is its server, so that no other one is started."""
    made = Cellar(tmp_path / "cellar", getattr(request, "param", "refuse"))
    with ExitStack() as stack:
        means = stack.enter_context(open_retraining(made.folder))
        stack.enter_context(only_server(made.root))
        yield made, means


def test_a_run_begins_its_release_once(cellar: tuple[Cellar, RetrainMeans]) -> None:
    """Done again it finds the one that it began, also when that has ended by then."""
    made, means = cellar
    spec = loop(model="wine")
    release = means.begin_release(spec, made.version, RUN)
    assert release == means.begin_release(spec, made.version, RUN)
    assert means.release_ended(release) is None
    (found,) = made.releases()
    assert (release, "wine", 1, f"retraining {RUN}") == (found.id, found.service, found.number, found.who)

    made.end(found)
    assert release == means.begin_release(spec, made.version, RUN)
    ended = means.release_ended(release)
    assert ended is not None
    assert (ReleaseOutcome.PROMOTED, "decided") == (ended.outcome, ended.why)
    assert 1 == len(made.releases())


def test_another_release_that_runs_is_said(cellar: tuple[Cellar, RetrainMeans]) -> None:
    """Where the service's configuration says that a second one is refused."""
    made, means = cellar
    means.begin_release(loop(model="wine"), made.version, RUN)
    with pytest.raises(UsageError, match="wine@1 is being released already"):
        means.begin_release(loop(model="wine"), made.version, "20260301-130000-bbbb")
    assert 1 == len(made.releases())


@pytest.mark.parametrize("cellar", ["wait"], indirect=True)
def test_the_next_run_has_a_release_of_its_own(cellar: tuple[Cellar, RetrainMeans]) -> None:
    """It waits for its turn where the configuration says so."""
    made, means = cellar
    first = means.begin_release(loop(model="wine"), made.version, RUN)
    second = means.begin_release(loop(model="wine"), made.version, "20260301-130000-bbbb")

    assert first != second
    assert {first, second} == {release.id for release in made.releases()}


def test_a_release_that_nobody_turns_is_said_while_it_is_followed(tmp_path: Path) -> None:
    """It has not ended, and never would without a server; one that has ended needs none."""
    made = Cellar(tmp_path / "cellar", "refuse")
    with open_retraining(made.folder) as means:
        with only_server(made.root):
            release = means.begin_release(loop(model="wine"), made.version, RUN)
        with pytest.raises(TemporaryError, match="the project's server has ended"):
            means.release_ended(release)
        made.end(made.releases()[0])
        assert means.release_ended(release) is not None
