"""What the judge says, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Final

from seatrial.records.compare import Interval
from seatrial.records.judgement import MetricJudgement, SplitJudgement

_TITLES: Final[Mapping[str, str]] = {
    "errors": "the error rate",
    "latency": "latency as a whole",
    "latency_p50": "the median latency",
    "latency_p90": "the latency's p90",
    "latency_p99": "the latency's p99",
}


def title(name: str) -> str:
    """A metric as the subject of a sentence."""
    return _TITLES.get(name, name)


def interval(name: str, estimate: float | None, ends: Interval | None) -> str:
    """An effect: `+12 % (95 % confidence: +8 % to +15 %)`; empty without an estimate."""
    if estimate is None:
        return ""
    if ends is None:
        return _size(name, estimate)
    return f"{_size(name, estimate)} ({100 * ends.confidence:.3g} % confidence: {_size(name, ends.low)} to {_size(name, ends.high)})"


def metric(found: MetricJudgement) -> str:
    """One sentence about a metric."""
    size = interval(found.name, found.estimate, found.effect)
    subject = title(found.name)
    if found.harm is not None and found.harm.settled:
        return f"{subject} is worse: {size}" if size else f"{subject} is worse"
    if found.safe is None:
        return f"{subject} shows no harm: {size}" if size else f"{subject} has no data yet"
    if found.safe.settled:
        return f"{subject} is not worse than the margin: {size}" if size else f"{subject} is not worse than the margin"
    if not min(found.samples):
        return f"{subject} has no data yet"
    wait = f", about {found.more:,} more to go" if found.more else ""
    return f"{subject} is not settled: {size}{wait}" if size else f"{subject} is not settled{wait}"


def harm(metrics: Sequence[MetricJudgement]) -> str:
    """Why a release is aborted: the metric with the most evidence."""
    worst = max((each for each in metrics if each.harm is not None), key=_harm, default=None)
    if worst is None:
        return "the canary does harm"
    size = interval(worst.name, worst.estimate, worst.effect)
    return f"{title(worst.name)} is worse: {size}" if size else f"{title(worst.name)} is worse"


def split(found: SplitJudgement) -> str:
    """Why a release is paused."""
    observed = f"{100 * found.observed:.3g} %" if found.observed is not None else "none"
    wanted = f"{found.units:,} {found.unit} instead of {100 * found.expected:.3g} %"
    return f"the canary got {observed} of {wanted}: the arms can't be compared"


def safe(metrics: Sequence[MetricJudgement]) -> str:
    """Why a release is promoted: the metric that came nearest to its margin."""
    asked = [each for each in metrics if each.safe is not None]
    if not asked:
        return "nothing speaks against the canary"
    last = min(asked, key=_margin_left)
    size = interval(last.name, last.estimate, last.effect)
    return f"no metric is worse than its margin; nearest is {title(last.name)}: {size}"


def waiting(metrics: Sequence[MetricJudgement]) -> str:
    """Which metrics are not settled yet."""
    open_ones = [each for each in metrics if each.safe is not None and not each.safe.settled]
    if not open_ones:
        return ""
    longest = max(open_ones, key=lambda each: float("inf") if each.more is None else each.more)
    wait = f" (about {longest.more:,} more requests of the canary)" if longest.more else ""
    return f"waiting for {', '.join(_awaited(each) for each in open_ones)}{wait}"


def _awaited(found: MetricJudgement) -> str:
    if found.name not in _TITLES and not min(found.samples):
        return f"labels of {found.name}"
    return title(found.name)


def _harm(found: MetricJudgement) -> float:
    return found.harm.evidence if found.harm is not None else 0.0


def _margin_left(found: MetricJudgement) -> float:
    if found.effect is None or not found.margin:
        return 0.0
    return (found.margin - found.effect.high) / found.margin


def _size(name: str, value: float) -> str:
    if name == "errors":
        return f"{100 * value:+.3g} pp"
    if name == "latency":
        return f"slower in {100 * (0.5 + value):.3g} % of pairs"
    return f"{100 * value:+.3g} %"
