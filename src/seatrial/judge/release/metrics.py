"""Each metric as it stands: both hypotheses, the effect, the figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seatrial.judge.release import quality, remaining, words
from seatrial.judge.release.effects import METHOD, Estimate
from seatrial.judge.release.harm import BEFORE_LABELS
from seatrial.judge.release.mixtures import Floats
from seatrial.judge.release.scale import Scale
from seatrial.judge.release.state import JudgeState
from seatrial.records.compare import Interval
from seatrial.records.judgement import Hypothesis, MetricJudgement, QualityPolicy

CONFIDENCE: Final = 0.95
_ALPHA: Final = 1 - CONFIDENCE
_LOG10: Final = math.log(10)
QUANTILES: Final = ("latency_p50", "latency_p90", "latency_p99")
# The place of each metric on the side of harm; p50 is judged there by the whole distribution.
_HARM_PLACES: Final = {"errors": 0, "latency": 1, "latency_p90": 2, "latency_p99": 3}
_MARGIN_OF: Final = {
    "errors": "errors",
    "latency": "latency_p50",
    "latency_p90": "latency_p90",
    "latency_p99": "latency_p99",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What all metrics together say of harm, and each metric.

    Attributes:
        combined: of harm, by all.
        metrics: each metric.
    """

    combined: Hypothesis
    metrics: tuple[MetricJudgement, ...]


def dispersion_of(state: JudgeState) -> Floats:
    """(4,) variance factors of errors, ranks (and p50), p90 and p99."""
    given = state.policy.dispersion
    return state.dispersion.factors if given is None else np.full(4, given)


def weigh(state: JudgeState) -> Evidence:
    """All evidence so far."""
    policy = state.policy
    factors = dispersion_of(state)
    spreads = [each.spreads(policy.labels) for each in state.quality]
    places = _kept(state)
    rhos = np.array([each.harm_rho * spread[1] for each, spread in zip(state.quality, spreads, strict=True)])
    combined, each = state.harm.evidence(
        factors, _widened(spreads, policy.dispersion), rhos, np.array(places, dtype=np.int64)
    )
    needed = -math.log(policy.alpha)
    own = needed + math.log(max(len(places), 1))
    harms = {
        place: _hypothesis(state, f"harm {place}", value, own)
        for place, value in zip(places, each.tolist(), strict=True)
    }
    metrics = (
        _errors(state, factors, harms),
        _ranks(state, factors, harms),
        *_quantiles(state, factors, harms),
        *(_quality(state, index, asked, spreads[index], harms) for index, asked in enumerate(policy.quality)),
    )
    return Evidence(
        combined=_hypothesis(state, "harm", combined, needed),
        metrics=tuple(each for each in metrics if each.harm is not None or each.safe is not None),
    )


def _kept(state: JudgeState) -> list[int]:
    margins = state.policy.margins
    kept = [place for name, place in _HARM_PLACES.items() if margins.get(_MARGIN_OF[name], 0.0) is not None]
    return kept + [BEFORE_LABELS + index for index in range(len(state.policy.quality))]


def _widened(spreads: Sequence[tuple[float, float]], given: float | None) -> Floats:
    return np.array(spreads, dtype=np.float64).reshape(-1, 2) * (given or 1.0)


def _hypothesis(state: JudgeState, name: str, evidence: float, needed: float) -> Hypothesis:
    if evidence >= needed and name not in state.settled:
        state.settled.append(name)
    return Hypothesis(evidence=evidence / _LOG10, needed=needed / _LOG10, settled=name in state.settled)


def _safe(state: JudgeState, name: str, evidence: float) -> Hypothesis:
    return _hypothesis(state, f"safe {name}", evidence, -math.log(state.policy.beta))


def _made(judged: MetricJudgement) -> MetricJudgement:
    object.__setattr__(judged, "why", words.metric(judged))  # the sentence is about the record itself
    return judged


def _interval(estimate: Estimate) -> Interval | None:
    if estimate.ends is None:
        return None
    return Interval(low=estimate.ends[0], high=estimate.ends[1], confidence=CONFIDENCE, method=METHOD)


