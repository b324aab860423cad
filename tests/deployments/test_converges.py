"""Whatever happens, in whatever order: no replica runs twice, what can be started in the end is, and pauses have bounds."""

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.deployments.backoff import (
    FIRST_PAUSE,
    LEAST_SHARE,
    LONGEST_PAUSE,
    STABLE_SECONDS,
    after_failure,
    due,
    pause,
)
from seatrial.deployments.plan import Start, plan
from seatrial.deployments.state import DOOR, Phase, Place, Preparation, Seen, World, state_of
from seatrial.deployments.wishes import fingerprint
from seatrial.records import DeployState
from seatrial.testing import Script
from tests.deployments.fakes import Stage, wish

EVENTS = st.one_of(
    st.tuples(st.just("turn"), st.integers(1, 8)),
    st.tuples(st.just("kill"), st.integers(0, 8)),
    st.tuples(st.just("kill door"), st.just(0)),
    st.tuples(st.just("crash"), st.just(0)),
    st.tuples(st.just("replicas"), st.integers(1, 3)),
    st.tuples(st.just("version"), st.integers(3, 5)),
    st.tuples(st.just("stop"), st.just(0)),
    st.tuples(st.just("start"), st.just(0)),
    st.tuples(st.just("break"), st.just(0)),
    st.tuples(st.just("mend"), st.just(0)),
)


def happen(stage: Stage, what: str, number: int, wanted: dict[str, Any]) -> None:  # noqa: C901 - a list of events
    """One event."""
    match what:
        case "turn":
            for _ in range(number):
                stage.turn(seconds=0.4)
                check(stage, wanted)
        case "kill" if stage.running():
            stage.kill(stage.running()[number % len(stage.running())])
        case "kill door" if stage.doors():
            stage.kill(stage.doors()[0])
        case "crash":
            stage.crash()
        case "replicas":
            wanted["replicas"] = number
        case "version":
            wanted |= {"number": number, "artifact": f"sha256:{number}"}
        case "stop":
            wanted["stopped"] = True
        case "start":
            wanted["stopped"] = False
        case "break":
            stage.runtime.script = lambda _: Script(dies_after=0.7, exit_status=1)
        case "mend":
            stage.runtime.script = lambda _: Script()
    enter(stage, wanted)


def enter(stage: Stage, wanted: dict[str, Any]) -> None:
    """Write the wish down."""
    asked = wish(**{key: value for key, value in wanted.items() if key != "stopped"})
    before = stage.book.find("wine")
    if before is None or (before.wish, before.stopped) != (asked, wanted["stopped"]):
        stage.want(asked, stopped=wanted["stopped"])


def check(stage: Stage, wanted: dict[str, Any]) -> None:
    """What holds at every moment."""
    known = {one.cell: one for one in stage.book.instances("wine")}
    assert set(stage.running()) | set(stage.doors()) <= known.keys()
    same = Counter((known[cell].index, known[cell].fingerprint) for cell in stage.running())
    assert max(same.values(), default=0) <= 1
    places = Counter(known[cell].index for cell in stage.running())
    assert max(places.values(), default=0) <= 2
    assert len(stage.doors()) <= 1
    if wanted["stopped"]:
        assert [] == stage.running() + stage.doors()


@pytest.mark.slow
@settings(max_examples=60)
@given(events=st.lists(EVENTS, max_size=25), shared=st.booleans())
def test_whatever_happens_it_becomes_what_is_wanted(events: list[tuple[str, int]], shared: bool) -> None:  # noqa: FBT001
    """Kills, crashes, versions and stops in any order; then all is mended, and the wish is fulfilled exactly."""
    with TemporaryDirectory() as folder:
        stage = Stage(Path(folder), shared=shared)
        wanted: dict[str, Any] = {"stopped": False, "replicas": 1, "number": 3, "artifact": "sha256:3"}
        enter(stage, wanted)
        for what, number in events:
            happen(stage, what, number if shared or what != "replicas" else 1, wanted)

        happen(stage, "mend", 0, wanted)
        happen(stage, "start", 0, wanted)
        stage.turn(2)
        final = fingerprint(stage.book.get("wine").now)
        stage.until(lambda: settled(stage, final, wanted["replicas"]))

        before = stage.running() + stage.doors()
        stage.turn(40)
        assert before == stage.running() + stage.doors()
        assert (1 if shared else 0) == len(stage.doors())
        stage.book.close()


