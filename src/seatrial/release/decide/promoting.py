"""Rules of a promotion: stable is replaced, the canary goes or the old version takes its place, the stage is handed over."""

from seatrial.records import OrderKind, Release, ReleaseOutcome, ReleasePhase, Verdict
from seatrial.release.actions import WAIT, Actions, Become, Deploy, MoveStage, RemoveCanary, ReplaceStable, Tell
from seatrial.release.decide.back import go_back
from seatrial.release.decide.parts import because, ended, entering, spare_is_ready, stable_runs
from seatrial.release.state import World, phase_elapsed
from seatrial.wording.text import duration


def told_to_return(release: Release, world: World) -> Actions | None:
    """Abort and rollback mean the same once stable is being replaced."""
    order = world.order
    if order is None or order.kind not in {OrderKind.ABORT, OrderKind.ROLL_BACK}:
        return None
    done = release.promoted is not None
    text = f"{order.who} {'rolled it back' if done else 'aborted it'}{because(order)}"
    back = go_back(world, text, Verdict.FAIL if done else Verdict.INCONCLUSIVE, order)
    # With the old version ready in the canary's place, nobody has to wait for stable.
    return back[-1:] if spare_is_ready(release, world) else back


def stable_fails(release: Release, world: World) -> Actions | None:
    """The version runs as a canary, and not in stable's place."""
    if not (release.replaced and world.stable.number == release.number and world.stable.loops):
        return None
    why = f": {world.stable.why}" if world.stable.why else ""
    return go_back(world, f"in stable's place it fell over {world.stable.restarts} times{why}", Verdict.FAIL)


def stable_is_taken(release: Release, world: World) -> Actions | None:
    """Somebody else deployed another version there."""
    stable = world.stable
    if stable.static or stable.number in {release.baseline, release.number}:
        return None
    what = f"runs version {stable.number}" if stable.there else "is gone"
    return go_back(world, f"stable {what}: somebody changed it while it was being replaced", Verdict.ERROR)


def stable_is_old(release: Release, world: World) -> Actions | None:
    """Stable is told to run the version."""
    if world.stable.static or world.stable.number == release.number:
        return None
    if not world.writable:
        return WAIT
    replace = ReplaceStable(number=release.number, digest=release.digest)
    return (replace, Become(text="stable is replaced, replica by replica"))


def stable_is_not_there_yet(release: Release, world: World) -> Actions | None:
    """All of its replicas have to be new and ready first."""
    return None if world.stable.static or stable_runs(release.number, world) else WAIT


def canary_is_done(release: Release, world: World) -> Actions | None:
    """Stable has the version: the canary is not needed, or the old version takes its place."""
    canary = world.canary
    if canary.static:
        return None
    if _bakes(release, world):
        return None if canary.there and canary.number == release.baseline else (_spare(release),)
    return (RemoveCanary(),) if canary.there else None


def stage_is_old(release: Release, _: World) -> Actions | None:
    """The registry is told, once."""
    return None if "stage" in release.told else (MoveStage(),)


def promotion_is_untold(release: Release, _: World) -> Actions | None:
    """People are told, once."""
    return (Tell(about="promoted"),) if "promoted" not in release.told else None


def promoted(release: Release, world: World) -> Actions:
    """All is done; with a bake the old version is kept for its time."""
    if _bakes(release, world):
        text = f"promoted; version {release.baseline} is kept ready for {duration(release.spec.bake)}"
        changes = {**entering(ReleasePhase.BAKING, world), "promoted": world.now}
        return (Become(changes=changes, text=text),)
    return (ended(world, ReleaseOutcome.PROMOTED, release.why, release.verdict, promoted=True),)


def _bakes(release: Release, world: World) -> bool:
    return release.spec.bake > 0 and release.baseline is not None and not world.stable.static


def _spare(release: Release) -> Deploy:
    return Deploy(number=release.baseline or 0, digest=release.baseline_digest, spare=True)


def baked(release: Release, world: World) -> Actions | None:
    """The bake is over: its time, by order, or because somebody deployed something else."""
    order = world.order
    ends = order is not None and order.kind is OrderKind.PROMOTE
    taken = world.stable.number != release.number
    if not (ends or taken or phase_elapsed(release, world) >= release.spec.bake):
        return None
    if world.canary.there and world.canary.number == release.baseline:
        return (RemoveCanary(),)
    return (ended(world, ReleaseOutcome.PROMOTED, release.why, release.verdict, order if ends else None),)


def spare_is_missing(release: Release, world: World) -> Actions | None:
    """The old version has to stand ready."""
    ready = world.canary.there and world.canary.number == release.baseline
    return None if ready or not world.stable.ready else (_spare(release),)
