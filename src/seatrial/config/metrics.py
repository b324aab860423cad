"""The metrics that seatrial knows by name: family, direction, unit and default margin.

Any other name is looked for in `sklearn.metrics`, or given as `function: module:function`. What is here needs no
scikit-learn, so that reading a configuration stays fast.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.config.quantities import parse_figure, parse_margin
from seatrial.records import Direction, Family, MetricSpec

HIGHER, LOWER, NONE = Direction.HIGHER, Direction.LOWER, Direction.NONE


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a metric; `margin` as a user would write it, `gate` whether it counts unless the file says so.

    A 99th percentile takes a thousand requests to be told from chance, so it is a gate only where it is asked for.
    """

    family: Family
    direction: Direction
    unit: str = ""
    margin: str = ""
    floor: str = "0"
    gate: bool = False
    function: str | None = None


_APPLICATION = {
    "latency_p50": Known(Family.APPLICATION, LOWER, "s", "10%", "2ms", gate=True),
    "latency_p90": Known(Family.APPLICATION, LOWER, "s", "15%", "5ms", gate=True),
    "latency_p99": Known(Family.APPLICATION, LOWER, "s", "25%", "10ms"),
    "latency_mean": Known(Family.APPLICATION, LOWER, "s"),
    "errors": Known(Family.APPLICATION, LOWER, "fraction", "1pp", gate=True),
    "throughput": Known(Family.APPLICATION, HIGHER, "1/s"),
    "ready_seconds": Known(Family.APPLICATION, LOWER, "s"),
    "stack_size": Known(Family.APPLICATION, LOWER, "B"),
}
_PLATFORM = {
    "cpu_per_request": Known(Family.PLATFORM, LOWER, "s"),
    "cpu_mean": Known(Family.PLATFORM, LOWER, "cores"),
    "cpu_peak": Known(Family.PLATFORM, LOWER, "cores"),
    "memory_mean": Known(Family.PLATFORM, LOWER, "B"),
    "memory_peak": Known(Family.PLATFORM, LOWER, "B"),
}
_MODEL = {
    "accuracy": Known(Family.MODEL, HIGHER, "fraction", "1pp", function="accuracy_score"),
    "balanced_accuracy": Known(Family.MODEL, HIGHER, "fraction", "1pp", function="balanced_accuracy_score"),
    "f1": Known(Family.MODEL, HIGHER, "", "0.01", function="f1_score"),
    "precision": Known(Family.MODEL, HIGHER, "fraction", "1pp", function="precision_score"),
    "recall": Known(Family.MODEL, HIGHER, "fraction", "1pp", function="recall_score"),
    "roc_auc": Known(Family.MODEL, HIGHER, "", "0.01", function="roc_auc_score"),
    "matthews_corrcoef": Known(Family.MODEL, HIGHER, "", "0.01", function="matthews_corrcoef"),
    "log_loss": Known(Family.MODEL, LOWER, "", "5%", function="log_loss"),
    "mae": Known(Family.MODEL, LOWER, "", "5%", function="mean_absolute_error"),
    "mse": Known(Family.MODEL, LOWER, "", "5%", function="mean_squared_error"),
    "rmse": Known(Family.MODEL, LOWER, "", "5%", function="root_mean_squared_error"),
    "mape": Known(Family.MODEL, LOWER, "fraction", "5%", function="mean_absolute_percentage_error"),
    "r2": Known(Family.MODEL, HIGHER, "", "0.01", function="r2_score"),
}
_FUNCTIONS = {known.function: known for known in _MODEL.values()}
KNOWN: dict[str, Known] = _MODEL | _APPLICATION | _PLATFORM
DEFAULT_METRICS: tuple[str, ...] = (*_APPLICATION, *_PLATFORM)


def known(name: str, function: str | None = None) -> Known | None:
    """What is known of metric `name` (computed by `function` where that is given); None if nothing is."""
    if function is not None:
        return _FUNCTIONS.get(function) or _by_suffix(function)
    return KNOWN.get(name) or _FUNCTIONS.get(name) or _by_suffix(name)


def _by_suffix(function: str) -> Known | None:
    """scikit-learn's naming: `…_score` is better higher, `…_error`, `…_loss` and `…_deviance` lower."""
    if ":" in function or not _in_sklearn(function):
        return None
    if function.endswith("_score"):
        return Known(Family.MODEL, HIGHER, "", "0.01", function=function)
    if function.endswith(("_error", "_loss", "_deviance")):
        return Known(Family.MODEL, LOWER, "", "5%", function=function)
    return Known(Family.MODEL, NONE, function=function)


def _in_sklearn(name: str) -> bool:
    import sklearn.metrics  # noqa: PLC0415 - takes a second; only uncommon names need it

    return callable(getattr(sklearn.metrics, name, None))


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to a mistyped name, or None."""
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return found[0] if found else None


def default_metric(name: str) -> MetricSpec:
    """A built-in metric as it is judged when the configuration says nothing of it."""
    facts = KNOWN[name]
    margin, relative = parse_margin(facts.margin) if facts.margin else (None, False)
    return MetricSpec(
        name=name,
        family=facts.family,
        direction=facts.direction,
        function=facts.function,
        margin=margin,
        margin_text=facts.margin,
        relative=relative,
        floor=parse_figure(facts.floor),
        gate=bool(facts.margin) and (facts.gate or facts.family is Family.MODEL),
        unit=facts.unit,
    )
