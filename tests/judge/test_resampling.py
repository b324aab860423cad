"""Black-box metrics by the paired bootstrap."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seatrial.judge import auc_difference, mean_difference, statistic_difference
from tests.judge.makers import skewed_pair


def mean_error(labels: NDArray[np.float64], said: NDArray[np.float64]) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(said - labels)))


def accuracy(labels: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """Share of right answers."""
    return float(np.mean(labels == said))


def test_it_agrees_with_the_analytic_interval() -> None:
    """For a mean there is a formula to hold the bootstrap against."""
    first, second = skewed_pair(1)
    boot = statistic_difference(np.zeros(300), first, second, mean_error, rng=np.random.default_rng(1)).interval(0.95)
    plain = mean_difference(first, second).interval(0.95)
    assert boot is not None
    assert plain is not None
    width = plain.high - plain.low
    assert pytest.approx((plain.low, plain.high), abs=0.12 * width) == (boot.low, boot.high)


def test_large_samples_are_resampled_in_part_and_scaled() -> None:
    """60,000 requests: drawn 20,000 at a time, and still the width of 60,000."""
    first, second = skewed_pair(2, 60_000)
    boot = statistic_difference(np.zeros(60_000), first, second, mean_error, rng=np.random.default_rng(1)).interval(
        0.95
    )
    plain = mean_difference(first, second).interval(0.95)
    assert boot is not None
    assert plain is not None
    assert pytest.approx(plain.high - plain.low, rel=0.2) == boot.high - boot.low


def test_clusters_are_drawn_whole() -> None:
    """Every request four times, in clusters: the width of once."""
    first, second = skewed_pair(3, 200)
    rng = np.random.default_rng(1)
    once = statistic_difference(np.zeros(200), first, second, mean_error, rng=rng).interval(0.95)
    often = statistic_difference(
        np.zeros(800),
        np.repeat(first, 4),
        np.repeat(second, 4),
        mean_error,
        rng=rng,
        groups=np.repeat(np.arange(200), 4),
    ).interval(0.95)
    assert once is not None
    assert often is not None
    assert pytest.approx(once.high - once.low, rel=0.2) == often.high - often.low


def test_equal_predictions_are_not_taken_for_proof() -> None:
    """Identical answers leave an interval of the rule of three's size, about 3.7/n."""
    rng = np.random.default_rng(4)
    labels = rng.integers(2, size=400)
    said = np.where(rng.random(400) < 0.9, labels, 1 - labels)
    interval = statistic_difference(labels, said, said, accuracy, rng=rng).interval(0.95)
    assert interval is not None
    assert 2 / 400 < interval.high < 6 / 400
    assert -6 / 400 < interval.low < -2 / 400


def test_a_metric_that_fails_is_no_number() -> None:
    """A ValueError of the metric is NaN here and an error verdict later."""

    def undefined(labels: NDArray[np.int64], said: NDArray[np.int64]) -> float:
        message = f"only one class in {len(labels)} labels and {len(said)} answers"
        raise ValueError(message)

    effect = statistic_difference([1, 1], [0, 1], [1, 1], undefined, rng=np.random.default_rng(1))
    assert np.isnan(effect.candidate)
    assert effect.interval(0.95) is None


def test_a_metric_that_is_often_undefined_is_refused() -> None:
    """Two positives among 100: many resamples hold none."""
    labels = np.arange(100) < 2

    def recall(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
        return float(said[truth].mean()) if truth.any() else float("nan")

    effect = statistic_difference(labels, labels, labels, recall, rng=np.random.default_rng(1))
    assert effect.interval(0.95) is None
    assert "the metric is undefined on many resamples of these requests" == effect.note


def test_further_columns_of_the_labels_reach_the_metric() -> None:
    """Slice ids travel beside the labels, so that a fairness gap can be any function."""
    rng = np.random.default_rng(5)
    labels, slices = rng.integers(2, size=600), rng.integers(2, size=600)
    first = np.where(rng.random(600) < 0.9, labels, 1 - labels)
    second = np.where((slices == 1) & (rng.random(600) < 0.3), 1 - labels, first)

    def gap(truth: NDArray[np.int64], said: NDArray[np.int64]) -> float:
        shares = [float(np.mean(truth[truth[:, 1] == part, 0] == said[truth[:, 1] == part])) for part in (0, 1)]
        return max(shares) - min(shares)

    effect = statistic_difference(np.stack([labels, slices], axis=1), first, second, gap, rng=rng)
    assert effect.p_greater(0.05) < 0.01


def test_it_agrees_with_delong() -> None:
    """The bootstrap of the area under the curve and DeLong's formula are two ways to one answer."""
    rng = np.random.default_rng(6)
    label = rng.random(300) < 0.4
    first = label + rng.normal(size=300)
    second = first + rng.normal(0, 0.5, size=300)

    def area(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
        return auc_difference(truth, scores, scores).baseline

    boot = statistic_difference(label, first, second, area, rng=rng).interval(0.95)
    plain = auc_difference(label, first, second).interval(0.95)
    assert boot is not None
    assert plain is not None
    width = plain.high - plain.low
    assert pytest.approx((plain.low, plain.high), abs=0.15 * width) == (boot.low, boot.high)
