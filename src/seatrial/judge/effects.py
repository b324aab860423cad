"""What a comparison estimates, and how sure it is of it.

Every gate of a trial asks about one linear contrast of the two versions, `candidate − weight · baseline`:

- weight 1 is the difference, held against an absolute margin;
- weight 0 is the candidate alone, held against a limit;
- weight 1 ± m is what a relative margin m asks about (`candidate − 1.05 · baseline > 0`), so that the baseline's own
  uncertainty counts and is not taken for known.

An `Effect` answers both questions about any such contrast, and its two answers agree by construction: `p_greater` at
the low end of `interval(0.95)` is 0.025, and so is `p_less` at the high end.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from seatrial.records import Interval

Floats: TypeAlias = NDArray[np.float64]

FEW_UNITS = 5
_TAIL_REPLICATES = 20


class Bounds(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(ABC):
    """One metric of two versions, with what is known of its uncertainty.

    Attributes:
        baseline, candidate: the two figures, in the metric's unit.
        samples: pairs (requests, clusters' requests, or blocks for block metrics) behind the figures.
        method: name of the method, as in docs/explanation/statistics.md.
        note: why there is no interval, or what limits it; empty if nothing does.
        needed: samples below which this method refuses an interval; None where that was not the reason.
    """

    baseline: float
    candidate: float
    samples: int
    method: str
    note: str = ""
    needed: int | None = None

    @property
    def difference(self) -> float:
        """Candidate − baseline."""
        return self.candidate - self.baseline

    def estimate(self, weight: float = 1.0) -> float:
        """Candidate − weight · baseline."""
        return self.candidate - weight * self.baseline if weight else self.candidate

    def interval(self, confidence: float, *, weight: float = 1.0) -> Interval | None:
        """Two-sided interval of candidate − weight · baseline; None where the data cannot support one."""
        bounds = self._bounds((1 - confidence) / 2, weight)
        if bounds is None or not np.all(np.isfinite(bounds)):
            return None
        return Interval(low=bounds.low, high=bounds.high, confidence=confidence, method=self.method)

    @abstractmethod
    def p_greater(self, threshold: float, *, weight: float = 1.0) -> float:
        """One-sided p-value; small where candidate − weight · baseline is above `threshold`. 1 where unknown."""

    @abstractmethod
    def p_less(self, threshold: float, *, weight: float = 1.0) -> float:
        """One-sided p-value; small where candidate − weight · baseline is below `threshold`. 1 where unknown."""

    @abstractmethod
    def _bounds(self, tail: float, weight: float) -> Bounds | None:
        """Both one-sided bounds at error `tail` each; None where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Effect):
    """Figures without a spread: one observation a version, or too few samples for an interval.

    `exact` says that the figures carry no chance at all (the size of a stack), so that the difference is the truth.
    """

    exact: bool = False

    def p_greater(self, threshold: float, *, weight: float = 1.0) -> float:
        """0 or 1 where exact, else 1."""
        return 0.0 if self.exact and self.estimate(weight) > threshold else 1.0

    def p_less(self, threshold: float, *, weight: float = 1.0) -> float:
        """0 or 1 where exact, else 1."""
        return 0.0 if self.exact and self.estimate(weight) < threshold else 1.0

    def _bounds(self, tail: float, weight: float) -> Bounds | None:  # noqa: ARG002 - the signature of every effect
        return Bounds(self.estimate(weight), self.estimate(weight)) if self.exact else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Second and third central moments, per unit, of the difference d and of the baseline b.

    Kept for d and b rather than for the two arms, since candidate − weight · baseline = d + (1 − weight) b: nearly equal
    arms then lose no digits where it matters, at weight 1.
    """

    units: int
    dd: float
    db: float
    bb: float
    ddd: float
    ddb: float
    dbb: float
    bbb: float

    def spread(self, weight: float) -> tuple[float, float]:
        """Standard error of the contrast, and its skewness coefficient (Fisher and Pearson's, adjusted) divided by √units."""
        share = 1 - weight
        second = self.dd + 2 * share * self.db + share**2 * self.bb
        third = self.ddd + 3 * share * self.ddb + 3 * share**2 * self.dbb + share**3 * self.bbb
        if not second > 0:
            return (0.0, 0.0) if second <= 0 else (float("nan"), 0.0)
        adjusted = np.sqrt(self.units - 1) / (self.units - 2) if self.units > 2 else 0.0  # noqa: PLR2004 - skewness needs three
        return float(np.sqrt(second / (self.units - 1))), float(third / second**1.5 * adjusted)


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentEffect(Effect):
    """A mean of independent units (or what is linear in them), by Hall's skewness-corrected t.

    The t statistic T of skewed data is itself skewed. Hall's monotone cubic g(T) = ((1 + kT/3)³ − 1)/k + k/6, with
    k = skewness/√n, takes that out to second order, and inverts in closed form; g(T) is held against Student's t. Its
    degrees of freedom, n − 1, are divided by 1 + skewness²/2, since the skewness is itself estimated, and low: that
    factor was chosen by simulation (benchmarks/coverage.py).

    Reference: Hall, "On the removal of skewness by transformation", J. R. Stat. Soc. B 54 (1992); Johnson, "Modified t
    tests and confidence intervals for asymmetrical populations", JASA 73 (1978).
    """

    moments: Moments

    def p_greater(self, threshold: float, *, weight: float = 1.0) -> float:
        """Upper tail of the corrected statistic."""
        return self._tail(threshold, weight, side=1)

    def p_less(self, threshold: float, *, weight: float = 1.0) -> float:
        """Lower tail of the corrected statistic."""
        return self._tail(threshold, weight, side=-1)

    @property
    def _known(self) -> bool:
        return self.moments.units >= 2  # noqa: PLR2004 - a spread needs two

    def _freedom(self, skew: float) -> float:
        return (self.moments.units - 1) / (1 + skew**2 * self.moments.units / 2)

    def _tail(self, threshold: float, weight: float, side: int) -> float:
        if not self._known:
            return 1.0
        error, skew = self.moments.spread(weight)
        distance = side * (self.estimate(weight) - threshold)
        if error == 0:
            return 0.0 if distance > 0 and self.moments.units >= FEW_UNITS else 1.0
        statistic = side * _unskew(side * distance / error, skew)
        return float(special.stdtr(self._freedom(skew), -statistic))

    def _bounds(self, tail: float, weight: float) -> Bounds | None:
        if not self._known:
            return None
        error, skew = self.moments.spread(weight)
        centre = self.estimate(weight)
        if error == 0:
            return Bounds(centre, centre) if self.moments.units >= FEW_UNITS else None
        quantile = -float(special.stdtrit(self._freedom(skew), tail))
        return Bounds(centre - error * _skew(quantile, skew), centre - error * _skew(-quantile, skew))


def _unskew(statistic: float, skew: float) -> float:
    """Hall's g; the identity where there is no skewness to speak of."""
    if abs(skew) < 1e-9:  # noqa: PLR2004 - below this the formula only loses digits
        return statistic
    return ((1 + skew * statistic / 3) ** 3 - 1) / skew + skew / 6


def _skew(value: float, skew: float) -> float:
    """The inverse of `_unskew`."""
    if abs(skew) < 1e-9:  # noqa: PLR2004 - as there
        return value
    return 3 / skew * (float(np.cbrt(1 + skew * (value - skew / 6))) - 1)


def moment_effect(
    baseline: float,
    candidate: float,
    baseline_units: Floats,
    difference_units: Floats,
    *,
    samples: int,
    method: str,
    guard: float = 0.0,
) -> MomentEffect:
    """An effect from one value per independent unit.

    Args:
        baseline: the baseline's figure.
        candidate: the candidate's figure.
        baseline_units: (n,) values whose mean's spread is that of the baseline's figure (influence values, say).
        difference_units: (n,) the same for candidate − baseline.
        samples: pairs behind it.
        method: name for the report.
        guard: added to the difference's sum of squares, in squared units.
    """
    b = baseline_units - baseline_units.mean()
    d = difference_units - difference_units.mean()
    if not difference_units.size or np.ptp(difference_units) == 0:
        d = np.zeros_like(d)
    b2, d2, units = b * b, d * d, b.size
    moments = Moments(
        units=units,
        dd=(float(d2.sum()) + guard) / units,
        db=float(d @ b) / units,
        bb=float(b2.sum()) / units,
        ddd=float(d2 @ d) / units,
        ddb=float(d2 @ b) / units,
        dbb=float(d @ b2) / units,
        bbb=float(b2 @ b) / units,
    )
    return MomentEffect(baseline=baseline, candidate=candidate, samples=samples, method=method, moments=moments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicateEffect(Effect):
    """A statistic known through bootstrap replicates of both arms: expanded percentile interval.

    The percentile interval is too narrow for few units, so its level is set by Student's t with `units` − 1 degrees of
    freedom (Hesterberg, "What teachers should know about the bootstrap", Am. Stat. 69, 2015, section 5.3; his further
    factor √(n/(n − 1)) is left out, because the bootstrap of a quantile errs on the wide side by about as much:
    benchmarks/coverage.py). Beyond the 20 outermost replicates the quantile function goes on as a straight line in the
    normal score, so that also the small error rates of Holm and of early looks can be told.
    """

    units: int
    baseline_replicates: Floats = field(repr=False)
    candidate_replicates: Floats = field(repr=False)

    def p_greater(self, threshold: float, *, weight: float = 1.0) -> float:
        """Share of the expanded bootstrap distribution below the threshold."""
        return self._chance(*self._curve(weight), threshold)

    def p_less(self, threshold: float, *, weight: float = 1.0) -> float:
        """Share of the expanded bootstrap distribution above the threshold."""
        scores, values = self._curve(weight)
        return self._chance(scores, -values[::-1], -threshold)

    def _bounds(self, tail: float, weight: float) -> Bounds | None:
        scores, values = self._curve(weight)
        score = -float(special.stdtrit(self.units - 1, tail))
        return Bounds(_at(scores, values, -score), _at(scores, values, score))

    def _curve(self, weight: float) -> tuple[Floats, Floats]:
        """Normal scores (ascending, symmetric) and the replicates' quantile at each."""
        values = self.candidate_replicates - weight * self.baseline_replicates if weight else self.candidate_replicates
        edge = -special.ndtri(min(_TAIL_REPLICATES / values.size, 0.25))
        scores = np.linspace(-edge, edge, 201)
        return scores, np.quantile(values, special.ndtr(scores), method="hazen")

    def _chance(self, scores: Floats, values: Floats, threshold: float) -> float:
        score = _score_of(scores, values, threshold)
        return float(special.stdtr(self.units - 1, score))


def _at(scores: Floats, values: Floats, score: float) -> float:
    """The quantile curve at a normal score, straight beyond its ends."""
    if score > scores[-1]:
        return float(values[-1] + (score - scores[-1]) * _slope(scores, values, -1))
    if score < scores[0]:
        return float(values[0] - (scores[0] - score) * _slope(scores, values, 0))
    return float(np.interp(score, scores, values))


def _score_of(scores: Floats, values: Floats, threshold: float) -> float:
    """The largest normal score at which the curve is still at or below the threshold: the cautious inverse of `_at`."""
    if threshold < values[0]:
        slope = _slope(scores, values, 0)
        return float(scores[0] - (values[0] - threshold) / slope) if slope > 0 else float("-inf")
    if threshold >= values[-1]:
        slope = _slope(scores, values, -1)
        return float(scores[-1] + (threshold - values[-1]) / slope) if slope > 0 else float("inf")
    right = int(np.searchsorted(values, threshold, side="right"))
    share = (threshold - values[right - 1]) / (values[right] - values[right - 1])
    return float(scores[right - 1] + share * (scores[right] - scores[right - 1]))


def _slope(scores: Floats, values: Floats, end: int) -> float:
    """Rise per normal score from the middle of the curve to one of its ends."""
    middle = values.size // 2
    return float((values[end] - values[middle]) / (scores[end] - scores[middle]))
