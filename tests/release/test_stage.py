"""What the registry is told at the end of a release, and on what evidence."""

from dataclasses import replace
from pathlib import Path

from seatrial.records import (
    ActorKind,
    EntryKind,
    OrderKind,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    StageRules,
    Verdict,
)
from tests.release.world import PlainJudge, World

HOUR = 3600.0


def _holders(world: World, stage: str = "Production") -> list[int]:
    return [version.number for version in world.registry.holders("wine", stage)]


def test_the_stage_is_handed_over_on_the_evidence_of_the_release(tmp_path: Path) -> None:
    """The ledger names the release as the run; who asked for it is the one for whom it acts."""
    world = World(tmp_path)
    world.tools = replace(world.tools, report=lambda _: "sha256:report")
    world.given_in_production(1)
    world.start()
    world.runner = type(world.runner)(world.tools)
    release = world.run_until(ReleasePhase.ENDED)

    evidence = world.registry.evidence(release.id)
    assert evidence is not None
    assert (Verdict.PASS, 1, release.digest, "sha256:report") == (
        evidence.verdict,
        evidence.baseline,
        evidence.artifact,
        evidence.report,
    )
    displaced, moved = world.registry.ledger("wine")[-2:]
    assert (EntryKind.DISPLACED, 1) == (displaced.kind, displaced.number)
    assert (release.id, "ada", ActorKind.RUN) == (moved.run, moved.actor.name, moved.actor.kind)
    assert release.why == moved.reason


def test_a_version_that_holds_the_stage_already_is_not_moved(tmp_path: Path) -> None:
    """A promotion gave it the stage, the release gives it the users; its roll-back leaves the stage and says so."""
    world = World(tmp_path)
    world.given_in_production(2)
    world.start(2)
    lines = len(world.registry.ledger())
    world.run_until(ReleasePhase.ENDED)
    assert (lines, [2]) == (len(world.registry.ledger()), _holders(world))

    world.order(OrderKind.ROLL_BACK)
    world.turn()
    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    assert (ReleaseOutcome.ROLLED_BACK, [2]) == (release.outcome, _holders(world))


def test_another_holder_meanwhile_is_not_displaced(tmp_path: Path) -> None:
    """Somebody promoted a third version: the registry refuses, and the release notes it."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.start(2)
    world.run_until(ReleasePhase.STEPPING)
    world.given_in_production(3)
    release = world.run_until(ReleasePhase.ENDED)
    assert (ReleaseOutcome.PROMOTED, [3]) == (release.outcome, _holders(world))
    assert release.notes[0].startswith("the registry did not give it Production: Production moved from 1 to 3")


def test_a_stage_that_there_is_not_ends_no_release_in_a_loop(tmp_path: Path) -> None:
    """The release was begun with a stage that somebody removed from the project since."""
    world = World(tmp_path, ReleaseSpec(stage="Staging"))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.rules = StageRules(stages=world.rules.stages[:1])
    release = world.run_until(ReleasePhase.ENDED)
    assert "the registry was not told: there is no stage 'Staging'" == release.notes[0]


def test_a_person_who_promotes_breaks_the_glass_where_that_is_allowed(tmp_path: Path) -> None:
    """The ledger says who, why, and that it was without evidence."""
    world = World(tmp_path, judge=PlainJudge(promotes=10**9), rules=StageRules(break_glass=True))
    world.given_in_production(1)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.order(OrderKind.PROMOTE, "security fix")
    world.run_until(ReleasePhase.ENDED, within=60.0)
    line = world.registry.ledger("wine")[-1]
    assert ([2], EntryKind.BROKE_GLASS, "bob") == (_holders(world), line.kind, line.actor.name)
    assert "bob promoted it: security fix" in line.reason


def test_an_open_stage_is_given_to_who_was_promoted_by_a_person(tmp_path: Path) -> None:
    """Nothing guards it."""
    world = World(tmp_path, ReleaseSpec(stage="Staging"), judge=PlainJudge(promotes=10**9))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.order(OrderKind.PROMOTE)
    world.run_until(ReleasePhase.ENDED, within=60.0)
    assert [2] == _holders(world, "Staging")
