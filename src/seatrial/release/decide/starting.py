"""Rules of a release before its first step: it waits for its turn, then for its canary."""

from typing import Final

from seatrial.records import OrderKind, Release, ReleaseOutcome, ReleasePhase, Verdict
from seatrial.release.actions import WAIT, Actions, Become, Begin, Deploy, Steer
from seatrial.release.decide.back import go_back
from seatrial.release.decide.parts import because, ended, entering, in_words, stepping
from seatrial.release.state import World, phase_elapsed
from seatrial.release.steps import share_of
from seatrial.wording.text import duration

START_SECONDS: Final = 120.0
"""So long a canary may have failed to start before the release is given up."""


def told_not_to_begin(_: Release, world: World) -> Actions | None:
    """A person aborts it before anything was done."""
    order = world.order
    if order is None or order.kind is not OrderKind.ABORT:
        return None
    why = f"{order.who} aborted it before it began{because(order)}"
    return (ended(world, ReleaseOutcome.ABORTED, why, Verdict.INCONCLUSIVE, order),)


def others_first(release: Release, world: World) -> Actions | None:
    """Another release of the service is not at its end."""
    if not world.busy:
        return None
    return WAIT if release.why == world.busy else (Become(changes={"why": world.busy}, text=world.busy),)


def its_turn(release: Release, world: World) -> Actions:
    """Begin, unless there is nothing to be compared with, or nothing to do."""
    stable = world.stable
    if not stable.static and not stable.there:
        return (ended(world, ReleaseOutcome.ABORTED, "stable is gone", Verdict.ERROR),)
    if not stable.static and stable.number == release.number:
        why = f"stable runs {release.model}@{release.number} already"
        return (ended(world, ReleaseOutcome.ABORTED, why, Verdict.INCONCLUSIVE),)
    changes = {**entering(ReleasePhase.STARTING, world), "begun": world.now, "why": ""}
    # Another release may have come to its end meanwhile.
    baseline = release.baseline if stable.static else stable.number
    return (Begin(baseline=baseline, become=Become(changes=changes, text="the canary is started")),)


def canary_is_missing(release: Release, world: World) -> Actions | None:
    """The version has to run in the canary's place."""
    canary = world.canary
    if canary.static or (canary.there and canary.number == release.number):
        return None
    return (Deploy(number=release.number, digest=release.digest),)


def canary_fails_to_start(release: Release, world: World) -> Actions | None:
    """It is given some time, since what failed may have been passing."""
    canary = world.canary
    if canary.ready or canary.state is None or canary.state.value != "failed":
        return None
    if phase_elapsed(release, world) < START_SECONDS:
        return WAIT
    return go_back(world, f"the canary did not start: {canary.why or 'nobody knows why'}", Verdict.ERROR)


def start_takes_too_long(release: Release, world: World) -> Actions | None:
    """It is not ready in the time that the whole release has."""
    if phase_elapsed(release, world) < release.spec.longest:
        return None
    why = f"the canary was not ready within {duration(release.spec.longest)}"
    return go_back(world, f"{why}: {world.canary.why}" if world.canary.why else why, Verdict.ERROR)


def first_step(release: Release, world: World) -> Actions:
    """Once the canary is ready, and the gateway knows it."""
    known = world.in_force is not None and bool(world.in_force.canary)
    if not (world.canary.ready and world.stable.answers and known):
        return WAIT
    weight, mirror = share_of(release.spec, 0)
    changes = {**entering(ReleasePhase.STEPPING, world), **stepping(0, world), "why": ""}
    return (
        Become(changes=changes, text=f"the canary is ready; step 1: {in_words(release, 0)}"),
        Steer(weight=weight, mirror=mirror),
    )
