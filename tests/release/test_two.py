"""Never two releases of one service at once: the second is refused, waits, or takes the first one's place."""

from pathlib import Path

import pytest

from seatrial.records import ReleaseOutcome, ReleasePhase, UsageError, Verdict
from seatrial.release.book import open_release_book
from tests.release.world import World

HOUR = 3600.0


def _ends(world: World) -> list[tuple[int, ReleaseOutcome | None]]:
    return [(release.number, release.outcome) for release in reversed(world.book.past())]


def test_a_second_release_is_refused_by_default(tmp_path: Path) -> None:
    """The message says which one runs, and what would begin another."""
    world = World(tmp_path)
    world.start(2)
    world.run_until(ReleasePhase.STEPPING)
    with pytest.raises(UsageError, match="wine@2 is being released already") as caught:
        world.start(3)
    assert "--if-running wait or replace" in str(caught.value)
    assert 1 == len(world.book.past())


def test_a_release_that_waits_begins_when_the_first_has_ended(tmp_path: Path) -> None:
    """It is compared with what the first one left."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.start(2)
    world.run_until(ReleasePhase.STEPPING)
    world.start(3, if_running="wait")
    world.run(60.0)
    assert (ReleasePhase.WAITING, 1) == (world.release.phase, len(world.fleet.asked))
    assert "wine@2 goes first" in world.release.why

    world.run(2 * HOUR, until=lambda: world.release.phase is ReleasePhase.ENDED)
    assert [(2, ReleaseOutcome.PROMOTED), (3, ReleaseOutcome.PROMOTED)] == _ends(world)
    assert 2 == world.release.baseline
    assert [3] == [version.number for version in world.registry.holders("wine", "Production")]


def test_a_release_that_replaces_aborts_the_first(tmp_path: Path) -> None:
    """The first goes back to stable, then the second begins."""
    world = World(tmp_path)
    world.start(2)
    world.run_until(ReleasePhase.STEPPING)
    world.start(3, if_running="replace")
    world.run(2 * HOUR, until=lambda: world.release.phase is ReleasePhase.ENDED)

    assert [(2, ReleaseOutcome.ABORTED), (3, ReleaseOutcome.PROMOTED)] == _ends(world)
    first = world.book.past()[1]
    assert "ada aborted it: wine@3 takes its place" == first.why


def test_a_release_that_waited_for_its_own_version_ends(tmp_path: Path) -> None:
    """Where the first promoted the same version, nothing is left to do."""
    world = World(tmp_path)
    world.start(2)
    world.run_until(ReleasePhase.STEPPING)
    world.start(2, if_running="wait")
    world.run(HOUR, until=lambda: world.release.phase is ReleasePhase.ENDED)
    assert ("stable runs wine@2 already", Verdict.INCONCLUSIVE) == (world.release.why, world.release.verdict)


def test_two_that_are_asked_for_at_once_are_one(tmp_path: Path) -> None:
    """The list itself lets only one of a service run, whoever writes it."""
    from dataclasses import replace

    world = World(tmp_path)
    first = world.start(2)
    second = world.start(3, if_running="wait")
    other = open_release_book(tmp_path)
    assert other.write(replace(first, phase=ReleasePhase.STARTING))
    assert not other.write(replace(second, phase=ReleasePhase.STARTING))
    other.close()


def test_releases_of_other_services_do_not_wait(tmp_path: Path) -> None:
    """Each service has its own."""
    world = World(tmp_path, services=("wine", "beer"))
    world.start(2)
    world.start(3, service="beer")
    world.run(20.0)
    assert [ReleasePhase.STEPPING] * 2 == [release.phase for release in world.book.past()]


def test_trouble_with_one_is_none_for_the_others(tmp_path: Path) -> None:
    """A release whose own file is broken is told once, and the other is promoted."""
    world = World(tmp_path, services=("wine", "beer"))
    world.start(2)
    second = world.start(3, service="beer")
    broken = tmp_path / "releases" / second.id
    broken.mkdir(parents=True)
    (broken / "windows.jsonl").write_text("this is no window\n")
    world.run(2 * HOUR, until=lambda: world.book.get("-0000").phase is ReleasePhase.ENDED)
    assert ReleaseOutcome.PROMOTED is world.book.get("-0000").outcome


def test_what_is_no_release_is_refused(tmp_path: Path) -> None:
    """No stable version, the same version, another model."""
    world = World(tmp_path)
    with pytest.raises(UsageError, match="runs wine@1 already"):
        world.start(1)
    world.fleet.take_away("wine")
    with pytest.raises(UsageError, match="nothing runs in stable's place"):
        world.start(2)
    assert [] == world.book.past()
