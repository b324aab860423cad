"""Before a replica is told to end, whoever sends it requests lets go of it."""

import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.adapters.threads import DaemonThreads
from seatrial.deployments.book import Started, open_book
from seatrial.deployments.held import Held
from seatrial.deployments.state import Phase
from seatrial.ports import Launch
from seatrial.records import DeployState, PermanentError, Resources
from seatrial.testing import FakeClock, FakeInstance, Script
from tests.deployments.fakes import Stage, wish
from tests.waiting import wait_until


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Two replicas that are ready, and a note of each that is let go: whether it ran, and what ran beside it."""
    made = Stage(tmp_path)
    made.want(wish(replicas=2))
    made.until(lambda: made.state is DeployState.READY)
    return made


def test_every_replica_of_a_replaced_version_is_let_go_while_it_runs(stage: Stage) -> None:
    """One after the other, each after its successor is ready."""
    seen: list[tuple[str, bool, list[str]]] = []

    def let_go(started: Started) -> None:
        seen.append((started.cell, started.cell in stage.running(), ready_cells(stage)))

    stage.let_go = let_go
    stage.want(wish(replicas=2, number=4, artifact="sha256:4"))
    stage.until(lambda: [4, 4] == [one.number for one in replicas(stage)])

    assert [
        ("wine.0.1", True, ["wine.0.1", "wine.0.2", "wine.1.1"]),
        ("wine.1.1", True, ["wine.0.2", "wine.1.1", "wine.1.2"]),
    ] == seen
    assert ["wine.0.2", "wine.1.2"] == stage.running()


def test_what_died_by_itself_is_not_let_go(stage: Stage) -> None:
    """There is nothing to wait for; nor is a door, which nobody is told of."""
    seen: list[str] = []
    stage.let_go = lambda started: seen.append(started.cell)
    stage.kill("wine.1.1")
    stage.until(lambda: stage.state is DeployState.READY and len(stage.running()) == 2)
    killed = list(seen)
    stage.want(wish(replicas=2), stopped=True)
    stage.until(lambda: not stage.running() and not stage.doors())

    assert [] == killed
    assert ["wine.0.1", "wine.1.2"] == seen


def test_a_replica_ends_even_if_it_cannot_be_let_go(stage: Stage) -> None:
    """Whatever goes wrong there, in whatever way."""

    def broken(_: Started) -> None:
        raise PermanentError("no proxy")

    stage.let_go = broken
    stage.want(wish(replicas=2), stopped=True)

    stage.until(lambda: not stage.running(), seconds=5)


def test_a_turn_does_not_wait_until_a_replica_is_let_go() -> None:
    """`stop` returns at once; the process is told to end once the other side has let go."""
    gone = threading.Event()
    held = _held()

    def wait(_: Started) -> None:
        wait_until(gone.is_set)

    held.stop(DaemonThreads(), wait)
    running = held.instance.status().running
    gone.set()
    stopping: Future[None] | None = held.stopping
    assert stopping is not None
    stopping.result(timeout=10)

    assert (Phase.STOPPING, True, False) == (held.phase, running, held.instance.status().running)


def test_the_book_says_which_version_an_instance_runs(tmp_path: Path) -> None:
    """Also that of all deployments at once; an instance that was written down by an earlier seatrial has number 0."""
    stage = Stage(tmp_path)
    stage.want(wish())
    stage.until(lambda: stage.state is DeployState.READY)

    book = open_book(tmp_path)
    found = {one.cell: one.number for one in book.everything_started()}
    book.close()

    assert {"wine.door.1": 0, "wine.0.1": 3} == found


def replicas(stage: Stage) -> list[Started]:
    """What the book says of those that are ready and run."""
    running = stage.running()
    return [one for one in stage.book.instances("wine") if one.ready and one.index >= 0 and one.cell in running]


def ready_cells(stage: Stage) -> list[str]:
    """Their names."""
    return sorted(one.cell for one in replicas(stage))


def _held() -> Held:
    launch = Launch(
        run="r", cell="wine.0.1", command=(), cwd=Path(), env={}, port=1, log=Path("log"), resources=Resources()
    )
    started = Started(
        cell="wine.0.1",
        name="wine",
        index=0,
        fingerprint="f",
        port=1,
        started=datetime(2026, 1, 1, tzinfo=UTC),
        runtime="process",
        resources=Resources(),
    )
    instance = FakeInstance(launch, Script(), FakeClock())
    return Held(started=started, instance=instance, phase=Phase.READY, answered=0.0)
