"""Metrics compared: the candidate beside the baseline, with the uncertainty and what is concluded."""

from dataclasses import dataclass
from enum import StrEnum

from seatrial.records.verdict import Verdict


class Direction(StrEnum):
    """Which way a metric is better; `none` for figures that are shown and never judged."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


class Family(StrEnum):
    """The table of the report that a metric belongs to."""

    MODEL = "model"
    APPLICATION = "application"
    PLATFORM = "platform"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval of candidate − baseline, in the metric's unit. `method` names the method in the docs."""

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a metric was held to: a margin against the baseline, a limit for the candidate, or both.

    `margin` is in the metric's unit; `margin_text` is how the user wrote it (`5%`, `0.01`).
    """

    direction: Direction
    margin: float | None = None
    margin_text: str = ""
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """An estimate of how many more requests per cell would settle the metric."""

    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of one deployment, candidate against baseline.

    Attributes:
        slice: empty for all requests; `column=value` for a slice; `gap(column)` for the fairness gap between slices.
        baseline, candidate: the figures; None where there are no data.
        difference: candidate − baseline, in `unit`.
        interval: of the difference; None where one observation leaves nothing to estimate it from.
        p_worse: one-sided p-value of "not worse than the margin" (small: it is worse), before the correction.
        p_worse_adjusted: the same after Holm over all gated metrics of the trial.
        verdict: pass, fail, inconclusive or error for a gated metric; None for an informative one.
        reason: why, in one sentence.
        needs: while inconclusive.
    """

    deployment: str
    metric: str
    family: Family
    unit: str = ""
    slice: str = ""
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    samples: int = 0
    gate: Gate | None = None
    p_worse: float | None = None
    p_worse_adjusted: float | None = None
    verdict: Verdict | None = None
    reason: str = ""
    needs: Needs | None = None
