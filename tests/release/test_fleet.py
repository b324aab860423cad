"""The deployments behind a service, as a release sees and changes them: real entries in the real list."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.deployments.book import Book, open_book
from seatrial.deployments.deploy import DeployTools, ask_for
from seatrial.deployments.wishes import Asked
from seatrial.records import (
    Actor,
    Artifact,
    DeployState,
    DeployStatus,
    ModelVersion,
    ReplicaStatus,
    Resources,
    ServiceSpec,
)
from seatrial.release.fleet import DeployFleet
from seatrial.release.state import Side
from seatrial.testing import FakeClock

SPEC = ServiceSpec(name="wine", model="wine", replicas=3, canary_replicas=2)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A list of deployments."""
    found = open_book(tmp_path)
    yield found
    found.close()


def _version(number: int) -> ModelVersion:
    artifact = Artifact(digest=f"sha256:{number}", name="model")
    return ModelVersion(
        model="wine",
        number=number,
        artifact=artifact,
        stage="None",
        creator=Actor(name="ada"),
        created=FakeClock().now(),
    )


def _fleet(book: Book, tmp_path: Path, spec: ServiceSpec = SPEC) -> DeployFleet:
    tools = DeployTools(
        project=tmp_path,
        folder=tmp_path,
        book=book,
        clock=FakeClock(),
        runtimes=("process",),
        is_free=lambda _host, _port: True,
        ensure_server=lambda: None,
        server=lambda: 1,
    )
    asked = Asked(name="wine", replicas=3, memory=1 << 29, env={"THREADS": "2"})
    ask_for(tools, _version(1), asked, Resources())
    fleet = DeployFleet(tools, lambda: {"wine": spec})
    fleet.look()
    return fleet


def _seen(book: Book, name: str, state: DeployState, *, ready: int, restarts: int = 0, reason: str = "") -> None:
    wanted = book.get(name)
    replicas = tuple(
        ReplicaStatus(index=index, ready=index < ready, restarts=restarts) for index in range(wanted.wish.replicas)
    )
    book.publish(
        DeployStatus(wish=wanted.wish, state=state, replicas=replicas, reason=reason, generation=wanted.generation)
    )


def test_a_canary_is_made_like_stable(book: Book, tmp_path: Path) -> None:
    """The same resources and variables, another version, replicas as configured, an address of its own."""
    fleet = _fleet(book, tmp_path)
    fleet.deploy_canary("wine", 2, "sha256:2")
    stable, canary = book.get("wine").wish, book.get("wine-canary").wish
    expected = replace(
        stable, name="wine-canary", number=2, artifact="sha256:2", replicas=2, port=canary.port, created=canary.created
    )
    assert expected == canary
    assert stable.port != canary.port


def test_the_same_again_changes_nothing(book: Book, tmp_path: Path) -> None:
    """A wish that is there already is not entered again, so that nothing is tried anew."""
    fleet = _fleet(book, tmp_path)
    for _ in range(2):
        fleet.deploy_canary("wine", 2, "sha256:2")
        fleet.replace_stable("wine", 2, "sha256:2")
    assert [2, 1] == [book.get(name).generation for name in ("wine", "wine-canary")]
    fleet.remove_canary("wine")
    fleet.remove_canary("wine")
    assert not fleet.canary("wine").there


def test_a_spare_has_as_many_replicas_as_stable(book: Book, tmp_path: Path) -> None:
    """It has to take all requests at once; it takes the canary's place and address."""
    fleet = _fleet(book, tmp_path)
    fleet.deploy_canary("wine", 2, "sha256:2")
    port = book.get("wine-canary").wish.port
    fleet.deploy_canary("wine", 1, "sha256:1", spare=True)
    wish = book.get("wine-canary").wish
    assert (1, 3, port) == (wish.number, wish.replicas, wish.port)


def test_a_side_is_what_was_seen_of_it(book: Book, tmp_path: Path) -> None:
    """Ready once all replicas of the wish are; what was seen of an earlier wish says only who answers."""
    fleet = _fleet(book, tmp_path)
    assert (True, False, 0) == _short(fleet.stable("wine"))
    _seen(book, "wine", DeployState.READY, ready=3)
    fleet.look()
    assert (True, True, 3) == _short(fleet.stable("wine"))

    fleet.replace_stable("wine", 2, "sha256:2")
    assert (True, False, 3) == _short(fleet.stable("wine"))
    assert 2 == fleet.stable("wine").number
    _seen(book, "wine", DeployState.FAILED, ready=0, restarts=3, reason="it ended with exit status 1")
    fleet.look()
    side = fleet.stable("wine")
    assert (True, "it ended with exit status 1") == (side.loops, side.why)


def test_what_is_stopped_or_removed_is_not_there(book: Book, tmp_path: Path) -> None:
    """Nor is what never was."""
    fleet = _fleet(book, tmp_path)
    assert Side() == fleet.canary("wine")
    book.put(book.get("wine").wish, stopped=True)
    fleet.look()
    assert Side() == fleet.stable("wine")


def test_what_something_else_runs_is_taken_as_it_is(book: Book, tmp_path: Path) -> None:
    """Nobody knows its version, and nothing can be changed."""
    static = replace(SPEC, stable_url="http://a:1", canary_url="http://b:1")
    fleet = _fleet(book, tmp_path, static)
    assert fleet.stable("wine").static
    assert (True, True, 1) == _short(fleet.canary("wine"))


def _short(side: Side) -> tuple[bool, bool, int]:
    return side.there, side.ready, side.answers
