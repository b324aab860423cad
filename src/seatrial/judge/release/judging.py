"""One window after another: what is taken in, in which order, and what is concluded."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import numpy as np

from seatrial.judge.release import quality
from seatrial.judge.release.blocks import Block, Levels, Tally
from seatrial.judge.release.decide import conclude
from seatrial.judge.release.intake import Seen, take_in
from seatrial.judge.release.metrics import QUANTILES
from seatrial.judge.release.mixtures import Floats
from seatrial.judge.release.scale import Scale
from seatrial.judge.release.state import JudgeState, Latencies
from seatrial.judge.release.thresholds import check
from seatrial.records import UsageError
from seatrial.records.judgement import Judgement, JudgePolicy, Threshold
from seatrial.records.window import Window

_CLOCK: Final = 1e-6
_UNASKED: Final = 0.1
# A canary that is still loading its model answers late, and its requests are counted late: so much of the warm-up.
_SETTLING: Final = 0.2
_NOTHING: Final[Mapping[str, float | None]] = MappingProxyType({})


def begin(policy: JudgePolicy, thresholds: Sequence[Threshold] = ()) -> JudgeState:
    """A judge that has seen nothing.

    Args:
        policy: what the release is held to.
        thresholds: fixed bounds that stand beside it.

    Raises:
        UsageError: for probabilities, margins or bounds that can't be.
    """
    probabilities = policy.alpha, policy.beta, policy.split_alpha
    if not all(0 < each < 1 for each in probabilities):
        raise UsageError("alpha, beta and split_alpha are probabilities between 0 and 1", where="judge policy")
    margins = [
        *policy.margins.values(),
        *(each.margin for each in policy.quality),
        policy.split_margin,
        policy.request_margin,
    ]
    if any(each is not None and not (math.isfinite(each) and each > 0) for each in margins):
        raise UsageError(
            "a margin is not above zero: nothing could ever be shown to be within it", where="judge policy"
        )
    if policy.block < 1 or policy.history <= 0 or policy.restart <= 0 or policy.tolerance < 0:
        raise UsageError("block, history, restart or tolerance can't be", where="judge policy")
    for each in thresholds:
        check(each)
    return JudgeState.of(policy, tuple(thresholds))


def warm(state: JudgeState, window: Window) -> None:
    """Take in a window of stable's past, from before the release; its canary is not looked at.

    Raises:
        UsageError: for a window that can't be, or that is older than the last one.
    """
    scale = _scale(state, window)
    seen = take_in(window, scale)
    _check_time(state, seen)
    _use(state, scale)
    _learn(state, seen, _levels(state))
    state.stable_errors.add(seen.stable.failed, seen.stable.requests)


def update(state: JudgeState, window: Window, values: Mapping[str, float | None] = _NOTHING) -> Judgement:
    """Take in the next window and say what follows from all so far.

    Args:
        state: is changed in place.
        window: begins where the last one ended, or later.
        values: figures of the bounds that have a query, by the bound's name; None or NaN where there is no data.

    Raises:
        UsageError: for a window that can't be, or that is older than the last one; the state is as before.
    """
    scale = _scale(state, window)
    seen = take_in(window, scale)
    _check_time(state, seen)
    rows = [quality.rows_of(window.labels, asked.name) for asked in state.policy.quality] if window.labels else []
    _use(state, scale)
    state.windows += 1
    levels = _levels(state)
    warming = _phase(state, seen)
    active = seen.weight > 0 and state.canary_since is not None and not warming
    if seen.weight > 0:
        _watch(state, seen)
        _count_units(state, window, seen)
    if active:
        _join(state, window, seen, levels)
    else:
        state.stable_errors.add(seen.stable.failed, seen.stable.requests)
    _learn(state, seen, levels)
    _label(state, seen, rows)
    return conclude(state, at=datetime.fromtimestamp(seen.end, UTC), warming=warming, values=values)


def resume(state: JudgeState) -> None:
    """Forget what was seen of the split: somebody has looked after it, and the release goes on."""
    state.split = type(state.split).empty()


def _scale(state: JudgeState, window: Window) -> Scale:
    """The bins that a window is counted in."""
    edges = window.edges or ()
    if edges == state.latencies.scale.edges:
        return state.latencies.scale
    if edges and not (edges[0] > 0 and math.isfinite(edges[-1]) and list(edges) == sorted(set(edges))):
        raise UsageError("the edges of the latency buckets don't ascend from above zero", where="window")
    return Scale(edges)


def _use(state: JudgeState, scale: Scale) -> None:
    """Begin latencies anew where a source has changed its buckets."""
    if scale == state.latencies.scale:
        return
    if state.latencies.past.answered or state.windows:
        state.note("the source changed its latency buckets; latencies are compared anew from there")
    state.latencies = Latencies.begin(scale, state.policy, state.thresholds)
    state.block = None


def _check_time(state: JudgeState, seen: Seen) -> None:
    if state.until is not None and seen.start < state.until - _CLOCK:
        raise UsageError(
            f"a window that begins at {datetime.fromtimestamp(seen.start, UTC).isoformat()} is older than the last one's end",
            where="window",
            remedy="give windows in the order of time, each of them once",
        )


def _margins(policy: JudgePolicy) -> list[float]:
    return [policy.margins.get(name) or _UNASKED for name in QUANTILES]


def _levels(state: JudgeState) -> Levels | None:
    latencies, policy = state.latencies, state.policy
    return Levels.of(latencies.past.latency, latencies.scale, _margins(policy), policy.tolerance)


def _phase(state: JudgeState, seen: Seen) -> bool:
    """Note what begins with this window; whether it is part of the warm-up."""
    if seen.weight != state.weight:
        if state.weight:
            state.changes = np.append(state.changes, seen.start)
        _close(state)
        state.weight = seen.weight
    if state.canary_since is None and seen.weight > 0 and seen.canary.requests:
        state.canary_since = seen.start
    if state.canary_since is None:
        return False
    warming = seen.start < state.canary_since + state.policy.warmup - _CLOCK
    if state.judged_since is None and not warming and seen.weight > 0:
        state.judged_since = seen.start
    return warming


def _watch(state: JudgeState, seen: Seen) -> None:
    state.latencies.alarm.add(seen)
    for threshold, trail in zip(state.thresholds, state.latencies.watched, strict=True):
        trail.add(seen.start, seen.end, seen.canary if threshold.arm == "canary" else seen.stable)


def _count_units(state: JudgeState, window: Window, seen: Seen) -> None:
    """Count who was sent where: users from the first on, since each comes only once; requests once the canary has settled."""
    if not window.steady or state.canary_since is None:
        return
    split, policy = state.split, state.policy
    if window.canary.units is not None or window.stable.units is not None:
        split.keyed = True
        split.add(window.weight, window.canary.units or 0, window.stable.units or 0, policy.split_margin)
    elif seen.start >= state.canary_since + _SETTLING * policy.warmup - _CLOCK:
        split.add(window.weight, window.canary.requests, window.stable.requests, policy.request_margin)


def _join(state: JudgeState, window: Window, seen: Seen, levels: Levels | None) -> None:
    if state.block is None:
        state.block = Block.begin(seen, levels)
    else:
        state.block.join(seen)
    carriers = [sum(1 for part in arm.replicas.values() if part.requests) for arm in (window.canary, window.stable)]
    state.dispersion.weigh(seen.canary.requests, seen.stable.requests, *carriers)
    if state.block.requests[1] >= state.policy.block and state.block.requests[0]:
        _close(state)


def _close(state: JudgeState) -> None:
    """Judge the block that is open, if it has requests of both arms."""
    block, state.block = state.block, None
    if block is None:
        return
    tally, policy = Tally.of(block), state.policy
    scale, effects = state.latencies.scale, state.latencies.effects
    began = state.judged_since if state.judged_since is not None else tally.start
    if tally.start >= began + policy.restart * state.harm.began - _CLOCK:
        state.harm.restart()
    ranked = state.harm.add(tally, scale.tolerated_bins(policy.tolerance))
    state.safe.add(tally, state.stable_errors, policy.margins.get("errors"))
    effects.add(tally, scale.offsets())
    if ranked is not None:
        effects.add_ranks(tally, *ranked)
    state.stable_errors.add(tally.failed[0], tally.requests[0])


def _learn(state: JudgeState, seen: Seen, levels: Levels | None) -> None:
    """What stable alone tells: its level, and by how much its parts differ."""
    if levels is not None and state.policy.dispersion is None:
        state.dispersion.add(seen.start, levels.bins, seen.replicas, seen.groups)
        state.dispersion.renew(seen.end)
    state.latencies.past.add(seen.start, seen.end, seen.stable)
    state.until = seen.end


def _label(state: JudgeState, seen: Seen, rows: list[Floats]) -> None:
    since = state.judged_since
    if not state.labels_flushed:
        state.labels_flushed = seen.start
    for each, new in zip(state.quality, rows, strict=False):
        if since is not None and new.size:
            each.add(new[new[:, 0] >= since - _CLOCK])
    if seen.end - state.labels_flushed < quality.FLUSH_SECONDS - _CLOCK:
        return
    state.labels_flushed = seen.end
    for index, (each, asked) in enumerate(zip(state.quality, state.policy.quality, strict=True)):
        gained = each.compare(state.changes)
        if gained is not None:
            state.harm.add_labels(index, gained)
            each.settle_rho(quality.factor_of(asked), each.spreads(state.policy.labels)[1])
