"""`seatrial release` as a user meets it: in a project whose server is played by the test."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seatrial.cli.main import app
from seatrial.deployments.deploy import ask_for
from seatrial.deployments.server import only_server
from seatrial.deployments.wishes import Asked
from seatrial.records import Actor, PermanentError, ReleasePhase, Resources, UsageError, VersionDraft
from seatrial.wiring import open_deployments, open_registry
from tests.release.world import NOON, PlainJudge, World
from tests.waiting import wait_until

CONFIG = """
name: cellar
deployments:
  wine: {run: "true", requests: {file: requests.jsonl}}
services:
  wine:
    release:
      steps: [{weight: 20%, until: decided}]
"""


@dataclass
class Shell:
    """A user in the project."""

    folder: Path
    world: World

    def run(self, *words: str, status: int = 0) -> str:
        """What one command prints on standard output."""
        result = CliRunner().invoke(app, ["release", *words, "--project", str(self.folder)])
        if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert status == result.exit_code, result.output
        return result.stdout

    def json(self, *words: str, status: int = 0) -> Any:
        """The same as JSON."""
        return json.loads(self.run(*words, "--format", "json", status=status))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Three versions of wine, of which the first is stable; a server that turns releases, an hour in a moment."""
    monkeypatch.setenv("SEATRIAL_ACTOR", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "cellar"
    (folder / ".seatrial").mkdir(parents=True)
    (folder / "seatrial.yaml").write_text(CONFIG)
    with open_registry(folder) as tools:
        for number in (1, 2, 3):
            (tmp_path / "model.txt").write_text(f"model {number}")
            draft = VersionDraft(model="wine", creator=Actor(name="ada"), created=NOON)
            version = tools.registry.register(draft, tmp_path / "model.txt")
            if number == 1:
                with open_deployments(folder) as deployments:
                    ask_for(deployments, version, Asked(name="wine", replicas=2), Resources())
    world = World(folder / ".seatrial", judge=PlainJudge(promotes=400))
    with only_server(folder / ".seatrial"):
        yield Shell(folder, world)
    world.book.close()


@pytest.fixture
def server(shell: Shell) -> Iterator[None]:
    """Turns releases while commands run."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.005):
            shell.world.turn(2.0)

    thread = threading.Thread(target=turn)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("server")
def test_a_release_that_is_waited_for_exits_with_what_it_is_worth(shell: Shell) -> None:
    """0 for a promotion; the last line says it."""
    said = shell.run("start", "wine@2", "--wait")
    assert " PASS  wine@2 promoted: no metric is worse than its margin" in said
    (release,) = shell.json("history")
    assert ("promoted", "ada", 2) == (release["outcome"], release["who"], release["number"])


@pytest.mark.usefixtures("server")
def test_harm_is_watched_line_by_line(shell: Shell) -> None:
    """1 for harm; as JSON each thing that happens is a line."""
    shell.world.stream.canary.errors = 0.5
    lines = [
        json.loads(line) for line in shell.run("start", "wine@2", "--watch", "--format", "json", status=1).splitlines()
    ]
    kinds = {line["kind"] for line in lines}
    assert {"phase", "weight", "verdict", "replica"} <= kinds
    assert lines[-1]["text"].startswith("aborted: errors")
    assert shell.run("watch", "wine", status=1).splitlines()[-1].startswith(" FAIL  wine@2 aborted: errors")


@pytest.mark.usefixtures("server")
def test_orders_are_heard_and_their_outcome_is_shown(shell: Shell) -> None:
    """Pause, resume, abort: the status after each says where the release stands; who and why is kept."""
    shell.world.judge.promotes = 10**9
    identity = shell.run("start", "wine@2").strip()
    wait_until(lambda: shell.world.book.get(identity).phase is ReleasePhase.STEPPING)
    assert "state    paused" in shell.run("pause", "--reason", "lunch")
    assert "why      ada paused it: lunch" in shell.run("status", "wine")
    assert "state    step 1 of 1" in shell.run("resume", "wine")
    with pytest.raises(UsageError, match="resume changes nothing: it waits for nobody"):
        shell.run("resume", "wine")
    with pytest.raises(UsageError, match="without the judge's word wine@2 can't have Production"):
        shell.run("promote", "wine")
    assert "ada aborted it: wrong one" in shell.run("abort", identity[-4:], "--reason", "wrong one")
    said = shell.run("explain", identity)
    assert "ada paused it: lunch" in said
    assert "The judge says continue after" in said


@pytest.mark.usefixtures("server")
def test_a_promotion_is_rolled_back_by_the_name_of_the_service(shell: Shell) -> None:
    """The release that was promoted last is meant."""
    shell.run("start", "wine@2", "--wait")
    shell.run("rollback", "wine", "--reason", "tastes odd")
    wait_until(lambda: shell.world.release.phase is ReleasePhase.ENDED)
    assert "rolled back" in shell.run("history")
    with pytest.raises(UsageError, match="nothing was promoted to wine by a release"):
        shell.run("rollback", "wine")


def test_what_can_not_begin_is_refused_before_anything_is_written(shell: Shell) -> None:
    """No such service, the same version, no version; a second one while one runs."""
    for words, message in (
        (("wine@1",), "wine runs wine@1 already"),
        (("wine",), "which version"),
        (("wine@2", "--service", "beer"), "there is no service 'beer'"),
    ):
        with pytest.raises(UsageError, match=message):
            shell.run("start", *words)
    assert [] == shell.json("history")
    shell.run("start", "wine@2", "--dry-run")
    with pytest.raises(UsageError, match="being released already"):
        shell.run("start", "wine@3")
    assert 3 == shell.json("start", "wine@3", "--if-running", "wait")["number"]
    assert 2 == len(shell.json("status")["releases"])


def test_a_version_whose_files_have_changed_is_refused(shell: Shell) -> None:
    """What would run is not what was registered: nothing begins."""
    digest = shell.world.registry.version("wine", 2).artifact.digest.removeprefix("sha256:")
    (stored,) = (
        path for path in (shell.folder / ".seatrial" / "store").rglob("*") if digest in str(path).replace("/", "")
    )
    stored.chmod(0o600)
    stored.write_text("something else")
    with pytest.raises(PermanentError, match="no longer match"):
        shell.run("start", "wine@2")
    assert [] == shell.json("history")


def test_nothing_that_runs_is_said_in_words(shell: Shell) -> None:
    """And what is asked of nothing is a usage error."""
    assert "no release runs" in shell.run("status")
    assert "nothing was released yet" in shell.run("history")
    with pytest.raises(UsageError, match="no release runs"):
        shell.run("pause")
    with pytest.raises(UsageError, match="there is no release 'beer'"):
        shell.run("status", "beer")
