"""Rules of the way back to stable, of one that was aborted or of one that was promoted."""

from seatrial.records import OrderKind, Release, ReleaseEventKind, ReleaseOutcome, ReleasePhase, Verdict
from seatrial.release.actions import WAIT, Actions, Become, MoveStage, RemoveCanary, ReplaceStable, Tell
from seatrial.release.decide.parts import because, ended, entering, refused, steered
from seatrial.release.state import World


def stable_is_new(release: Release, world: World) -> Actions | None:
    """What was promoted has to leave stable's place. What somebody else put there stays."""
    if not (release.replaced and world.stable.number == release.number and release.baseline is not None):
        return None
    steer = steered(release, world) or ()
    replace = ReplaceStable(number=release.baseline, digest=release.baseline_digest)
    text = f"stable returns to version {release.baseline}, replica by replica"
    return (*steer, replace, Become(text=text, kind=ReleaseEventKind.PHASE))


def going_back_is_untold(release: Release, _: World) -> Actions | None:
    """People are told, once, as soon as stable has the requests."""
    return (Tell(about="going back"),) if "going back" not in release.told else None


def stable_is_on_its_way(release: Release, world: World) -> Actions | None:
    """Stable has to be what it was first, and to answer."""
    if not world.stable.answers:
        return WAIT
    returning = release.replaced and world.stable.number == release.baseline
    return WAIT if returning and not world.stable.ready else None


def canary_is_there(_: Release, world: World) -> Actions | None:
    """The canary, or the spare, is not needed any more."""
    return (RemoveCanary(),) if world.canary.there and not world.canary.static else None


def stage_is_new(release: Release, _: World) -> Actions | None:
    """The stage is given back, once."""
    return (MoveStage(back=True),) if release.moved and "stage back" not in release.told else None


def gone_back(release: Release, world: World) -> Actions:
    """Everything is as it was before."""
    outcome = ReleaseOutcome.ABORTED if release.promoted is None else ReleaseOutcome.ROLLED_BACK
    return (ended(world, outcome, release.why, release.verdict),)


def roll_back(release: Release, world: World) -> Actions | None:
    """A person returns to the version before, after the end of the release."""
    order = world.order
    if order is None or order.kind is not OrderKind.ROLL_BACK:
        return None
    if release.outcome is not ReleaseOutcome.PROMOTED:
        return refused(order, "it was not promoted")
    if world.busy:
        return refused(order, world.busy)
    if release.baseline is None or (not world.stable.static and world.stable.number != release.number):
        return refused(order, "stable no longer runs what was promoted, or nothing is known of what ran before")
    why = f"{order.who} rolled it back{because(order)}"
    changes = {
        **entering(ReleasePhase.ABORTING, world),
        "why": why,
        "verdict": Verdict.FAIL,
        "verdict_at": world.now,
        "outcome": None,
        "ended": None,
        "told": tuple(each for each in release.told if each not in {"going back", "stage back"}),
    }
    return (Become(changes=changes, kind=ReleaseEventKind.ORDER, text=why, who=order.who, order=order.number),)
