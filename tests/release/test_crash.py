"""Whatever is killed, whenever: the release goes on from the state of the world, and comes to the same end."""

import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import (
    OrderKind,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    ReleaseStep,
    StepKind,
)
from seatrial.release.kept import Kept
from tests.release.world import PlainJudge, World

HOUR = 3600.0
STEPS = (
    ReleaseStep(kind=StepKind.WEIGHT, share=100, dwell=30.0),
    ReleaseStep(kind=StepKind.WEIGHT, share=300, decided=True),
)
SPEC = ReleaseSpec(steps=STEPS, bake=60.0)


class KilledError(BaseException):
    """The process ends here, whatever it was doing."""


class Killer:
    """Ends the process at the n-th thing that it does to the world or to its disk."""

    def __init__(self, world: World, at: int) -> None:
        self._left = at
        self._world = world

    def arm(self) -> None:
        """Stand in every door."""
        world, book = self._world, self._world.book
        for owner, name in (
            (world.routes, "steer"),
            (world.fleet, "deploy_canary"),
            (world.fleet, "replace_stable"),
            (world.fleet, "remove_canary"),
            (world.registry, "keep"),
            (world.registry, "move"),
            (book, "write"),
        ):
            self._stand(owner, name)

    def _stand(self, owner: object, name: str) -> None:
        real = getattr(owner, name)

        def killing(*args: object, **kwargs: object) -> object:
            self._left -= 1
            if self._left == 0:
                raise KilledError
            result = real(*args, **kwargs)
            self._left -= 1
            if self._left == 0:
                raise KilledError
            return result

        setattr(owner, name, killing)


def _run(world: World, kills: list[int], *, seconds: float = 2 * HOUR) -> None:
    """Let time pass; after each so many effects the process is killed, and another one goes on."""
    real = {
        (owner, name): getattr(owner, name)
        for owner, name in (
            (world.routes, "steer"),
            (world.fleet, "deploy_canary"),
            (world.fleet, "replace_stable"),
            (world.fleet, "remove_canary"),
            (world.registry, "keep"),
            (world.registry, "move"),
        )
    }
    waiting = list(kills)
    if waiting:
        Killer(world, waiting.pop(0)).arm()
    for _ in range(int(seconds / 5)):
        world.clock.sleep(5.0)
        world.settle()
        try:
            world.runner.round()
        except KilledError:
            for (owner, name), method in real.items():
                setattr(owner, name, method)
            world.restart()
            if waiting:
                Killer(world, waiting.pop(0)).arm()
        if world.release.phase is ReleasePhase.ENDED:
            return


def _end(world: World) -> tuple[object, ...]:
    return (
        world.release.phase,
        world.release.outcome,
        world.release.verdict,
        world.weight,
        world.fleet.stable("wine").number,
        world.fleet.canary("wine").there,
        [version.number for version in world.registry.holders("wine", "Production")],
        len([line for line in world.registry.ledger("wine") if line.run == world.release.id]),
    )


def _world(folder: str, *, harm: bool) -> World:
    world = World(Path(folder), SPEC)
    world.given_in_production(1)
    world.stream.canary.errors = 0.1 if harm else 0.001
    return world


@pytest.mark.slow
@pytest.mark.parametrize("harm", [False, True])
@settings(max_examples=12)
@given(kills=st.lists(st.integers(1, 30), max_size=4))
def test_killed_at_any_moment_it_comes_to_the_same_end(harm: bool, kills: list[int]) -> None:  # noqa: FBT001 - two cases
    """After each effect, between any two of them: the end is the one that it would have had."""
    with tempfile.TemporaryDirectory() as folder:
        world = _world(folder, harm=harm)
        world.start()
        _run(world, kills)

        assert _untouched(harm=harm) == _end(world)
        assert world.release.outcome is (ReleaseOutcome.ABORTED if harm else ReleaseOutcome.PROMOTED)
        seen = Kept(Path(folder) / "releases" / world.release.id).windows()
        assert all(one.window.end == two.window.start for one, two in pairwise(seen))
        world.book.close()


@cache
def _untouched(*, harm: bool) -> tuple[object, ...]:
    """The end of one that nobody killed."""
    with tempfile.TemporaryDirectory() as folder:
        world = _world(folder, harm=harm)
        world.start()
        _run(world, [])
        end = _end(world)
        world.book.close()
        return end


@pytest.mark.slow
@settings(max_examples=6)
@given(kills=st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_a_roll_back_that_is_killed_is_rolled_back(kills: list[int]) -> None:
    """The wish is on disk, and whoever comes next fulfils it."""
    with tempfile.TemporaryDirectory() as folder:
        world = _world(folder, harm=False)
        world.start()
        _run(world, [])
        world.order(OrderKind.ROLL_BACK)
        world.turn()
        _run(world, kills)
        assert ReleaseOutcome.ROLLED_BACK is world.release.outcome
        assert 1 == world.fleet.stable("wine").number
        assert [1] == [version.number for version in world.registry.holders("wine", "Production")]
        world.book.close()


def test_an_observer_that_comes_after_a_crash_says_the_same_bit_for_bit(tmp_path: Path) -> None:
    """Judgements are those of a process that was never killed; at most the windows since the last dump are judged again."""
    for name in ("plain", "killed"):
        (tmp_path / name).mkdir()
    plain, killed = (World(tmp_path / name, judge=PlainJudge(promotes=10**9)) for name in ("plain", "killed"))
    for world in (plain, killed):
        world.start()
        world.run_until(ReleasePhase.STEPPING)
    for minute in range(20):
        plain.run(60.0, every=10.0)
        killed.run(60.0, every=10.0)
        if minute % 3 == 0:
            killed.restart()

    lines = [
        (world.folder / "releases" / world.release.id / "judgements.jsonl").read_bytes() for world in (plain, killed)
    ]
    assert lines[0] == lines[1]
    assert 119 <= lines[0].count(b"\n") <= 121
    assert killed.judge.loads >= 3


def test_a_line_that_was_cut_off_is_seen_again(tmp_path: Path) -> None:
    """A crash in the middle of a write leaves half a line; the window is asked for again."""
    world = World(tmp_path, judge=PlainJudge(promotes=10**9))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(300.0)
    folder = tmp_path / "releases" / world.release.id
    whole = [(folder / name).read_bytes() for name in ("windows.jsonl", "judgements.jsonl")]
    for name in ("windows.jsonl", "judgements.jsonl"):
        file = folder / name
        file.write_bytes(file.read_bytes()[:-40])
    world.restart()
    world.runner.round()
    assert whole == [(folder / name).read_bytes() for name in ("windows.jsonl", "judgements.jsonl")]


def test_a_state_that_can_not_be_read_is_made_anew(tmp_path: Path) -> None:
    """The windows are all there, so nothing depends on the dump."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(400.0)
    (tmp_path / "releases" / world.release.id / "judge.json").write_text("{")
    world.restart()
    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=HOUR).outcome
