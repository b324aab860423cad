"""Fixed bounds: `latency_mean_ms < 500`, over the last minutes and whatever stable does."""

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Final

from seatrial.judge.release.scale import Scale
from seatrial.judge.release.trail import Trail
from seatrial.records import UsageError
from seatrial.records.judgement import Threshold, ThresholdJudgement

SLOTS: Final = 10
_QUANTILE: Final = re.compile(r"latency_p(\d{1,2}(?:\.\d+)?)_ms")
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _per_second(trail: Trail, _: Scale) -> float:
    return trail.requests / trail.span


def _mean(trail: Trail, _: Scale) -> float:
    return 1000 * trail.seconds / (trail.answered or trail.requests)


_FIGURES: Final[Mapping[str, Callable[[Trail, Scale], float]]] = {
    "latency_mean_ms": _mean,
    "error_rate": lambda trail, _: trail.failed / trail.requests,
    "success_rate": lambda trail, _: 1 - trail.failed / trail.requests,
    "requests_per_second": _per_second,
}


def check(threshold: Threshold) -> None:
    """Refuse what can never be evaluated.

    Raises:
        UsageError: for an unknown figure, or a bound that is not a number.
    """
    known = threshold.query or threshold.metric in _FIGURES or _QUANTILE.fullmatch(threshold.metric)
    if not known:
        raise UsageError(
            f"there is no figure {threshold.metric!r}",
            where=f"threshold {threshold.name!r}",
            remedy=f"known: {', '.join(_FIGURES)}, latency_p50_ms, latency_p99_ms…",
        )
    if not math.isfinite(threshold.value) or threshold.seconds <= 0 or threshold.operator not in _OPERATORS:
        raise UsageError("the bound, its window or its operator can't be", where=f"threshold {threshold.name!r}")


def hold(threshold: Threshold, trail: Trail, scale: Scale, values: Mapping[str, float | None]) -> ThresholdJudgement:
    """Whether a bound holds now; None with too few requests, or where the figure is missing or not a number."""
    samples = trail.requests
    value = values.get(threshold.name) if threshold.query else _figure(threshold.metric, trail, scale)
    if value is None or math.isnan(value):
        return ThresholdJudgement(name=threshold.name, value=None, holds=None, samples=samples)
    holds = _OPERATORS[threshold.operator](value, threshold.value) if samples >= threshold.samples else None
    return ThresholdJudgement(name=threshold.name, value=value, holds=holds, samples=samples)


def _figure(metric: str, trail: Trail, scale: Scale) -> float | None:
    if not trail.requests:
        return None
    if metric.startswith("latency") and not (trail.answered or (metric == "latency_mean_ms" and trail.seconds)):
        return None
    quantile = _QUANTILE.fullmatch(metric)
    if quantile is None:
        return _FIGURES[metric](trail, scale)
    reached = trail.latency.cumsum()
    place = reached.searchsorted(float(quantile[1]) / 100 * reached[-1])
    return 1000 * scale.seconds(int(place))
