"""What people tell a release, and what it makes of it."""

from pathlib import Path

import pytest

from seatrial.records import (
    OrderKind,
    ReleaseOutcome,
    ReleasePhase,
    ReleaseSpec,
    ReleaseStep,
    StepKind,
    Verdict,
)
from seatrial.release.outcome import exit_code
from tests.release.world import PlainJudge, World

HOUR = 3600.0
NEVER = 10**9


def test_a_pause_keeps_the_weight_and_the_time_until_it_is_over(tmp_path: Path) -> None:
    """Given a pause, then nothing steps and no time passes for the release; after it, it goes on."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.order(OrderKind.PAUSE, "deploying something else")
    world.stream.rate = 0.0
    world.run(13 * HOUR, every=600.0)
    world.stream.rate = 10.0

    assert (ReleasePhase.PAUSED, 200) == (world.release.phase, world.weight)
    assert "bob paused it: deploying something else" == world.release.why

    world.order(OrderKind.RESUME)
    assert ReleaseOutcome.PROMOTED is world.run_until(ReleasePhase.ENDED, within=HOUR).outcome


def test_harm_aborts_a_release_that_is_paused_too(tmp_path: Path) -> None:
    """A pause is no shelter."""
    world = World(tmp_path, judge=PlainJudge(promotes=NEVER))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.order(OrderKind.PAUSE)
    world.run(60.0)
    world.stream.canary.errors = 0.2

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (ReleaseOutcome.ABORTED, Verdict.FAIL, 0) == (release.outcome, release.verdict, world.weight)


def test_a_person_aborts(tmp_path: Path) -> None:
    """It says who and why; no verdict is claimed."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    order = world.order(OrderKind.ABORT, "wrong version")
    world.turn()
    assert 0 == world.weight

    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    answer = world.book.answer(order)
    assert answer is not None
    assert "" == answer.refused
    assert ("bob aborted it: wrong version", 3) == (release.why, exit_code(release))


def test_a_person_promotes_before_the_judge_has_decided(tmp_path: Path) -> None:
    """Who and why is kept; the evidence says inconclusive, and a guarded stage is not given for it."""
    world = World(tmp_path, judge=PlainJudge(promotes=NEVER))
    world.given_in_production(1)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    world.order(OrderKind.PROMOTE, "security fix")

    release = world.run_until(ReleasePhase.ENDED, within=60.0)

    assert (ReleaseOutcome.PROMOTED, Verdict.INCONCLUSIVE, "bob") == (
        release.outcome,
        release.verdict,
        release.promoted_by,
    )
    assert release.why.startswith("bob promoted it: security fix; the judge had not decided")
    evidence = world.registry.evidence(release.id)
    assert evidence is not None
    assert Verdict.INCONCLUSIVE is evidence.verdict
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]
    assert "the registry did not give it Production" in release.notes[0]
    assert "he registry did not give it Production" in " ".join(world.notices[-1].sentences)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OrderKind.RESUME, "resume changes nothing: it waits for nobody"),
        (OrderKind.APPROVE, "approve changes nothing: it waits for nobody"),
        (OrderKind.ROLL_BACK, "rollback changes nothing: nothing was promoted yet"),
    ],
)
def test_an_order_that_makes_no_sense_is_answered(tmp_path: Path, kind: OrderKind, words: str) -> None:
    """It is refused once, with the reason, and changes nothing."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    order = world.order(kind)
    world.run(10.0)

    answer = world.book.answer(order)
    assert answer is not None
    assert answer.refused.startswith(words)
    assert 1 == world.told.count(words)
    assert ReleasePhase.STEPPING is world.release.phase


def test_orders_are_obeyed_in_their_order(tmp_path: Path) -> None:
    """Pause, then resume, given at once, is a short pause."""
    world = World(tmp_path)
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.order(OrderKind.PAUSE)
    world.order(OrderKind.RESUME)
    world.run(10.0)

    assert ReleasePhase.STEPPING is world.release.phase
    assert "bob paused it" in world.told
    assert "bob says go on" in world.told
    assert [] == world.book.open_orders()


def test_a_promoted_version_is_rolled_back_by_one_wish(tmp_path: Path) -> None:
    """Given a promotion that has ended, then rollback brings the old version back, and the stage with it."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.start()
    world.run_until(ReleasePhase.ENDED)
    world.order(OrderKind.ROLL_BACK, "the wine tastes odd")
    world.turn()
    release = world.run_until(ReleasePhase.ENDED, within=60.0)

    assert (ReleaseOutcome.ROLLED_BACK, 1) == (release.outcome, exit_code(release))
    assert ["wine: 2", "wine-canary: gone", "wine: 1"] == world.fleet.asked[1:]
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]
    line = world.registry.ledger("wine", number=1)[-1]
    assert f"it held Production before release {release.id}: bob rolled it back: the wine tastes odd" == line.reason
    assert [
        "cellar: wine v2 has all requests of wine – pass",
        "cellar: the release of wine v2 to wine was rolled back – fail",
    ] == [notice.subject for notice in world.notices]


