"""What is decided is a pure function of the release and the world; what must never be decided never is."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import (
    Decision,
    DeployState,
    Hypothesis,
    InForce,
    Judgement,
    OrderKind,
    Release,
    ReleasePhase,
    ReleaseSpec,
    ReleaseStep,
    StepKind,
)
from seatrial.release.actions import Become, Deploy, RemoveCanary, ReplaceStable, Steer
from seatrial.release.decide import hindrance, next_actions
from seatrial.release.state import Order, Side, World
from seatrial.release.steps import add_up, missing, share_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STEPS = (
    ReleaseStep(kind=StepKind.MIRROR, share=100, dwell=60.0),
    ReleaseStep(kind=StepKind.WEIGHT, share=50, dwell=60.0),
    ReleaseStep(kind=StepKind.APPROVAL),
    ReleaseStep(kind=StepKind.MIRROR, share=10),
    ReleaseStep(kind=StepKind.WEIGHT, share=200, decided=True),
)
SPEC = ReleaseSpec(steps=STEPS, bake=60.0)


def _judgement(decision: Decision) -> Judgement:
    return Judgement(at=NOON, windows=1, decision=decision, why="so it is", evidence=Hypothesis(evidence=0, needed=2))


SIDES = st.builds(
    Side,
    there=st.booleans(),
    number=st.sampled_from([1, 2, 3]),
    ready=st.booleans(),
    answers=st.integers(0, 2),
    restarts=st.integers(0, 4),
    state=st.sampled_from([None, *DeployState]),
)
WORLDS = st.builds(
    World,
    now=st.just(NOON),
    stable=SIDES,
    canary=SIDES,
    passed=st.floats(0, 1e6),
    judgement=st.none() | st.builds(_judgement, st.sampled_from(Decision)),
    in_force=st.none()
    | st.builds(
        InForce,
        service=st.just("wine"),
        weight=st.sampled_from([0, 50, 200, 1000]),
        mirror=st.sampled_from([0, 10, 100]),
        canary=st.sampled_from([(), ("wine-canary.0.1",)]),
    ),
    order=st.none()
    | st.builds(
        Order,
        number=st.just(1),
        release=st.just("r"),
        kind=st.sampled_from(OrderKind),
        who=st.just("ada"),
        at=st.just(NOON),
    ),
    busy=st.sampled_from(["", "another goes first"]),
    writable=st.booleans(),
)
RELEASES = st.builds(
    Release,
    id=st.just("r"),
    service=st.just("wine"),
    model=st.just("wine"),
    number=st.just(2),
    baseline=st.just(1),
    started=st.just(NOON),
    spec=st.just(SPEC),
    phase=st.sampled_from(ReleasePhase),
    step=st.integers(0, len(STEPS) - 1),
    weight=st.sampled_from([0, 50, 200]),
    mirror=st.sampled_from([0, 10, 100]),
    step_judged=st.floats(0, 1e5),
    step_requests=st.integers(0, 1000),
    step_elapsed=st.floats(0, 1e5),
    replaced=st.booleans(),
)


@given(release=RELEASES, world=WORLDS)
def test_nothing_is_taken_from_the_canary_while_stable_does_not_answer(release: Release, world: World) -> None:
    """Neither its weight nor the canary itself, whatever anybody says."""
    dead = replace(world, stable=replace(world.stable, answers=0, ready=False))
    actions = next_actions(release, dead)
    less = [one for one in actions if isinstance(one, Steer) and one.weight < release.weight]
    in_steps = release.phase in {ReleasePhase.STEPPING, ReleasePhase.PAUSED, ReleasePhase.STARTING, ReleasePhase.BAKING}
    assert in_steps or [] == less
    assert release.phase is ReleasePhase.BAKING or not any(isinstance(one, RemoveCanary) for one in actions)


@given(release=RELEASES, world=WORLDS)
def test_nothing_goes_forward_while_it_can_not_be_written_down(release: Release, world: World) -> None:
    """No next step, no promotion by the judge, no stable replaced by the version."""
    full = replace(world, writable=False, order=None)
    for action in next_actions(release, full):
        assert not (isinstance(action, ReplaceStable) and action.number == release.number)
        if isinstance(action, Become) and release.phase is ReleasePhase.STEPPING:
            assert action.changes.get("phase") is not ReleasePhase.PROMOTING
            assert "step" not in action.changes


@given(release=RELEASES, world=WORLDS)
def test_the_judges_word_for_harm_ends_every_step(release: Release, world: World) -> None:
    """In the same turn: the weight to nothing, if stable answers, and the way back."""
    stepping = replace(release, phase=ReleasePhase.STEPPING)
    harmful = replace(world, judgement=_judgement(Decision.ABORT), stable=replace(world.stable, answers=1), order=None)
    actions = next_actions(stepping, harmful)
    assert Steer(weight=0) == actions[0]
    assert isinstance(actions[1], Become)
    assert ReleasePhase.ABORTING is actions[1].changes["phase"]


@given(release=RELEASES, world=WORLDS)
def test_what_is_done_is_done_once(release: Release, world: World) -> None:
    """Where the deployments are as wanted and the gateway does what it should, nothing is asked of them again."""
    stepping = replace(release, phase=ReleasePhase.STEPPING)
    weight, mirror = share_of(SPEC, release.step)
    calm = replace(
        world,
        order=None,
        judgement=_judgement(Decision.CONTINUE),
        stable=Side(there=True, number=1, ready=True, answers=2),
        canary=Side(there=True, number=2, ready=True, answers=1),
        in_force=InForce(service="wine", weight=weight, mirror=mirror, canary=("wine-canary.0.1",)),
        passed=0.0,
    )
    asked = replace(stepping, weight=weight, mirror=mirror, elapsed=0.0, step_requests=0, step_judged=0.0)
    kinds = {type(action) for action in next_actions(asked, calm)}
    assert not kinds & {Steer, Deploy, RemoveCanary, ReplaceStable} or missing(asked, calm.judgement, 1e9) == ""


def test_shares_never_send_anybody_back() -> None:
    """Copies after a share leave the share; a share ends the copies; an approval leaves both."""
    assert [(0, 100), (50, 0), (50, 0), (50, 10), (200, 0)] == [share_of(SPEC, step) for step in range(len(STEPS))]


def test_times_are_counted_by_a_clock_that_does_not_jump() -> None:
    """After a restart of the machine the reading is smaller: what lies between is not known, and not counted."""
    release = Release(
        id="r", service="wine", model="wine", number=2, started=NOON, spec=SPEC, phase=ReleasePhase.STEPPING
    )
    first = add_up(release, 1000.0)
    second = add_up(first, 1060.0)
    again = add_up(second, 5.0)
    last = add_up(again, 15.0)
    assert [0.0, 60.0, 60.0, 70.0] == [each.elapsed for each in (first, second, again, last)]
    assert 70.0 == last.step_elapsed == last.phase_elapsed


def test_a_pause_and_an_approval_are_not_counted_towards_the_longest() -> None:
    """Whoever takes a weekend to approve finds the release where it was."""
    release = Release(
        id="r", service="wine", model="wine", number=2, started=NOON, spec=SPEC, phase=ReleasePhase.STEPPING, step=2
    )
    assert 0.0 == add_up(replace(release, mark=0.0), 1e6).elapsed
    paused = replace(release, step=1, phase=ReleasePhase.PAUSED, mark=0.0)
    assert 0.0 == add_up(paused, 1e6).elapsed


def test_replicas_that_are_being_replaced_hinder_nothing() -> None:
    """What starts is on its way; what does not stand is said, with its reason."""
    release = Release(
        id="r", service="wine", model="wine", number=2, started=NOON, spec=SPEC, phase=ReleasePhase.PROMOTING
    )
    stable = Side(there=True, answers=1, wanted=2, state=DeployState.STARTING, why="it is being prepared")
    world = World(now=NOON, stable=stable, canary=Side())

    assert "" == hindrance(release, world)
    hurt = replace(world, stable=replace(stable, state=DeployState.DEGRADED, why="exit status 2"))
    assert "stable is not complete: exit status 2" == hindrance(release, hurt)
