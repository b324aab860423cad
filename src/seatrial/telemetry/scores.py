"""Figures of quality with their intervals, from sums that a database can make: pure.

All intervals have level 95 % and take rows as independent. A mean gets Student's. A share, and what is made of shares
(precision, recall, F1 and their means over classes), gets Wilson's at the number of rows that the delta method's variance
amounts to: for accuracy that is Wilson's interval itself, and where nothing went wrong yet it is still not of length 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]

TAIL = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A figure and its interval; None where the rows don't give one."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Of one group of rows with number labels: means over the rows.

    `error` is prediction − label, `relative` is |error| / |label|, `spread` is label − mean label.
    """

    rows: int
    error: float
    error_sd: float
    absolute: float
    absolute_sd: float
    square: float
    square_sd: float
    relative: float
    relative_sd: float
    spread2: float
    spread4: float
    square_spread2: float


def regression(moments: Moments, metric: str) -> Score:
    """`mae`, `mse`, `rmse`, `mape`, `bias` or `r2` of one group."""
    return REGRESSION[metric](moments) if moments.rows else Score()


def _mean(value: float, deviation: float, rows: int) -> Score:
    if rows < 2:  # noqa: PLR2004 - a spread needs two
        return Score(value=value)
    from scipy import special  # noqa: PLC0415 - as long as a query takes

    half = float(special.stdtrit(rows - 1, 1 - TAIL)) * deviation / rows**0.5
    return Score(value=value, low=value - half, high=value + half)


def _positive_mean(value: float, deviation: float, rows: int) -> Score:
    score = _mean(value, deviation, rows)
    return Score(value=value, low=None if score.low is None else max(0.0, score.low), high=score.high)


def _root_mean_square(moments: Moments) -> Score:
    square = _positive_mean(moments.square, moments.square_sd, moments.rows)
    low, high = (None if end is None else end**0.5 for end in (square.low, square.high))
    return Score(value=moments.square**0.5, low=low, high=high)


def _determination(moments: Moments) -> Score:
    """1 − mean squared error / variance of the labels; the interval by the delta method."""
    mean, variance = moments.square, moments.spread2
    if variance <= 0:
        return Score()
    square4 = moments.square_sd**2
    spread_variance = moments.spread4 - variance**2
    covariance = moments.square_spread2 - mean * variance
    total = square4 / variance**2 + mean**2 * spread_variance / variance**4 - 2 * mean * covariance / variance**3
    score = _mean(1 - mean / variance, max(0.0, total) ** 0.5, moments.rows)
    return Score(value=score.value, low=score.low, high=None if score.high is None else min(1.0, score.high))


REGRESSION: Mapping[str, Callable[[Moments], Score]] = {
    "mae": lambda one: _positive_mean(one.absolute, one.absolute_sd, one.rows),
    "mse": lambda one: _positive_mean(one.square, one.square_sd, one.rows),
    "rmse": _root_mean_square,
    "mape": lambda one: _positive_mean(one.relative, one.relative_sd, one.rows),
    "bias": lambda one: _mean(one.error, one.error_sd, one.rows),
    "r2": _determination,
}


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each class got each answer in one group, cell by cell, because most cells of many classes are empty.

    Attributes:
        labels: (c,) code of the label of each cell.
        answers: (c,) code of the answer.
        counts: (c,) rows, positive.
        classes: how many codes there are.
        positive: code of the class that the metrics are of, in a problem of two classes; None: their mean over classes.
    """

    labels: Codes
    answers: Codes
    counts: Floats
    classes: int
    positive: int | None = None

    @property
    def total(self) -> float:
        """Rows."""
        return float(self.counts.sum())

    @property
    def right(self) -> Floats:
        """(k,) right answers by class."""
        return _sums(self.labels, self.counts * (self.labels == self.answers), self.classes)

    @property
    def actual(self) -> Floats:
        """(k,) rows by label."""
        return _sums(self.labels, self.counts, self.classes)

    @property
    def answered(self) -> Floats:
        """(k,) rows by answer."""
        return _sums(self.answers, self.counts, self.classes)


@dataclass(frozen=True, slots=True)
class _Share:
    """A share per class, and what one more row adds to it: `hit` a right answer, minus `row` for its label, minus `column` for its answer."""

    value: Floats
    hit: Floats
    row: Floats
    column: Floats


def classification(confusion: Confusion, metric: str) -> Score:
    """`accuracy`, `balanced_accuracy`, `precision`, `recall` or `f1` of one group, as scikit-learn defines them."""
    if confusion.total == 0:
        return Score()
    if metric == "accuracy":
        value = float(confusion.right.sum()) / confusion.total
        return _wilson(value, confusion.total)
    share = _SHARES[metric](confusion)
    weights = _weights(confusion, metric)
    value = float(weights @ share.value)
    hit, row, column = weights * share.hit, weights * share.row, weights * share.column
    labels, answers = confusion.labels, confusion.answers
    influence = hit[labels] * (labels == answers) - row[labels] - column[answers]
    variance = float(confusion.counts @ influence**2)
    return _wilson(value, value * (1 - value) / variance if variance > 0 and 0 < value < 1 else confusion.total)


def _weights(confusion: Confusion, metric: str) -> Floats:
    """(k,) what each class weighs in the metric; they sum to 1."""
    if confusion.positive is not None and metric != "balanced_accuracy":
        return np.asarray(np.arange(confusion.classes) == confusion.positive, dtype=np.float64)
    present = confusion.actual > 0
    if metric != "balanced_accuracy":
        present |= confusion.answered > 0
    return np.asarray(present / present.sum())


def _recall(confusion: Confusion) -> _Share:
    value = _divided(confusion.right, confusion.actual)
    each = _divided(np.ones(confusion.classes), confusion.actual)
    return _Share(value, each, value * each, np.zeros(confusion.classes))


def _precision(confusion: Confusion) -> _Share:
    value = _divided(confusion.right, confusion.answered)
    each = _divided(np.ones(confusion.classes), confusion.answered)
    return _Share(value, each, np.zeros(confusion.classes), value * each)


def _f1(confusion: Confusion) -> _Share:
    both = confusion.actual + confusion.answered
    value = _divided(2 * confusion.right, both)
    each = _divided(np.ones(confusion.classes), both)
    return _Share(value, 2 * each, value * each, value * each)


_SHARES: Mapping[str, Callable[[Confusion], _Share]] = {
    "balanced_accuracy": _recall,
    "recall": _recall,
    "precision": _precision,
    "f1": _f1,
}
CLASSIFICATION = ("accuracy", *_SHARES)


def _wilson(share: float, rows: float) -> Score:
    """Wilson's score interval."""
    z2 = NormalDist().inv_cdf(1 - TAIL) ** 2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = (z2 * share * (1 - share) / rows + z2**2 / (4 * rows**2)) ** 0.5 / (1 + z2 / rows)
    return Score(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _sums(codes: Codes, counts: Floats, classes: int) -> Floats:
    return np.bincount(codes, counts, classes).astype(np.float64)


def _divided(part: Floats, whole: Floats) -> Floats:
    """Part / whole, 0 where the whole is empty."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