def _errors(state: JudgeState, factors: Floats, harms: dict[int, Hypothesis]) -> MetricJudgement:
    effects, safe = state.latencies.effects, state.safe
    stable, canary = effects.requests.tolist()
    margin = state.policy.margins.get("errors")
    factor = float(factors[0])
    found, more, hypothesis = Estimate(value=None, ends=None), None, None
    rho = safe.rho or 1.0
    if stable and canary:
        found = effects.error_difference(rho, factor, _ALPHA)
    if margin is not None:
        hypothesis = _safe(state, "errors", safe.error_evidence(factor))
        if not hypothesis.settled:
            needed = -math.log(state.policy.beta)
            more = remaining.by_mixture(needed, safe.total, safe.gain, safe.variance * factor, rho * factor, canary)
    return _made(
        MetricJudgement(
            name="errors",
            stable=int(effects.failed[0]) / stable if stable else None,
            canary=int(effects.failed[1]) / canary if canary else None,
            effect=_interval(found),
            estimate=found.value,
            margin=margin,
            harm=harms.get(0),
            safe=hypothesis,
            samples=(stable, canary),
            more=more,
            dispersion=factor,
        )
    )


def _ranks(state: JudgeState, factors: Floats, harms: dict[int, Hypothesis]) -> MetricJudgement:
    effects = state.latencies.effects
    found = effects.ranked(float(factors[1]), _ALPHA)
    stable, canary = effects.answered.tolist()
    return _made(
        MetricJudgement(
            name="latency",
            stable=0.5 if found.value is not None else None,
            canary=0.5 + found.value if found.value is not None else None,
            effect=_interval(found),
            estimate=found.value,
            harm=harms.get(1),
            samples=(stable, canary),
            dispersion=float(factors[1]),
        )
    )


def _quantiles(state: JudgeState, factors: Floats, harms: dict[int, Hypothesis]) -> list[MetricJudgement]:
    latencies, safe = state.latencies, state.safe
    effects, scale = latencies.effects, latencies.scale
    estimates = effects.quantiles(scale, scale.offsets(), factors[1:], _ALPHA)
    figures = effects.figures(scale)
    evidence = safe.latency_evidence(factors[1:]).tolist()
    stable, canary = effects.answered.tolist()
    judged = []
    for place, name in enumerate(QUANTILES):
        margin = state.policy.margins.get(name)
        hypothesis, more = None, None
        if margin is not None:
            hypothesis = _safe(state, name, evidence[place])
            if not hypothesis.settled:
                gained = float(safe.information[place] / factors[place + 1])
                more = remaining.by_information(evidence[place], -math.log(state.policy.beta), gained, canary)
        judged.append(
            _made(
                MetricJudgement(
                    name=name,
                    unit="s",
                    stable=figures[place][0] if figures else None,
                    canary=figures[place][1] if figures else None,
                    effect=_interval(estimates[place]),
                    estimate=estimates[place].value,
                    relative=True,
                    margin=None if margin is None else moved_margin(scale, effects.bins, place, margin),
                    harm=harms.get(place + 1) if place else None,
                    safe=hypothesis,
                    samples=(stable, canary),
                    more=more,
                    dispersion=float(factors[place + 1]),
                )
            )
        )
    return judged


def moved_margin(scale: Scale, bins: Sequence[int], place: int, margin: float) -> float:
    """A margin as it is really held: to the nearest edge, where a source has buckets of its own."""
    if scale.standard:
        return margin
    return scale.seconds(scale.beyond(bins[place], margin)) / scale.seconds(bins[place]) - 1


def _quality(
    state: JudgeState, index: int, asked: QualityPolicy, spreads: tuple[float, float], harms: dict[int, Hypothesis]
) -> MetricJudgement:
    seen = state.quality[index]
    widening = state.policy.dispersion or 1.0
    factor = quality.factor_of(asked)
    hypothesis = _safe(state, asked.name, seen.safe_evidence(factor, spreads, widening))
    counts = seen.moments[:, 0].tolist()
    means = (seen.moments[:, 1] / np.maximum(seen.moments[:, 0], 1.0)).tolist()
    power = 0.5 if asked.root else 1.0
    ratio = seen.ratio(spreads, widening, _ALPHA)
    found = Estimate(value=None, ends=None)
    if ratio is not None:
        value, low, high = (each**power - 1 for each in ratio)
        found = Estimate(value=value, ends=(low, high))
    more = None
    if not hypothesis.settled and not math.isnan(spreads[0]):
        gained = seen.information(factor, spreads, widening)
        more = remaining.by_information(
            hypothesis.evidence * _LOG10, -math.log(state.policy.beta), gained, int(counts[1])
        )
    return _made(
        MetricJudgement(
            name=asked.name,
            stable=means[0] ** power if counts[0] else None,
            canary=means[1] ** power if counts[1] else None,
            effect=_interval(found),
            estimate=found.value,
            relative=True,
            margin=asked.margin,
            harm=harms.get(BEFORE_LABELS + index),
            safe=hypothesis,
            samples=(int(counts[0]), int(counts[1])),
            more=more,
            dispersion=widening,
        )
    )
