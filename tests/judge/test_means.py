"""Means, smooth functions of means, and areas under the curve."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from seatrial.judge import Observed, auc_difference, block_difference, mean_difference, smooth_difference
from tests.judge.makers import skewed_pair

Floats = NDArray[np.float64]


def test_without_skewness_it_is_the_paired_t_interval() -> None:
    """Symmetric differences give the textbook interval."""
    baseline = np.arange(40.0)
    candidate = baseline + np.tile([-1.0, 1.0, -3.0, 3.0], 10)
    interval = mean_difference(baseline, candidate).interval(0.95)
    expected = stats.ttest_rel(candidate, baseline).confidence_interval(0.95)
    assert interval is not None
    assert pytest.approx((expected.low, expected.high)) == (interval.low, interval.high)


def test_skewness_moves_the_interval_towards_the_long_tail() -> None:
    """A right-skewed difference may be larger than seen by more than it may be smaller."""
    first, second = np.zeros(60), np.random.default_rng(1).exponential(size=60)
    effect = mean_difference(first, second)
    interval = effect.interval(0.95)
    assert interval is not None
    assert interval.high - effect.difference > 1.2 * (effect.difference - interval.low)


def test_clusters_of_one_are_no_clusters() -> None:
    """Each request its own group gives the plain interval."""
    first, second = skewed_pair(1, 100)
    plain, grouped = mean_difference(first, second), mean_difference(first, second, np.arange(100))
    a, b = plain.interval(0.95), grouped.interval(0.95)
    assert a is not None
    assert b is not None
    assert pytest.approx((a.low, a.high)) == (b.low, b.high)


def test_repeated_requests_in_clusters_add_no_certainty() -> None:
    """Sending every request four times and saying so gives the interval of sending it once."""
    first, second = skewed_pair(2, 100)
    once = mean_difference(first, second).interval(0.95)
    repeated = mean_difference(np.repeat(first, 4), np.repeat(second, 4), np.repeat(np.arange(100), 4)).interval(0.95)
    assert once is not None
    assert repeated is not None
    assert pytest.approx((once.low, once.high)) == (repeated.low, repeated.high)


def test_equal_answers_are_not_taken_for_proof() -> None:
    """No difference in n pairs still allows a few: the interval is narrow, and not empty."""
    losses = np.random.default_rng(3).exponential(size=200)
    interval = mean_difference(losses, losses).interval(0.95)
    assert interval is not None
    assert pytest.approx(1.972 * 2 * np.ptp(losses) / 200, rel=0.01) == interval.high
    assert pytest.approx(-interval.high) == interval.low


def test_no_pairs_and_one_pair_have_no_interval() -> None:
    """Too little data says so."""
    assert mean_difference([], []).interval(0.95) is None
    assert mean_difference([1.0], [2.0]).interval(0.95) is None
    assert "one block tells nothing of the spread" == block_difference([1.0], [2.0]).note


def test_a_loss_that_is_not_a_number_is_passed_on() -> None:
    """The mean is NaN and there is no interval; judging turns that into an error."""
    effect = mean_difference([1.0, np.nan, 2.0], [1.0, 2.0, 3.0])
    assert np.isnan(effect.baseline)
    assert effect.interval(0.95) is None


def test_different_requests_are_refused() -> None:
    """Pairs must pair."""
    with pytest.raises(ValueError, match="same requests"):
        mean_difference([1.0, 2.0], [1.0])


def f1_of_means(means: Floats) -> Floats:
    """F1 from the means of true positives, false positives and false negatives."""
    return np.asarray(2 * means[..., 0] / (2 * means[..., 0] + means[..., 1] + means[..., 2]))


def confusion(label: NDArray[np.bool_], said: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows of true positive, false positive, false negative."""
    return np.stack([label & said, ~label & said, label & ~said], axis=1)


def test_f1_is_that_of_scikit_learn() -> None:
    """The figures are the metric itself, not an approximation."""
    rng = np.random.default_rng(4)
    label, first, second = (rng.random(200) < share for share in (0.4, 0.5, 0.45))
    effect = smooth_difference(confusion(label, first), confusion(label, second), f1_of_means)
    assert pytest.approx(f1_score(label, first)) == effect.baseline
    assert pytest.approx(f1_score(label, second)) == effect.candidate


def test_a_linear_function_gives_the_interval_of_the_mean() -> None:
    """The jackknife of a mean is the mean."""
    first, second = skewed_pair(5)
    smooth, plain = smooth_difference(first, second, lambda m: m[..., 0]), mean_difference(first, second)
    a, b = smooth.interval(0.95), plain.interval(0.95)
    assert a is not None
    assert b is not None
    assert pytest.approx((a.low, a.high)) == (b.low, b.high)


def test_a_metric_that_one_request_decides_is_refused() -> None:
    """With a single positive request, leaving it out leaves no recall."""
    rows = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    effect = smooth_difference(rows, rows, lambda means: means[..., 0] / (means[..., 0] + means[..., 1]))
    assert isinstance(effect, Observed)
    assert 1.0 == effect.candidate
    assert "one request decides" in effect.note


def test_a_gap_between_slices_is_a_smooth_function() -> None:
    """Fairness: the change of (largest − smallest slice accuracy), from hits and counts side by side."""
    rng = np.random.default_rng(6)
    slices, hits = rng.integers(3, size=900), rng.random((2, 900)) < np.array([[0.9], [0.8]])
    hits[1] &= (slices != 0) | (rng.random(900) < 0.7)
    member = slices[:, None] == np.arange(3)

    def gap(means: Floats) -> Floats:
        accuracies = means[..., :3] / means[..., 3:]
        return np.asarray(accuracies.max(axis=-1) - accuracies.min(axis=-1))

    rows = [np.hstack([member & hit[:, None], member]) for hit in hits]
    interval = smooth_difference(rows[0], rows[1], gap).interval(0.95)
    assert interval is not None
    assert 0 < interval.low < 0.2 < interval.high


def test_auc_is_that_of_scikit_learn_with_ties() -> None:
    """Ties count half."""
    rng = np.random.default_rng(7)
    label = rng.random(300) < 0.3
    first, second = (np.round(label + rng.normal(size=300), 1) for _ in range(2))
    effect = auc_difference(label, first, second)
    assert pytest.approx(roc_auc_score(label, first)) == effect.baseline
    assert pytest.approx(roc_auc_score(label, second)) == effect.candidate


def test_auc_has_the_variance_of_delong() -> None:
    """The standard error is DeLong's, up to the n/(n − 1) of pooled and separate variances."""
    rng = np.random.default_rng(8)
    label = np.arange(400) % 2 == 0
    first, second = label + rng.normal(size=400), label + rng.normal(size=400)
    placements = (
        [np.array([np.mean(scores[~label] < one) for one in scores[label]]) for scores in (first, second)],
        [np.array([np.mean(scores[label] > zero) for zero in scores[~label]]) for scores in (first, second)],
    )
    expected = np.sqrt(sum(np.var(p[1] - p[0], ddof=1) / 200 for p in placements))
    interval = auc_difference(label, first, second).interval(0.95)
    assert interval is not None
    assert pytest.approx(2 * 1.966 * expected, rel=0.02) == interval.high - interval.low


def test_auc_of_one_class_is_no_number() -> None:
    """Undefined, hence no interval."""
    effect = auc_difference(np.ones(20, dtype=bool), np.arange(20.0), np.arange(20.0))
    assert np.isnan(effect.candidate)
    assert effect.interval(0.95) is None
