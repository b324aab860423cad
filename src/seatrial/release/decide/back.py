"""Rules that take a release back to stable: harm, a person's word, a side that is not what it was."""

from seatrial.records import Decision, OrderKind, Release, ReleaseEventKind, ReleasePhase, Verdict
from seatrial.release.actions import Actions, Become, Steer
from seatrial.release.decide.parts import because, entering
from seatrial.release.state import Order, World


def go_back(
    world: World, why: str, verdict: Verdict, order: Order | None = None, kind: ReleaseEventKind | None = None
) -> Actions:
    """Everything to stable at once, if there is anything that answers; the rest follows."""
    changes = {**entering(ReleasePhase.ABORTING, world), "why": why, "verdict": verdict, "verdict_at": world.now}
    become = Become(
        changes=changes,
        kind=kind or (ReleaseEventKind.ORDER if order is not None else ReleaseEventKind.VERDICT),
        text=why,
        who=order.who if order is not None else "",
        order=order.number if order is not None else None,
    )
    return (Steer(weight=0), become) if world.stable.answers else (become,)


def told_to_abort(_: Release, world: World) -> Actions | None:
    """A person says abort."""
    order = world.order
    if order is None or order.kind is not OrderKind.ABORT:
        return None
    return go_back(world, f"{order.who} aborted it{because(order)}", Verdict.INCONCLUSIVE, order)


def does_harm(_: Release, world: World) -> Actions | None:
    """The judge says so; a fixed threshold that is crossed is among that."""
    judgement = world.judgement
    if judgement is None or judgement.decision is not Decision.ABORT:
        return None
    return go_back(world, judgement.why or "the canary does harm", Verdict.FAIL)


def canary_is_lost(release: Release, world: World) -> Actions | None:
    """Somebody removed its deployment, or put another version there."""
    if world.canary.static or (world.canary.there and world.canary.number == release.number):
        return None
    what = "runs another version" if world.canary.there else "is gone"
    return go_back(world, f"the canary's deployment {what}: somebody changed it", Verdict.ERROR)


def canary_loops(_: Release, world: World) -> Actions | None:
    """It falls over again and again."""
    if not world.canary.loops:
        return None
    why = f": {world.canary.why}" if world.canary.why else ""
    return go_back(world, f"the canary fell over {world.canary.restarts} times{why}", Verdict.FAIL)


def stable_is_another(release: Release, world: World) -> Actions | None:
    """What the canary is compared with is no longer there."""
    stable = world.stable
    if stable.static or (stable.there and stable.number == release.baseline):
        return None
    what = f"runs version {stable.number}" if stable.there else "is gone"
    return go_back(world, f"stable {what}: it is no longer what the canary was compared with", Verdict.ERROR)
