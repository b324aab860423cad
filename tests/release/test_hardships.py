"""Clocks that jump and disks that are full."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from seatrial.records import ReleaseOutcome, ReleasePhase, ReleaseSpec, ReleaseStep, StepKind
from seatrial.release.kept import Kept
from tests.release.world import PlainJudge, World

HOUR = 3600.0
NEVER = 10**9


def test_a_clock_that_jumps_ahead_ends_no_step_and_no_release(tmp_path: Path) -> None:
    """Given hands that are moved by a day, then a step still lasts its time, and the release its twelve hours."""
    steps = (
        ReleaseStep(kind=StepKind.WEIGHT, share=100, dwell=1800.0),
        ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),
    )
    world = World(tmp_path, ReleaseSpec(steps=steps), judge=PlainJudge(promotes=NEVER))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(300.0, every=10.0)
    world.clock.moved += timedelta(hours=13)
    world.run(600.0, every=10.0)
    assert (ReleasePhase.STEPPING, 0, 100) == (world.release.phase, world.release.step, world.weight)

    world.run(1200.0, every=10.0)
    assert 1 == world.release.step


def test_a_clock_that_goes_back_makes_nothing_be_judged_twice(tmp_path: Path) -> None:
    """Given hands that are moved back by ten minutes, then it says so, waits until they are there again, and goes on."""
    world = World(tmp_path, judge=PlainJudge(promotes=NEVER))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(300.0, every=10.0)
    judged = world.release.judged_to
    world.clock.moved -= timedelta(minutes=10)
    world.run(300.0, every=10.0)
    assert judged == world.release.judged_to
    assert any(text.startswith("the clock went back") for text in world.troubles())

    world.run(600.0, every=10.0)
    seen = Kept(tmp_path / "releases" / world.release.id).windows()
    assert all(one.window.end == two.window.start for one, two in pairwise(seen))
    assert judged is not None
    assert world.release.judged_to is not None
    assert world.release.judged_to > judged


def test_with_a_full_disk_nothing_goes_forward_and_harm_still_aborts(tmp_path: Path) -> None:
    """Given lines that can't be written, then no promotion; the trouble is told once; and an abort is not held up."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    folder = tmp_path / "releases" / world.release.id
    _fill(folder)
    world.run(HOUR, every=10.0)
    assert ReleasePhase.STEPPING is world.release.phase
    assert "the judge says promote" in world.told
    assert 1 == sum("can't be written down" in text for text in world.troubles())

    world.stream.canary.errors = 0.5
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)
    assert ReleaseOutcome.ABORTED is release.outcome


def test_once_there_is_room_again_all_lines_are_there_and_it_goes_on(tmp_path: Path) -> None:
    """Given a disk that was full for a while, then no window is missing, and the release comes to its end."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    folder = tmp_path / "releases" / world.release.id
    before = _fill(folder)
    world.run(1200.0, every=10.0)
    for name, data in before.items():
        (folder / name).unlink()
        (folder / name).write_bytes(data)

    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=60.0).outcome
    kept = Kept(folder)
    seen = kept.windows()
    assert all(one.window.end == two.window.start for one, two in pairwise(seen))
    assert len(kept.judgements()) == sum(not one.warm for one in seen)
    assert "it is over: what was seen can't be written down" in world.told


def _fill(folder: Path) -> dict[str, bytes]:
    """Whatever is written to these files from now on finds no room; what they held."""
    before = {}
    for name in ("windows.jsonl", "judgements.jsonl"):
        before[name] = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/full")
    return before
