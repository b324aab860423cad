"""Continuous training of one project: its books, its datasets, its streams, and the releases that it begins."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.datasets import open_datasets
from seatrial.wiring.registries import open_registry, registry_url
from seatrial.wiring.releases import open_releases
from seatrial.wiring.streams import open_stream

if TYPE_CHECKING:
    from seatrial.datasets.book import DatasetBook
    from seatrial.datasets.cache import SegmentCache
    from seatrial.ports import Store, Stream
    from seatrial.records import ModelVersion, Release, RetrainSpec, StreamSpec
    from seatrial.retrain.book import RetrainBook


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainMeans:
    """What retrainings of a project work with beside trial and registry.

    Attributes:
        archive: keeps segments, dead lines and models.
        files: the same as files of this machine.
        stream: opens a stream as the configuration has it.
        begin_release: begins the release of a version for a run, unless it was begun; gives its id.
        release_ended: a release, once it has ended. Raises TemporaryError where nobody turns it.
        ensure_server: sees to it that the project's server, which turns releases, runs. Raises TemporaryError if it can't.
    """

    book: "RetrainBook"
    datasets: "DatasetBook"
    archive: "Store"
    files: "SegmentCache"
    environ: Mapping[str, str]
    stream: "Callable[[StreamSpec], Stream]"
    begin_release: "Callable[[RetrainSpec, ModelVersion, str], str]"
    release_ended: "Callable[[str], Release | None]"
    ensure_server: "Callable[[], None]"


@contextmanager
def open_retraining(project: Path) -> "Iterator[RetrainMeans]":
    """What retrainings work with.

    Raises:
        UsageError: the configuration is wrong, or `pip install 'seatrial[retrain]'` is missing.
        PermanentError: a database does not answer.
    """
    from seatrial.config import load_project
    from seatrial.retrain.book import open_retrain_book
    from seatrial.trial.workspace import open_workspace

    url = registry_url(load_project(project).registry, os.environ)
    with closing(open_retrain_book(open_workspace(project).root, url)) as book, open_datasets(project) as datasets:
        yield RetrainMeans(
            book=book,
            datasets=datasets.book,
            archive=datasets.store,
            files=datasets.files,
            environ=os.environ,
            stream=lambda spec: open_stream(spec, project.resolve(), os.environ),
            begin_release=lambda spec, version, run: _begin_release(project, spec, version, run),
            release_ended=lambda release: _release_ended(project, release),
            ensure_server=lambda: _ensure_server(project),
        )


def _begin_release(project: Path, spec: "RetrainSpec", version: "ModelVersion", run: str) -> str:
    """Begin the release that a run asks for; the one that it began already, if it did."""
    from seatrial.records import ReleaseSpec
    from seatrial.release.begin import Asked, begin
    from seatrial.release.desk import service_of

    who = f"retraining {run}"
    with open_releases(project) as desk, open_registry(project) as registry:
        service = service_of(desk, version.model, spec.service or None)
        known = (*desk.book.running(), *desk.book.past(service.name, limit=100))
        begun = next((each.id for each in known if each.who == who), None)
        if begun is None:
            if service.stable_url is None:
                place = registry.root / "versions" / version.artifact.digest.removeprefix("sha256:")
                registry.registry.fetch(version, place)
            asked = Asked(service=service, spec=desk.specs.get(service.name) or ReleaseSpec(), version=version, who=who)
            begun = begin(asked, book=desk.book, fleet=desk.fleet, clock=desk.clock, mark=desk.mark()).id
    _ensure_server(project)
    return begun


def _release_ended(project: Path, release: str) -> "Release | None":
    from seatrial.records import ReleasePhase, TemporaryError

    with open_releases(project) as desk:
        # The server first: what it did by then is in the book.
        server = desk.server()
        found = desk.book.get(release)
    if found.phase is ReleasePhase.ENDED:
        return found
    if server is None:
        raise TemporaryError(
            "the project's server has ended, and with it nobody turns releases",
            where=release,
            remedy="seatrial server goes on with them; the end of .seatrial/server.log says why it ended",
        )
    return None


def _ensure_server(project: Path) -> None:
    from seatrial.records import PermanentError, TemporaryError

    with open_releases(project) as desk:
        try:
            desk.ensure_server()
        except PermanentError as error:  # what was begun is not lost, and goes on once one runs
            raise TemporaryError(error.what, where=error.where, remedy=error.remedy) from error