def test_while_it_bakes_the_old_version_stands_ready_and_has_everything_at_once(tmp_path: Path) -> None:
    """Given a promotion with a bake, then the old version waits in the canary's place, and a roll-back needs no start."""
    world = World(tmp_path, ReleaseSpec(bake=600.0))
    world.given_in_production(1)
    world.start()
    world.run_until(ReleasePhase.BAKING)
    world.run(60.0)
    assert ("wine-canary: 1", 0) == (world.fleet.asked[-1], world.weight)

    world.order(OrderKind.ROLL_BACK)
    world.turn()
    assert 1000 == world.weight
    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    assert (ReleaseOutcome.ROLLED_BACK, 0) == (release.outcome, world.weight)
    assert ["wine: 1", "wine-canary: gone"] == world.fleet.asked[-2:]
    assert 1 == world.fleet.stable("wine").number


@pytest.mark.parametrize("told", [True, False])
def test_a_bake_ends_by_itself_or_when_told(tmp_path: Path, told: bool) -> None:  # noqa: FBT001 - two cases
    """Promote ends it early; after its time the old version goes."""
    world = World(tmp_path, ReleaseSpec(bake=600.0))
    world.start()
    world.run_until(ReleasePhase.BAKING)
    begun = world.clock.monotonic()
    if told:
        world.order(OrderKind.PROMOTE)
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert ReleaseOutcome.PROMOTED is release.outcome
    assert "wine-canary: gone" == world.fleet.asked[-1]
    assert told == (world.clock.monotonic() - begun < 60.0)


def test_an_abort_while_stable_is_being_replaced_brings_the_old_version_back(tmp_path: Path) -> None:
    """Given a promotion under way, then abort returns stable to what it was before the canary goes."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.start()
    world.run_until(ReleasePhase.PROMOTING)
    world.order(OrderKind.ABORT)
    release = world.run_until(ReleasePhase.ENDED, within=60.0)

    assert ReleaseOutcome.ABORTED is release.outcome
    assert ["wine-canary: 2", "wine: 2", "wine: 1", "wine-canary: gone"] == world.fleet.asked
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]


def test_a_dry_run_says_what_it_would_do_and_moves_nothing(tmp_path: Path) -> None:
    """Given a weight that people set by hand, then it is judged as any release is, and nothing is touched."""
    world = World(tmp_path)
    world.given_in_production(1)
    world.fleet.put("wine-canary", 2, 1)
    world.run(10.0)
    world.routes.steer("wine", weight=300)
    before = list(world.fleet.asked)
    world.start(dry_run=True)

    release = world.run_until(ReleasePhase.ENDED, within=HOUR)

    assert (ReleaseOutcome.PROMOTED, Verdict.PASS, 300) == (release.outcome, release.verdict, world.weight)
    assert before == world.fleet.asked
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]
    assert "it would give the canary 20 %" in world.told
    assert "it would be promoted: no metric is worse than its margin" in world.told
    assert [] == world.notices


def test_a_dry_run_without_a_weight_ends_without_a_verdict(tmp_path: Path) -> None:
    """Nobody gave the canary a request, so nothing passes."""
    world = World(tmp_path, ReleaseSpec(longest=HOUR))
    world.start(dry_run=True)

    release = world.run_until(ReleasePhase.ENDED, within=2 * HOUR, every=10.0)

    assert (Verdict.INCONCLUSIVE, 3, []) == (release.verdict, exit_code(release), world.fleet.asked)


def test_an_approval_is_given_once(tmp_path: Path) -> None:
    """Resume approves where nothing is paused."""
    steps = (
        ReleaseStep(kind=StepKind.APPROVAL),
        ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),
    )
    world = World(tmp_path, ReleaseSpec(steps=steps))
    world.start()
    world.run_until(ReleasePhase.STEPPING)
    world.run(60.0)
    assert 0 == world.weight
    world.order(OrderKind.RESUME)
    world.run(10.0)
    assert (1, 200) == (world.release.step, world.weight)
