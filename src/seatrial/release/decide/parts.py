"""What the rules of several phases have in common."""

from typing import Any, Final

from seatrial.records import Release, ReleaseEventKind, ReleaseOutcome, ReleasePhase, StepKind, Verdict
from seatrial.release.actions import WAIT, Actions, Become, Rule, Steer
from seatrial.release.state import Order, World
from seatrial.release.steps import share_of

ALL: Final = 1000


def target(release: Release, world: World) -> tuple[int, int]:
    """The share of requests and of copies that the canary should have now."""
    match release.phase:
        case ReleasePhase.STEPPING | ReleasePhase.PAUSED:
            return share_of(release.spec, release.step)
        case ReleasePhase.PROMOTING if not stable_runs(release.number, world) or world.stable.static:
            return (ALL, 0) if world.stable.static else (release.weight, 0)
        case ReleasePhase.ABORTING if spare_is_ready(release, world) and not stable_runs(release.baseline, world):
            return ALL, 0
        case ReleasePhase.ABORTING if not world.stable.answers:
            return release.weight, release.mirror
        case _:
            return 0, 0


def steered(release: Release, world: World) -> Actions | None:
    """The gateway was asked for something else, or says that it does something else."""
    weight, mirror = target(release, world)
    asked = (release.weight, release.mirror) == (weight, mirror)
    says_otherwise = world.in_force is not None and not world.does(weight, mirror)
    return (Steer(weight=weight, mirror=mirror),) if not asked or says_otherwise else None


def unconfirmed(release: Release, world: World) -> Actions | None:
    """Nothing goes on before the gateway says that it does what it was asked for."""
    return None if world.does(*target(release, world)) else WAIT


def refused(order: Order, why: str) -> Actions:
    """The answer to an order that makes no sense now."""
    text = f"{order.kind.value} changes nothing: {why}"
    return (Become(kind=ReleaseEventKind.ORDER, text=text, who=order.who, order=order.number),)


def refuse_rest(why: str) -> Rule:
    """A rule that refuses every order which no rule before it obeyed."""

    def rule(_: Release, world: World) -> Actions | None:
        return None if world.order is None else refused(world.order, why)

    return rule


def ended(
    world: World,
    outcome: ReleaseOutcome,
    why: str,
    verdict: Verdict | None,
    order: Order | None = None,
    *,
    promoted: bool = False,
) -> Become:
    """The end of a release."""
    changes = {
        **entering(ReleasePhase.ENDED, world),
        "outcome": outcome,
        "ended": world.now,
        "why": why,
        "verdict": verdict,
        **({"promoted": world.now} if promoted else {}),
    }
    return Become(
        changes=changes,
        text=f"{outcome.value}: {why}" if why else outcome.value,
        who=order.who if order is not None else "",
        order=order.number if order is not None else None,
    )


def entering(phase: ReleasePhase, world: World) -> dict[str, Any]:
    """The fields that change with the phase."""
    return {"phase": phase, "phase_since": world.now, "phase_elapsed": 0.0}


def stepping(step: int, world: World) -> dict[str, Any]:
    """The fields that change with the step."""
    return {"step": step, "step_since": world.now, "step_elapsed": 0.0, "step_judged": 0.0, "step_requests": 0}


def stable_runs(number: int | None, world: World) -> bool:
    """Whether all of stable runs this version."""
    return world.stable.number == number and world.stable.ready


def spare_is_ready(release: Release, world: World) -> bool:
    """Whether the old version stands ready in the canary's place."""
    canary = world.canary
    return release.replaced and canary.ready and not canary.static and canary.number == release.baseline


def in_words(release: Release, step: int) -> str:
    """What the canary gets in a step."""
    weight, mirror = share_of(release.spec, step)
    match release.spec.steps[step].kind:
        case StepKind.APPROVAL:
            return "a person has to approve"
        case StepKind.MIRROR:
            return f"the canary gets a copy of {mirror / 10:g} %"
        case _:
            return f"the canary gets {weight / 10:g} %"


def because(order: Order) -> str:
    """The reason of an order, to be put behind it."""
    return f": {order.reason}" if order.reason else ""
