"""Means, metrics that are smooth functions of means, and figures that come one a block.

All three end in the same place: one value per independent unit, whose mean's spread is that of the figure, judged by
Hall's skewness-corrected t (`effects.MomentEffect`). A pass over the data and no resampling, so a million pairs take
milliseconds, and error rates far out in the tail (Holm, early looks) cost nothing more.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.judge.effects import Effect, Floats, Observed, moment_effect

SPARSE_PAIRS = 10
_PSEUDO_PAIRS = 4
FEW_OF_A_CLASS = 5


def mean_difference(baseline_rows: ArrayLike, candidate_rows: ArrayLike, groups: ArrayLike | None = None) -> Effect:
    """Compare the means of a per-request quantity (absolute error, log loss…), paired by request.

    Args:
        baseline_rows: (n,) the baseline's value for each request.
        candidate_rows: (n,) the candidate's, in the same order.
        groups: (n,) the cluster of each request (user, session); None: each request is independent.
    """
    baseline, candidate = _floats(baseline_rows), _floats(candidate_rows)
    means = (
        float(np.mean(baseline)) if baseline.size else np.nan,
        float(np.mean(candidate)) if candidate.size else np.nan,
    )
    refusal = _refusal(baseline, candidate, *means)
    if refusal is not None:
        return refusal
    units_b, units_d = _per_unit(groups, baseline - means[0], (candidate - baseline) - (means[1] - means[0]))
    return moment_effect(
        *means,
        units_b,
        units_d,
        samples=baseline.size,
        method="clustered skewness-corrected t" if groups is not None else "skewness-corrected t",
        guard=_sparse_guard(_unequal(baseline, candidate), baseline, candidate) * (units_b.size / baseline.size) ** 2,
    )


def block_difference(baseline_per_block: ArrayLike, candidate_per_block: ArrayLike) -> Effect:
    """Compare a figure that comes once a block (CPU seconds a request, mean memory), paired by block.

    Args:
        baseline_per_block: (k,) the baseline's figure per block.
        candidate_per_block: (k,) the candidate's, for the same blocks.
    """
    baseline, candidate = _floats(baseline_per_block), _floats(candidate_per_block)
    means = (
        float(np.mean(baseline)) if baseline.size else np.nan,
        float(np.mean(candidate)) if candidate.size else np.nan,
    )
    refusal = _refusal(baseline, candidate, *means, unit="block")
    if refusal is not None:
        return refusal
    return moment_effect(*means, baseline, candidate - baseline, samples=baseline.size, method="paired t over blocks")


def smooth_difference(
    rows_baseline: ArrayLike,
    rows_candidate: ArrayLike,
    function: Callable[[Floats], NDArray[np.float64]],
    groups: ArrayLike | None = None,
) -> Effect:
    """Compare a metric that is a smooth function of the means of per-request rows, by the jackknife.

    Root mean squared error is `sqrt` of the mean of one column; F1 is 2·tp/(2·tp + fp + fn) of three; a fairness gap is
    a function of the rows of all slices side by side (smooth as long as no two slices tie for best or worst).
    Efron and Stein, "The jackknife estimate of variance", Ann. Stat. 9 (1981): its variance errs on the wide side.

    Args:
        rows_baseline: (n, k) one row per request.
        rows_candidate: (n, k) the same requests in the same order.
        function: maps an (…, k) array of means to an (…) array of metric values.
        groups: (n,) the cluster of each request; None: each request is independent.
    """
    baseline, candidate = _rows(rows_baseline), _rows(rows_candidate)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (
            (float(function(baseline.mean(axis=0))), float(function(candidate.mean(axis=0))))
            if len(baseline)
            else (np.nan, np.nan)
        )
        refusal = _refusal(baseline, candidate, *values)
        if refusal is not None:
            return refusal
        pseudo_b = _pseudo_values(baseline, function, groups)
        pseudo_c = _pseudo_values(candidate, function, groups)
    left_out = ~(np.isfinite(pseudo_b) & np.isfinite(pseudo_c))
    if left_out.any():
        return Observed(
            baseline=values[0],
            candidate=values[1],
            samples=len(baseline),
            method="jackknife",
            note="one request decides whether the metric is defined at all, so it has no interval",
            needed=2 * len(baseline),
        )
    return moment_effect(
        *values,
        pseudo_b,
        pseudo_c - pseudo_b,
        samples=len(baseline),
        method="clustered jackknife t" if groups is not None else "jackknife t",
        guard=_sparse_guard(_unequal(baseline, candidate), pseudo_b, pseudo_c),
    )


def auc_difference(
    labels: ArrayLike, baseline_scores: ArrayLike, candidate_scores: ArrayLike, groups: ArrayLike | None = None
) -> Effect:
    """Compare the areas under the ROC curve of two versions, by the placement values of DeLong.

    DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    characteristic curves", Biometrics 44 (1988).

    Args:
        labels: (n,) booleans, true for the positive class.
        baseline_scores: (n,) the baseline's score of the positive class; ties count half.
        candidate_scores: (n,) the candidate's for the same requests.
        groups: (n,) the cluster of each request; None: each request is independent.
    """
    positive = np.asarray(labels, dtype=bool)
    (first, values_b), (second, values_c) = (
        _placements(positive, _floats(x)) for x in (baseline_scores, candidate_scores)
    )
    refusal = _refusal(values_b, values_c, first, second)
    if refusal is not None:
        return refusal
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < FEW_OF_A_CLASS:
        note = f"needs at least {FEW_OF_A_CLASS} requests of each class"
        return Observed(
            baseline=first,
            candidate=second,
            samples=positive.size,
            method="DeLong",
            note=note,
            needed=2 * positive.size,
        )
    units_b, units_d = _per_unit(groups, values_b - first, (values_c - values_b) - (second - first))
    return moment_effect(
        first,
        second,
        units_b,
        units_d,
        samples=positive.size,
        method="DeLong" if groups is None else "clustered DeLong",
        guard=_sparse_guard(_unequal(values_b, values_c), values_b, values_c) * (units_b.size / positive.size) ** 2,
    )


def _placements(positive: NDArray[np.bool_], scores: Floats) -> tuple[float, Floats]:
    """The area, and a value per request whose mean is the area and whose spread is the area's."""
    ones = int(np.count_nonzero(positive))
    zeros = scores.size - ones
    if not ones or not zeros or not np.all(np.isfinite(scores)):
        return float("nan"), np.full(scores.shape, np.nan)
    order = np.argsort(scores)
    ascending, is_one = scores[order], positive[order]
    ties = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1], [True])))
    zeros_below = _middle_counts(~is_one, ties) / zeros
    ones_above = 1 - _middle_counts(is_one, ties) / ones
    area = float(zeros_below[is_one].mean())
    values = np.empty(scores.size)
    values[order] = np.where(
        is_one, area + (zeros_below - area) * (scores.size / ones), area + (ones_above - area) * (scores.size / zeros)
    )
    return area, values


