"""What the judge of releases is asked to keep, and what it says after each window."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from seatrial.records.compare import Interval
from seatrial.records.window import Arm


class Decision(StrEnum):
    """What the judge says. A judge moves nothing; the release does, on its word.

    CONTINUE: go on, nothing is settled. PROMOTE: no metric is worse than its margin. ABORT: the canary does harm.
    PAUSE: the arms can't be compared, since the split isn't what was asked for.
    """

    CONTINUE = "continue"
    PROMOTE = "promote"
    ABORT = "abort"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPolicy:
    """One model metric that labels tell later.

    Attributes:
        name: `rmse`, `mae`, `error_rate` (of classes).
        margin: how much worse it may be, as a fraction of stable's.
        root: whether the metric is the root of the mean loss (RMSE), and the margin is meant of that.
    """

    name: str
    margin: float = 0.03
    root: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A fixed bound that stands beside the statistics: crossing it aborts, whatever stable does.

    Attributes:
        name: as people wrote it: `latency_mean_ms < 500`.
        metric: `latency_mean_ms`, `latency_p50_ms`, `latency_p99_ms`…, `error_rate`, `success_rate`, `requests_per_second`,
            or a query's name.
        operator: what has to hold.
        value: in the metric's unit.
        arm: whose figure it is.
        seconds: length of the trailing window that the figure is of.
        samples: with fewer requests than this it says nothing, and promotion waits.
        query: of Prometheus, where the figure comes from one; `$window` and `$version` are filled in.
        url: of that Prometheus; empty: that of the release's source.
    """

    name: str
    metric: str
    operator: Literal["<", "<=", ">", ">="]
    value: float
    arm: Arm = Arm.CANARY
    seconds: float = 300.0
    samples: int = 100
    query: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePolicy:
    """What a release is held to. Probabilities hold over the whole release, however often the judge is asked.

    Attributes:
        alpha: largest probability of aborting a canary that is no worse.
        beta: largest probability of promoting one that is worse than a margin.
        margins: how much worse each metric may be: `latency_p50`, `latency_p90`, `latency_p99` as fractions of stable's,
            `errors` as a difference of rates. A metric that is left out is not asked for promotion; None of a name drops
            it from the abort side too.
        quality: model metrics.
        tolerance: harm up to this fraction of latency does not abort.
        warmup: seconds from the canary's first request that are left out; only hard limits hold meanwhile.
        soak: seconds before which nothing is promoted.
        block: least number of the canary's requests that are compared at once; windows are joined until there are so many.
        history: seconds of stable's past that thresholds of latency come from.
        restart: seconds between the restarts that find harm which begins late.
        split_alpha: below it the split is not what was asked for.
        split_margin: how far from the asked share the split of users may be for promotion, as a fraction of that share.
        request_margin: the same where there is no key to tell users by, and requests are counted: there are many more of
            them, and a canary that loses a few of its requests without an answer shows in nothing else.
        dispersion: factor by which variances are larger than those of independent requests; None: estimated.
        labels: labels an arm must have before a model metric says anything.
        common: factor (of latency) and rate (of errors) of a hard limit that holds during warm-up too: the canary beyond
            ten times stable's latency, or failing half of its requests, is aborted at once.
    """

    alpha: float = 0.01
    beta: float = 0.05
    margins: Mapping[str, float | None] = field(
        default_factory=lambda: {"latency_p50": 0.05, "latency_p90": 0.10, "latency_p99": 0.10, "errors": 0.002}
    )
    quality: tuple[QualityPolicy, ...] = ()
    tolerance: float = 0.03
    warmup: float = 600.0
    soak: float = 0.0
    block: int = 20
    history: float = 600.0
    restart: float = 600.0
    split_alpha: float = 0.001
    split_margin: float = 0.05
    request_margin: float = 0.02
    dispersion: float | None = None
    labels: int = 20
    common: tuple[float, float] = (10.0, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One side of a metric.

    Attributes:
        evidence: log10 of the e-value against it (against "the canary is no worse" on the side of harm, against "worse than
            the margin" on the safe side).
        needed: log10 of what settles it.
        settled: whether it ever reached that.
    """

    evidence: float
    needed: float
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricJudgement:
    """One metric after a window.

    Attributes:
        name: `errors`, `latency` (the whole distribution), `latency_p50`, `latency_p90`, `latency_p99`, or of a model metric.
        unit: of the figures: `s`, `` for rates, the metric's own.
        stable, canary: the figures over what was judged; None without data.
        effect: confidence sequence of canary − stable (of the ratio − 1 where `relative`), valid at every look.
        margin: in the effect's unit; None where it is not asked for promotion.
        harm, safe: the two hypotheses; None where the metric has no such side.
        samples: requests or labels of stable and of canary.
        more: estimate of the canary's requests (or labels) still needed until the safe side settles; None if unknown.
        dispersion: factor that the variance was multiplied by.
        why: one sentence.
    """

    name: str
    unit: str = ""
    stable: float | None = None
    canary: float | None = None
    effect: Interval | None = None
    estimate: float | None = None
    relative: bool = False
    margin: float | None = None
    harm: Hypothesis | None = None
    safe: Hypothesis | None = None
    samples: tuple[int, int] = (0, 0)
    more: int | None = None
    dispersion: float = 1.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitJudgement:
    """Whether the canary got the share that it was to get.

    Attributes:
        expected, observed: share of units; `observed` is None without any.
        units: first-seen users or sessions, or requests where there is no key.
        evidence: log10 of the e-value against the asked split.
        wrong: whether that settled that it isn't what was asked for.
        equivalent: whether it is shown to be within the margin, which promotion needs.
        unit: what `units` counts: `users`, or `requests` where there is no key.
    """

    expected: float
    observed: float | None = None
    units: int = 0
    evidence: float = 0.0
    wrong: bool = False
    equivalent: bool = False
    unit: str = "requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdJudgement:
    """A fixed bound after a window: `holds` is None where there are too few requests or no data."""

    name: str
    value: float | None
    holds: bool | None
    samples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the judge says after a window.

    Attributes:
        at: end of the window.
        windows: how many it has seen.
        decision: of now.
        why: one sentence that names the metric that decides, or what is still waited for.
        evidence: log10 of the combined e-value of harm, and what aborts.
        warming: whether this window was left out as warm-up.
        requests: of stable and canary, judged so far.
        more: estimate of the canary's requests until promotion; None if unknown.
        notes: what a reader should know: bucket edges that margins were moved to, no key for sessions….
    """

    at: datetime
    windows: int
    decision: Decision
    why: str
    evidence: Hypothesis
    metrics: tuple[MetricJudgement, ...] = ()
    split: SplitJudgement | None = None
    thresholds: tuple[ThresholdJudgement, ...] = ()
    warming: bool = False
    requests: tuple[int, int] = (0, 0)
    more: int | None = None
    notes: tuple[str, ...] = ()
