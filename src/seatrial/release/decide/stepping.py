"""Rules of a release on its way: what ends a step, what pauses it, what promotes it."""

from seatrial.records import Decision, OrderKind, Release, ReleaseEventKind, ReleasePhase, StepKind, Verdict
from seatrial.release.actions import WAIT, Actions, Become, Steer, Tell
from seatrial.release.decide.back import go_back
from seatrial.release.decide.parts import because, entering, in_words, refused, stepping, target
from seatrial.release.state import Order, World, elapsed, step_elapsed
from seatrial.release.steps import current, is_last, missing, share_of
from seatrial.wording.text import duration


def told_to_promote(release: Release, world: World) -> Actions | None:
    """A person says promote."""
    order = world.order
    return _promote_by_order(release, world, order) if order and order.kind is OrderKind.PROMOTE else None


def told_to_pause(release: Release, world: World) -> Actions | None:
    """A person says pause."""
    order = world.order
    if order is None or order.kind is not OrderKind.PAUSE:
        return None
    if release.phase is ReleasePhase.PAUSED:
        return refused(order, "it is paused already")
    return (_pause(release, world, f"{order.who} paused it{because(order)}", order),)


def told_to_go_on(release: Release, world: World) -> Actions | None:
    """Resume ends a pause; where there is none it approves, as approve does."""
    order = world.order
    if order is None or order.kind not in {OrderKind.RESUME, OrderKind.APPROVE}:
        return None
    if order.kind is OrderKind.RESUME and release.phase is ReleasePhase.PAUSED:
        return _resume(release, world, order)
    if current(release).kind is StepKind.APPROVAL:
        return _approve(release, order)
    return refused(order, "it waits for nobody")


def _promote_by_order(release: Release, world: World, order: Order) -> Actions:
    if not (world.canary.ready and world.stable.answers):
        return refused(order, "the canary and stable have to be ready for it")
    why = f"{order.who} promoted it{because(order)}; {_how_it_stood(world)}"
    return (_promote(release, world, why, _verdict_of_now(world), order),)


def _how_it_stood(world: World) -> str:
    judgement = world.judgement
    if judgement is None:
        return "nothing was judged yet"
    if judgement.decision is Decision.PROMOTE:
        return "the judge would have, too"
    return f"the judge had not decided: {judgement.why}"


def _verdict_of_now(world: World) -> Verdict:
    judged = world.judgement is not None and world.judgement.decision is Decision.PROMOTE
    return Verdict.PASS if judged else Verdict.INCONCLUSIVE


def _pause(release: Release, world: World, why: str, order: Order | None = None) -> Become:
    return Become(
        changes={**entering(ReleasePhase.PAUSED, world), "before_pause": release.phase, "why": why},
        kind=ReleaseEventKind.PHASE if order is None else ReleaseEventKind.ORDER,
        text=why,
        who=order.who if order is not None else "",
        order=order.number if order is not None else None,
    )


def _resume(release: Release, world: World, order: Order) -> Actions:
    """Go on; whatever it was paused for is overruled: a split that is wrong, and the end of its time."""
    wrong = world.judgement is not None and world.judgement.decision is Decision.PAUSE
    changes = {
        **entering(ReleasePhase.STEPPING, world),
        "before_pause": None,
        "why": "",
        "overruled": world.now if wrong else release.overruled,
        "elapsed": 0.0 if release.elapsed >= release.spec.longest else release.elapsed,
    }
    text = f"{order.who} says go on{because(order)}"
    return (Become(changes=changes, kind=ReleaseEventKind.ORDER, text=text, who=order.who, order=order.number),)


def _approve(release: Release, order: Order) -> Actions:
    if release.step in release.approved:
        return refused(order, "it is approved already")
    changes = {"approved": (*release.approved, release.step)}
    text = f"{order.who} approved it{because(order)}"
    return (Become(changes=changes, kind=ReleaseEventKind.ORDER, text=text, who=order.who, order=order.number),)


def split_is_wrong(release: Release, world: World) -> Actions | None:
    """The canary's share is not what was asked for, so that the arms can't be compared."""
    judgement = world.judgement
    if judgement is None or judgement.decision is not Decision.PAUSE:
        return None
    if release.overruled is not None and judgement.at <= release.overruled:
        return None
    return (_pause(release, world, judgement.why or "the split is not what was asked for"),)


def time_is_over(release: Release, world: World) -> Actions | None:
    """Neither harm nor safety was shown in the time that there is."""
    if current(release).kind is StepKind.APPROVAL or elapsed(release, world) < release.spec.longest:
        return None
    judgement = world.judgement
    missed = f": {judgement.why}" if judgement is not None and judgement.why else ": nothing was judged"
    why = f"not enough evidence after {duration(release.spec.longest)}{missed}"
    if release.spec.at_timeout == "pause":
        return (_pause(release, world, why),)
    if release.spec.at_timeout == "promote":
        ready = world.canary.ready and world.stable.answers and world.writable
        return (_promote(release, world, why, _verdict_of_now(world)),) if ready else WAIT
    return go_back(world, why, Verdict.INCONCLUSIVE)


def waits_for_approval(release: Release, _: World) -> Actions | None:
    """People are told that one of them has to approve."""
    waits = current(release).kind is StepKind.APPROVAL and release.step not in release.approved
    about = f"approval {release.step}"
    return (Tell(about=about),) if waits and about not in release.told else None


def pause_is_untold(release: Release, _: World) -> Actions | None:
    """People are told, once a pause."""
    about = f"paused {release.phase_since.isoformat() if release.phase_since is not None else ''}"
    return (Tell(about=about),) if about not in release.told else None


def step_is_over(release: Release, world: World) -> Actions | None:
    """The next step, or after the last one the promotion."""
    if not (world.writable and world.stable.ready and world.canary.ready):
        return None
    if not world.does(*target(release, world)) or missing(release, world.judgement, step_elapsed(release, world)):
        return None
    if is_last(release):
        why = world.judgement.why if world.judgement is not None else ""
        return (_promote(release, world, why or "all steps are done", _verdict_of_now(world)),)
    step = release.step + 1
    text = f"step {step + 1}: {in_words(release, step)}"
    return (
        Become(changes=stepping(step, world), text=text),
        Steer(weight=share_of(release.spec, step)[0], mirror=share_of(release.spec, step)[1]),
    )


def _promote(release: Release, world: World, why: str, verdict: Verdict, order: Order | None = None) -> Become:
    return Become(
        changes={
            **entering(ReleasePhase.PROMOTING, world),
            "why": why,
            "verdict": verdict,
            "verdict_at": world.now,
            "promoted_by": order.who if order is not None else release.promoted_by,
            # Before stable is told: who goes on after a crash must know that it may have been.
            "replaced": not world.stable.static,
        },
        kind=ReleaseEventKind.ORDER if order is not None else ReleaseEventKind.VERDICT,
        text=f"promote: {why}",
        who=order.who if order is not None else "",
        order=order.number if order is not None else None,
    )
