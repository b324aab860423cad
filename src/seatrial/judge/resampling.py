"""Any metric of labels and predictions (ROC AUC, a user's function), by a paired bootstrap of bounded cost.

The metric is a black box, so the only way to its spread is to call it again on resampled requests. Each call costs at
least a pass over its rows; the number of rows times calls is held to about four million per version.
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.judge.effects import Effect, Floats, Observed, ReplicateEffect
from seatrial.judge.means import SPARSE_PAIRS

Metric = Callable[[NDArray[Any], NDArray[Any]], float]

FEW_UNITS = 20
_MOST_ROWS = 20_000
_WORK = 4_000_000
_MOST_REPLICATES = 500
_FEWEST_DEFINED = 0.95
_UNSEEN = 2.0
_METHOD = "paired bootstrap"


def statistic_difference(
    labels: ArrayLike,
    baseline_predictions: ArrayLike,
    candidate_predictions: ArrayLike,
    metric: Metric,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
) -> Effect:
    """Compare `metric(labels, predictions)` of two versions by drawing requests (or clusters) for both at once.

    Up to 20,000 requests are drawn in full. Of more, 20,000 are drawn at a time and the deviations are scaled down by
    √(20,000/n), the m-out-of-n bootstrap (Bickel, Götze and van Zwet, Stat. Sinica 7, 1997); between 200 and 500
    replicates. Where fewer than ten predictions differ, each replicate also swaps in about two unlike predictions on each
    side, for the differences that chance has hidden (rule of three). There is no interval where the metric fails or
    is not a number on more than 5 % of the resamples.

    Args:
        labels: (n, …) labels; further columns (slice ids, say) travel with them to the metric.
        baseline_predictions: (n, …) answers of the baseline.
        candidate_predictions: (n, …) answers of the candidate to the same requests.
        metric: higher or lower is better alike; a ValueError or NaN says that it is undefined.
        rng: source of the replicates.
        groups: (n,) the cluster of each request; None: each request is independent.
    """
    truth, first, second = (np.asarray(x) for x in (labels, baseline_predictions, candidate_predictions))
    if not len(truth) == len(first) == len(second):
        message = f"labels and predictions must pair up: {len(truth)}, {len(first)} and {len(second)}"
        raise ValueError(message)
    n = len(truth)
    members = _members(n, groups)
    values = _value(metric, truth, first), _value(metric, truth, second)
    if not np.all(np.isfinite(values)):
        return _observed(values, n, "the metric is not a number" if n else "no request was answered by both versions")
    if len(members) < FEW_UNITS:
        return _observed(
            values,
            n,
            f"a bootstrap needs at least {FEW_UNITS} independent requests",
            FEW_UNITS * max(1, n // len(members)),
        )
    draws = _replicates(truth, (first, second), metric, members, rng)
    defined = np.isfinite(draws).all(axis=1)
    if defined.mean() < _FEWEST_DEFINED:
        return _observed(values, n, "the metric is undefined on many resamples of these requests", 2 * n)
    drawn = max(1, round(len(members) * min(1.0, _MOST_ROWS / n)))
    scaled = np.asarray(values) + (draws[defined] - np.asarray(values)) * np.sqrt(drawn / len(members))
    return ReplicateEffect(
        baseline=values[0],
        candidate=values[1],
        samples=n,
        method=_METHOD if groups is None else "clustered paired bootstrap",
        units=len(members),
        baseline_replicates=scaled[:, 0],
        candidate_replicates=scaled[:, 1],
    )


def _replicates(
    truth: NDArray[Any],
    arms: tuple[NDArray[Any], NDArray[Any]],
    metric: Metric,
    members: list[NDArray[np.intp]] | NDArray[np.intp],
    rng: np.random.Generator,
) -> Floats:
    n = len(truth)
    share = min(1.0, _MOST_ROWS / n)
    drawn = max(1, round(len(members) * share))
    count = int(np.clip(_WORK // (n * share), 200, _MOST_REPLICATES))
    sparse = _differing(*arms) < SPARSE_PAIRS
    out = np.empty((count, 2))
    for replicate in range(count):
        picked = rng.integers(len(members), size=drawn)
        rows = np.concatenate([members[unit] for unit in picked]) if isinstance(members, list) else picked
        sample = tuple(arm[rows] for arm in arms)
        if sparse:
            sample = tuple(_unseen(side, arm, share, rng) for side, arm in zip(sample, arms, strict=True))
        out[replicate] = [_value(metric, truth[rows], side) for side in sample]
    return out


def _unseen(
    sample: NDArray[Any], all_predictions: NDArray[Any], share: float, rng: np.random.Generator
) -> NDArray[Any]:
    """The sample with a few predictions replaced by unlike ones that the same version gave elsewhere."""
    for row in rng.integers(len(sample), size=rng.poisson(_UNSEEN * share)):
        donors = all_predictions[rng.integers(len(all_predictions), size=16)]
        unlike = [donor for donor in donors if not np.array_equal(donor, sample[row])]
        if unlike:
            sample[row] = unlike[0]
    return sample


def _differing(first: NDArray[Any], second: NDArray[Any]) -> int:
    unequal = first != second
    return int(np.count_nonzero(unequal.reshape(len(first), -1).any(axis=1)))


def _members(n: int, groups: ArrayLike | None) -> list[NDArray[np.intp]] | NDArray[np.intp]:
    """Rows of each independent unit."""
    if groups is None:
        return np.arange(n)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _value(metric: Metric, truth: NDArray[Any], predictions: NDArray[Any]) -> float:
    """The metric, NaN where it is undefined."""
    with contextlib.suppress(ValueError, ZeroDivisionError, FloatingPointError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(metric(truth, predictions))
    return float("nan")


def _observed(values: tuple[float, float], n: int, note: str, needed: int | None = None) -> Observed:
    return Observed(baseline=values[0], candidate=values[1], samples=n, method=_METHOD, note=note, needed=needed)