def settled(stage: Stage, final: str, replicas: int) -> bool:
    """Whether all that runs is what is wanted, the door included, and it is shown so."""
    known = {one.cell: one for one in stage.book.instances("wine")}
    marks = [known[cell].fingerprint for cell in stage.running()]
    return stage.state is DeployState.READY and [final] * replicas == marks and len(stage.doors()) == int(stage.shared)


SEEN = st.builds(
    Seen,
    cell=st.integers(0, 10_000).map(str),
    index=st.integers(DOOR, 3),
    fingerprint=st.sampled_from(["old", "new"]),
    phase=st.sampled_from(list(Phase)),
    behind_door=st.booleans(),
    sick=st.sampled_from(["", "silent"]),
)
PLACES = st.dictionaries(
    st.integers(DOOR, 3),
    st.builds(Place, index=st.just(0), failures=st.integers(0, 5), not_before=st.floats(0, 200)),
)
WORLDS = st.builds(
    World,
    now=st.just(100.0),
    fingerprint=st.just("new"),
    instances=st.lists(SEEN, max_size=8, unique_by=lambda seen: seen.cell).map(tuple),
    places=PLACES.map(
        lambda found: {
            index: Place(index=index, failures=place.failures, not_before=place.not_before, fingerprint="new")
            for index, place in found.items()
        }
    ),
    preparation=st.builds(
        Preparation,
        fingerprint=st.sampled_from(["", "old", "new"]),
        running=st.booleans(),
        shared=st.sampled_from([True, False]),
    ),
    spare_socket=st.booleans(),
)


@settings(max_examples=400)
@given(world=WORLDS, replicas=st.integers(0, 3))
def test_no_plan_starts_what_is_there_or_too_early(world: World, replicas: int) -> None:
    """In any world, likely or not: each start is of an empty place, of what was prepared, and after its pause."""
    starts = [action for action in plan(wish(replicas=max(replicas, 1)), world) if isinstance(action, Start)]

    assert len(starts) == len({start.index for start in starts})
    for start in starts:
        assert not world.fresh(start.index)
        there = [seen.phase for seen in world.instances if seen.index == start.index]
        assert Phase.ENDED not in there
        assert world.shared or not there
        assert world.prepared
        assert due(world.place(start.index).not_before, world.now)
        assert start.index < max(replicas, 1)


@given(world=WORLDS)
def test_nothing_is_started_for_a_stopped_deployment(world: World) -> None:
    """All that lives is told to end."""
    actions = plan(wish(replicas=0), world)

    assert {seen.cell for seen in world.instances if seen.lives} | {
        seen.cell for seen in world.instances if seen.phase is Phase.ENDED
    } == {action.cell for action in actions if hasattr(action, "cell")}
    assert len(actions) == len([action for action in actions if hasattr(action, "cell")])


@given(world=WORLDS, replicas=st.integers(1, 3))
def test_what_is_ready_is_shown_so(world: World, replicas: int) -> None:
    """READY means that every place has what is wanted and it answers; FAILED that nothing answers."""
    state = state_of(wish(replicas=replicas), world)
    answering = [seen for seen in world.instances if seen.phase is Phase.READY and seen.index != DOOR]

    assert (state is DeployState.READY) == all(world.is_ready(index) for index in range(replicas))
    if state is DeployState.FAILED:
        assert [] == answering


@given(failures=st.integers(1, 10_000), seed=st.integers())
def test_a_pause_is_within_its_bounds(failures: int, seed: int) -> None:
    """Three quarters to all of 0.5, 1, 2, 4 … 300 seconds."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 40))

    assert LEAST_SHARE * whole <= pause(failures, Random(seed)) <= whole


def test_the_same_seed_gives_the_same_pauses() -> None:
    """Chance comes from a generator that was seeded, so that a test can be repeated."""
    assert [pause(n, Random(3)) for n in range(1, 9)] == [pause(n, Random(3)) for n in range(1, 9)]


@given(ready=st.one_of(st.none(), st.floats(0, 1000)), failures=st.integers(0, 20))
def test_only_what_was_ready_for_a_while_is_forgiven(ready: float | None, failures: int) -> None:
    """One that is ready for a moment and falls over again does not begin from the first pause."""
    after = after_failure(
        Place(index=0, failures=failures), reason="x", ready_seconds=ready, now=50.0, chance=Random(1)
    )

    assert (1 if ready is not None and ready >= STABLE_SECONDS else failures + 1) == after.failures
    assert (ready is not None, 1, "x") == (after.was_ready, after.restarts, after.reason)


def test_a_clock_that_was_set_back_keeps_nothing_down() -> None:
    """A start that lies further ahead than any pause is due."""
    assert due(10_000.0, 0.0)
    assert not due(200.0, 0.0)