def _middle_counts(flags: NDArray[np.bool_], ties: NDArray[np.intp]) -> Floats:
    """Flags set below each place, those tied with it counted half; `ties` are the bounds of the runs of equal scores."""
    below = np.concatenate(([0], np.cumsum(flags)))[ties]
    return np.repeat((below[:-1] + below[1:]) / 2, np.diff(ties))


def _pseudo_values(rows: Floats, function: Callable[[Floats], Floats], groups: ArrayLike | None) -> Floats:
    """The jackknife's value per unit: units · f(all) − (units − 1) · f(all but this one)."""
    sums, counts = cluster_sums(rows, groups)
    total, n = rows.sum(axis=0), len(rows)
    units = len(sums)
    left = (total - sums) / (n - counts)[:, None] if units > 1 else np.full_like(sums, np.nan)
    whole = float(function(total / n))
    return np.asarray(whole + (units - 1) * (whole - function(left)), dtype=np.float64)


def _per_unit(groups: ArrayLike | None, *columns: Floats) -> list[Floats]:
    """Columns of deviations summed per cluster and scaled so that the mean over clusters has the right spread."""
    if groups is None:
        return list(columns)
    rows = np.stack(columns, axis=1)
    sums, _ = cluster_sums(rows, groups)
    scaled = sums * (len(sums) / len(rows))
    return [np.ascontiguousarray(scaled[:, column]) for column in range(scaled.shape[1])]


def cluster_sums(rows: Floats, groups: ArrayLike | None) -> tuple[Floats, Floats]:
    """Sums (g, k) of the rows (n, k) per cluster and the cluster sizes (g,); without groups the rows themselves."""
    if groups is None:
        return rows, np.ones(len(rows))
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    counts = np.bincount(codes).astype(np.float64)
    columns = [np.bincount(codes, weights=rows[:, column]) for column in range(rows.shape[1])]
    return np.stack(columns, axis=1), counts


def _unequal(first: Floats, second: Floats) -> int:
    """Pairs that are not the same in both versions."""
    return int(np.count_nonzero((first != second).reshape(len(first), -1).any(axis=1)))


def _sparse_guard(unequal: int, *columns: Floats) -> float:
    """Where (almost) all pairs are equal, what unseen unequal pairs would add to the sum of squares.

    No difference in n pairs does not show that there is none: by the rule of three, up to 3.7/n of the pairs may still
    differ. Two pseudo-pairs each way, as far apart as any two values seen, stand for them (as Agresti and Min, Biometrics 61,
    2005, add pseudo-pairs to a paired table). They fade out up to ten unequal pairs, whose spread speaks for itself.

    Args:
        unequal: pairs that differ.
        columns: values of either version.
    """
    if unequal >= SPARSE_PAIRS:
        return 0.0
    reach = max(column.max() for column in columns) - min(column.min() for column in columns)
    return _PSEUDO_PAIRS * (1 - unequal / SPARSE_PAIRS) * float(reach) ** 2


def _refusal(
    baseline: Floats, candidate: Floats, first: float, second: float, unit: str = "request"
) -> Observed | None:
    """What to return where there is nothing to estimate a spread from; None where there is."""
    if baseline.shape != candidate.shape:
        message = f"the two versions must hold the same {unit}s: {baseline.shape} and {candidate.shape}"
        raise ValueError(message)
    n = len(baseline)
    if n == 0:
        return Observed(
            baseline=np.nan,
            candidate=np.nan,
            samples=0,
            method="none",
            note=f"no {unit} was answered by both versions",
            needed=2,
        )
    if not (np.isfinite(first) and np.isfinite(second)):
        return Observed(baseline=first, candidate=second, samples=n, method="none", note="the metric is not a number")
    if n == 1:
        return Observed(
            baseline=first,
            candidate=second,
            samples=1,
            method="none",
            note=f"one {unit} tells nothing of the spread",
            needed=2,
        )
    return None


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _rows(values: ArrayLike) -> Floats:
    rows = _floats(values)
    return rows[:, None] if rows.ndim == 1 else rows
