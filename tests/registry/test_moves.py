"""The rules of stages, by themselves: whatever is asked, nothing gets into a guarded stage without evidence that passed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import (
    Actor,
    ActorKind,
    Artifact,
    EntryKind,
    Evidence,
    ModelVersion,
    Move,
    StageGate,
    StageRules,
    StageSpec,
    UsageError,
    Verdict,
)
from seatrial.registry.moves import Shift, Standing, decide
from tests.registry.registering import ADA, GLASS, NOON, OWN, RULES, by_hand, evidence, promotion

VERSION = ModelVersion(
    model="wine",
    number=3,
    artifact=Artifact(digest="sha256:3", name="model.joblib"),
    stage="None",
    creator=ADA,
    created=NOON,
)
PASSED = evidence(VERSION)
QA = StageRules(
    stages=(
        StageSpec(name="None"),
        StageSpec(name="Tested", gate=StageGate.PROMOTION),
        StageSpec(name="Production", several=False, gate=StageGate.PROMOTION),
    )
)
"""Two guarded stages in a row."""


def in_stage(stage: str) -> Standing:
    """The version in a stage that nobody else holds, with evidence that passed."""
    return Standing(version=replace(VERSION, stage=stage), evidence=PASSED)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (by_hand(VERSION, "Production"), "is set only by a promotion run"),
        (by_hand(VERSION, "Production", break_glass=True, reason="fire"), "allows nobody to break the glass"),
    ],
)
def test_the_refusal_names_the_way(refused: Move, words: str) -> None:
    """What, where and remedy; without break-glass in the rules nothing is said of it."""
    with pytest.raises(UsageError, match=words) as caught:
        decide(refused, in_stage("None"), RULES)

    assert "wine@3" == caught.value.where
    assert "seatrial promote wine --version 3 tries it, and promotes it if it passes" == caught.value.remedy


def test_the_refusal_names_the_glass_where_it_may_be_broken() -> None:
    """The second way is said where there is one."""
    with pytest.raises(UsageError) as caught:
        decide(by_hand(VERSION, "Production"), in_stage("None"), GLASS)

    assert '--break-glass --reason "what happened"' in caught.value.remedy


def test_a_stage_that_several_held_before_is_left_by_all() -> None:
    """The rules may have changed since; afterwards one holds it."""
    standing = replace(in_stage("None"), holders=(5, 1, 4))

    shifts = decide(promotion(VERSION), standing, RULES)

    assert [1, 4, 5, 3] == [shift.number for shift in shifts]
    assert ["None", "None", "None", "Production"] == [shift.to for shift in shifts]


def test_from_one_guarded_stage_a_run_leads_to_the_next() -> None:
    """Going on with evidence leaves the stage that was reached with evidence."""
    (shift,) = decide(promotion(VERSION), in_stage("Tested"), QA)

    assert ("Tested", "Production", EntryKind.MOVED) == (shift.source, shift.to, shift.kind)


@pytest.mark.parametrize("move", [by_hand(VERSION, "None"), promotion(VERSION, to="None")])
def test_a_guarded_stage_is_not_left_for_an_open_one(move: Move) -> None:
    """Neither by a person nor by a run: evidence that it passes is no reason to take it away."""
    with pytest.raises(UsageError, match="left only when another version is promoted"):
        decide(move, in_stage("Production"), RULES)


def test_a_stage_that_the_project_no_longer_has_is_left_freely() -> None:
    """After stages were renamed, versions are not stuck."""
    (shift,) = decide(by_hand(VERSION), in_stage("Prod"), RULES)

    assert ("Prod", "Staging") == (shift.source, shift.to)


def test_a_run_acts_for_a_name_that_may_do_it() -> None:
    """The list of people holds for runs as well: evidence is not a permission."""
    with pytest.raises(UsageError, match="ci-account may not set Shadow"):
        decide(promotion(VERSION, to="Shadow"), in_stage("New"), OWN)


def test_a_run_needs_evidence_also_for_an_open_stage() -> None:
    """A line that cites a run rests on it."""
    with pytest.raises(UsageError, match="no evidence of run run-1"):
        decide(promotion(VERSION, to="Staging"), replace(in_stage("None"), evidence=None), RULES)


def test_the_same_stage_is_refused_if_others_were_expected() -> None:
    """Two runs promote one version: the second is told that the stage changed, though the outcome is what it wanted."""
    standing = replace(in_stage("Production"), holders=(3,))

    assert () == decide(promotion(VERSION, expected=(3,)), standing, RULES)
    with pytest.raises(UsageError, match="Production moved from 1 to 3 meanwhile"):
        decide(promotion(VERSION, expected=(1,)), standing, RULES)


def test_an_expected_holder_may_have_left() -> None:
    """The message says so."""
    with pytest.raises(UsageError, match="1, 2 left Production meanwhile") as caught:
        decide(promotion(VERSION, expected=(2, 1)), in_stage("None"), RULES)

    assert "1, 2 left Production meanwhile" == caught.value.what


names = st.sampled_from(["ada@example.org", "bob@example.org", "eve"])
actors = st.builds(Actor, name=names, kind=st.sampled_from(ActorKind))
numbers = st.integers(1, 4)


@st.composite
def rules_of_some_project(draw: st.DrawFn) -> StageRules:
    """Any stages that the configuration would take."""
    further = [
        StageSpec(
            name=f"s{index}",
            several=draw(st.booleans()),
            gate=draw(st.sampled_from(StageGate)),
            people=tuple(draw(st.lists(names, max_size=2, unique=True))),
        )
        for index in range(draw(st.integers(1, 3)))
    ]
    return StageRules(stages=(StageSpec(name="first"), *further), break_glass=draw(st.booleans()))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Move, Standing, StageRules]:
    """A move, what is known of it, and the rules."""
    rules = draw(rules_of_some_project())
    stage = st.sampled_from([spec.name for spec in rules.stages])
    version = replace(VERSION, stage=draw(stage))
    run = draw(st.none() | st.just("run-1"))
    move = Move(
        model="wine",
        number=3,
        to=draw(stage),
        actor=draw(actors),
        at=NOON,
        reason=draw(st.sampled_from(["", "fire"])),
        run=run,
        expected=draw(st.none() | st.lists(numbers, max_size=2, unique=True).map(tuple)),
        break_glass=draw(st.booleans()),
    )
    found = Evidence(
        run="run-1",
        model=draw(st.sampled_from(["wine", "digits"])),
        number=draw(st.sampled_from([3, 4])),
        artifact=draw(st.sampled_from(["sha256:3", "sha256:4"])),
        verdict=draw(st.sampled_from(Verdict)),
        finished=NOON,
    )
    holders = {*draw(st.lists(numbers, max_size=3))} - {3} | ({3} if version.stage == move.to else set())
    standing = Standing(
        version=version, holders=tuple(sorted(holders)), evidence=draw(st.none() | st.just(found)) if run else None
    )
    return move, standing, rules


def decided(case: tuple[Move, Standing, StageRules]) -> tuple[tuple[Shift, ...], UsageError | None]:
    """What comes of it: shifts, or the refusal."""
    try:
        return decide(*case), None
    except UsageError as error:
        return (), error


@given(case=cases())
def test_whatever_is_asked_the_gates_hold(case: tuple[Move, Standing, StageRules]) -> None:
    """A guarded stage is entered or left on passed evidence for this very version, or with broken glass and a reason."""
    move, standing, rules = case
    shifts, refusal = decided(case)
    if refusal is not None:
        assert "" not in {refusal.what, refusal.remedy}
        return
    assert move.expected is None or set(move.expected) == set(standing.holders)
    if not shifts:
        assert standing.version.stage == move.to
        return
    own = shifts[-1]
    assert (3, standing.version.stage, move.to) == (own.number, own.source, own.to)
    touched = [rules.get(own.source), rules.get(own.to)]
    guarded = any(stage.gate is StageGate.PROMOTION for stage in touched)
    if own.kind is EntryKind.BROKE_GLASS:
        assert guarded
        assert (True, True, ActorKind.PERSON, None) == (
            rules.break_glass,
            bool(move.reason),
            move.actor.kind,
            move.run,
        )
    elif guarded or move.run:
        found = standing.evidence
        assert found is not None
        assert ("wine", 3, "sha256:3", Verdict.PASS) == (found.model, found.number, found.artifact, found.verdict)
    elif touched[1].people:
        assert move.actor.name in touched[1].people


@given(case=cases())
def test_a_stage_for_one_is_held_by_one_afterwards(case: tuple[Move, Standing, StageRules]) -> None:
    """Everybody who was there is displaced, nobody else moves, and a stage for several keeps all."""
    move, standing, rules = case
    shifts, _ = decided(case)
    stage = rules.get(move.to)
    displaced = shifts[:-1]
    assert {EntryKind.DISPLACED} >= {shift.kind for shift in displaced}
    if shifts:
        expected = () if stage.several else standing.holders
        assert list(expected) == [shift.number for shift in displaced]
        assert {rules.displaced(stage)} >= {shift.to for shift in displaced}
