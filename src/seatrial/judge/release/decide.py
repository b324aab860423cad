"""From evidence to a decision, in the order of what may not wait."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from seatrial.judge.release import words
from seatrial.judge.release.metrics import Evidence, weigh
from seatrial.judge.release.notes import notes_of
from seatrial.judge.release.state import JudgeState
from seatrial.judge.release.thresholds import hold
from seatrial.records.judgement import Decision, Judgement, MetricJudgement, SplitJudgement, ThresholdJudgement

_LOG10: Final = math.log(10)
_CLOCK: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """All that a decision is made from.

    Attributes:
        warming: whether the last window was part of the warm-up.
        served: whether the canary gets requests.
    """

    state: JudgeState
    evidence: Evidence
    split: SplitJudgement
    bounds: tuple[ThresholdJudgement, ...]
    warming: bool
    served: bool


def conclude(state: JudgeState, *, at: datetime, warming: bool, values: Mapping[str, float | None]) -> Judgement:
    """What follows from all that was seen so far."""
    latencies = state.latencies
    standing = _Standing(
        state=state,
        evidence=weigh(state),
        split=_split(state),
        bounds=tuple(
            hold(threshold, trail, latencies.scale, values)
            for threshold, trail in zip(state.thresholds, latencies.watched, strict=True)
        ),
        warming=warming,
        served=state.weight > 0 and state.canary_since is not None,
    )
    decision, why = _decide(standing)
    return Judgement(
        at=at,
        windows=state.windows,
        decision=decision,
        why=why,
        evidence=standing.evidence.combined,
        metrics=standing.evidence.metrics,
        split=standing.split,
        thresholds=standing.bounds,
        warming=warming,
        requests=(int(latencies.effects.requests[0]), int(latencies.effects.requests[1])),
        more=_more(state, standing.evidence.metrics),
        notes=notes_of(state),
    )


def _decide(standing: _Standing) -> tuple[Decision, str]:
    broken = _hard_limit(standing)
    if broken:
        return Decision.ABORT, broken
    if standing.evidence.combined.settled:
        return Decision.ABORT, words.harm(standing.evidence.metrics)
    if standing.split.wrong and not standing.warming:
        return Decision.PAUSE, words.split(standing.split)
    waits = next(_waits(standing), "")
    if waits:
        return Decision.CONTINUE, waits
    return Decision.PROMOTE, words.safe(standing.evidence.metrics)


def _hard_limit(standing: _Standing) -> str:
    """Which limit is crossed whatever stable does; empty if none."""
    if not standing.served:
        return ""
    latencies = standing.state.latencies
    for bound in standing.bounds:
        if bound.holds is False:
            return f"{bound.name} does not hold: it is {bound.value:.4g}"
    return latencies.alarm.reason(standing.state.policy.common, latencies.past, latencies.scale)


def _waits(standing: _Standing) -> Iterator[str]:
    """What promotion still waits for, what is nearest at hand first."""
    state, policy, now = standing.state, standing.state.policy, standing.state.until or 0.0
    if state.canary_since is None:
        yield "the canary has had no requests yet"
        return
    if not standing.served:
        yield "the canary gets no requests now"
    if standing.warming:
        yield f"the canary is warming up, {max(state.canary_since + policy.warmup - now, 0.0):.0f} s to go"
    if not min(state.latencies.effects.requests):
        yield "nothing was compared yet: that takes requests of both arms"
    unsettled = words.waiting(standing.evidence.metrics)
    if unsettled:
        yield unsettled
    yield from (f"waiting for data of {bound.name}" for bound in standing.bounds if bound.holds is None)
    combined = standing.evidence.combined
    if combined.evidence >= combined.needed / 2:
        yield f"there is some evidence of harm: {words.harm(standing.evidence.metrics)}"
    if not standing.split.equivalent:
        yield f"waiting until the split is shown to be right, {standing.split.units:,} {standing.split.unit} so far"
    soaking = state.canary_since + policy.soak - now
    if soaking > _CLOCK:
        yield f"nothing is promoted in its first {policy.soak:.0f} s, {soaking:.0f} s to go"


def _split(state: JudgeState) -> SplitJudgement:
    split, policy = state.split, state.policy
    evidence = split.evidence()
    if evidence >= -math.log(policy.split_alpha):
        split.broken = True
    return SplitJudgement(
        expected=split.expected / split.units if split.units else state.weight,
        observed=split.canary / split.units if split.units else None,
        units=split.units,
        evidence=evidence / _LOG10,
        wrong=split.broken,
        equivalent=bool(split.within.min() >= -math.log(policy.beta)),
        unit="users" if split.keyed else "requests",
    )


def _more(state: JudgeState, metrics: tuple[MetricJudgement, ...]) -> int | None:
    """Requests of the canary that the slowest metric needs; labels are counted as the requests they take."""
    requests = int(state.latencies.effects.requests[1])
    labelled = {asked.name for asked in state.policy.quality}
    most = 0
    for each in metrics:
        if each.safe is None or each.safe.settled:
            continue
        if each.more is None:
            return None
        labels = each.samples[1]
        share = requests / labels if each.name in labelled and labels else 1.0
        most = max(most, math.ceil(each.more * share))
    return most
