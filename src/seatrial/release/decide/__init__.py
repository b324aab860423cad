"""What is to be done with a release now: a pure function of what is kept of it and of how the world is.

It is asked again and again and remembers nothing: whatever happened since the last time, and whoever did it, the next
answer leads on from there. Each rule is a small function that says what to do, or nothing; the first that speaks decides.
What no rule ever does:

- take the canary away, or the weight from it, while stable does not answer;
- go forward while a side is not ready, while the gateway does not say that it does what it was asked for, or while what
  was seen can't be written down;
- call a release good that saw no requests.
"""

from collections.abc import Mapping
from typing import Final

from seatrial.records import DeployState, Release, ReleasePhase
from seatrial.release.actions import WAIT, Actions, Rule
from seatrial.release.decide.back import canary_is_lost, canary_loops, does_harm, stable_is_another, told_to_abort
from seatrial.release.decide.parts import refuse_rest, steered, unconfirmed
from seatrial.release.decide.promoting import (
    baked,
    canary_is_done,
    promoted,
    promotion_is_untold,
    spare_is_missing,
    stable_fails,
    stable_is_not_there_yet,
    stable_is_old,
    stable_is_taken,
    stage_is_old,
    told_to_return,
)
from seatrial.release.decide.returning import (
    canary_is_there,
    going_back_is_untold,
    gone_back,
    roll_back,
    stable_is_new,
    stable_is_on_its_way,
    stage_is_new,
)
from seatrial.release.decide.starting import (
    canary_fails_to_start,
    canary_is_missing,
    first_step,
    its_turn,
    others_first,
    start_takes_too_long,
    told_not_to_begin,
)
from seatrial.release.decide.stepping import (
    pause_is_untold,
    split_is_wrong,
    step_is_over,
    time_is_over,
    told_to_go_on,
    told_to_pause,
    told_to_promote,
    waits_for_approval,
)
from seatrial.release.state import World


def next_actions(release: Release, world: World) -> Actions:
    """What to do now, in this order; empty where there is nothing to do but wait."""
    for rule in _RULES[release.phase]:
        actions = rule(release, world)
        if actions is not None:
            return actions
    return WAIT


def hindrance(release: Release, world: World) -> str:
    """What keeps the release from going on and nobody meant to, in words; empty where nothing does."""
    if release.phase in {ReleasePhase.WAITING, ReleasePhase.ENDED}:
        return ""
    if not world.stable.answers:
        why = f": {world.stable.why}" if world.stable.why else ""
        return f"stable does not answer{why}; nothing is taken from the canary until it does"
    if not world.stable.ready and world.stable.why and world.stable.state is not DeployState.STARTING:
        return f"stable is not complete: {world.stable.why}"
    return ""


_COMMON: Final[tuple[Rule, ...]] = (
    told_to_abort,
    does_harm,
    canary_is_lost,
    canary_loops,
    stable_is_another,
    told_to_promote,
    told_to_pause,
    told_to_go_on,
    refuse_rest("nothing was promoted yet; abort takes the canary away"),
)
_RULES: Final[Mapping[ReleasePhase, tuple[Rule, ...]]] = {
    ReleasePhase.WAITING: (
        told_not_to_begin,
        refuse_rest("it has not begun yet"),
        others_first,
        its_turn,
    ),
    ReleasePhase.STARTING: (
        told_to_abort,
        refuse_rest("the canary is not ready yet"),
        stable_is_another,
        canary_is_missing,
        canary_loops,
        canary_fails_to_start,
        start_takes_too_long,
        steered,
        first_step,
    ),
    ReleasePhase.STEPPING: (
        *_COMMON,
        split_is_wrong,
        time_is_over,
        waits_for_approval,
        step_is_over,
        steered,
    ),
    ReleasePhase.PAUSED: (*_COMMON, pause_is_untold, steered),
    ReleasePhase.PROMOTING: (
        told_to_return,
        refuse_rest("it is being promoted"),
        stable_fails,
        stable_is_taken,
        stable_is_old,
        steered,
        stable_is_not_there_yet,
        unconfirmed,
        canary_is_done,
        stage_is_old,
        promotion_is_untold,
        promoted,
    ),
    ReleasePhase.BAKING: (told_to_return, baked, refuse_rest("it is promoted"), spare_is_missing, steered),
    ReleasePhase.ABORTING: (
        refuse_rest("it goes back to stable already"),
        stable_is_new,
        steered,
        going_back_is_untold,
        stable_is_on_its_way,
        unconfirmed,
        canary_is_there,
        stage_is_new,
        gone_back,
    ),
    ReleasePhase.ENDED: (roll_back, refuse_rest("it has ended")),
}
