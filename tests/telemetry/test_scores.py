"""Figures of quality: their values are scikit-learn's, their intervals hold what they promise."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from seatrial.telemetry.scores import CLASSIFICATION, REGRESSION, Confusion, Moments, classification, regression

EPSILON = 2.220446049250313e-16
NUMBERS = st.floats(-100, 100, allow_subnormal=False).map(lambda value: round(value, 3))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=40)


def moments(labels: np.ndarray, predictions: np.ndarray) -> Moments:
    """The sums that a database makes."""
    error = predictions - labels
    square, relative = error**2, abs(error) / np.maximum(abs(labels), EPSILON)
    spread = (labels - labels.mean()) ** 2
    return Moments(
        rows=len(labels),
        error=error.mean(),
        error_sd=error.std(ddof=1),
        absolute=abs(error).mean(),
        absolute_sd=abs(error).std(ddof=1),
        square=square.mean(),
        square_sd=square.std(ddof=1),
        relative=relative.mean(),
        relative_sd=relative.std(ddof=1),
        spread2=spread.mean(),
        spread4=(spread**2).mean(),
        square_spread2=(square * spread).mean(),
    )


def confusion(labels: np.ndarray, answers: np.ndarray, *, positive: int | None = None, classes: int = 0) -> Confusion:
    """The cells of two columns of codes."""
    cells, counts = np.unique(np.stack([labels, answers]), axis=1, return_counts=True)
    size = classes or int(max(labels.max(), answers.max())) + 1
    return Confusion(cells[0].astype(np.intp), cells[1].astype(np.intp), counts.astype(np.float64), size, positive)


@given(PAIRS)
def test_regression_is_as_scikit_learn_computes_it(pairs: list[tuple[float, float]]) -> None:
    """And each interval holds its figure."""
    labels, predictions = np.array(pairs).T
    assume(labels.std() > 1e-3)
    expected = {
        "mae": metrics.mean_absolute_error,
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
        "mape": metrics.mean_absolute_percentage_error,
        "r2": metrics.r2_score,
        "bias": lambda truth, given: float((given - truth).mean()),
    }
    assert set(REGRESSION) == set(expected)
    for metric, function in expected.items():
        score = regression(moments(labels, predictions), metric)
        assert function(labels, predictions) == pytest.approx(score.value, rel=1e-6, abs=1e-9)
        assert score.low is not None
        assert score.high is not None
        assert score.low - 1e-9 <= (score.value or 0.0) <= score.high + 1e-9


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_means_over_classes_are_as_scikit_learn_computes_them(pairs: list[tuple[int, int]]) -> None:
    """Classes that occur neither as label nor as answer don't count."""
    labels, answers = np.array(pairs).T
    cells = confusion(labels, answers, classes=7)
    expected = {
        "accuracy": metrics.accuracy_score(labels, answers),
        "precision": metrics.precision_score(labels, answers, average="macro", zero_division=0),
        "recall": metrics.recall_score(labels, answers, average="macro", zero_division=0),
        "f1": metrics.f1_score(labels, answers, average="macro", zero_division=0),
        "balanced_accuracy": np.mean([np.mean(answers[labels == one] == one) for one in np.unique(labels)]),
    }
    assert set(CLASSIFICATION) == set(expected)
    for metric, value in expected.items():
        score = classification(cells, metric)
        assert value == pytest.approx(score.value)
        assert 0 <= (score.low or 0.0) <= value + 1e-9
        assert value - 1e-9 <= (score.high or 0.0) <= 1


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_metrics_of_two_classes_are_of_the_positive_one(pairs: list[tuple[int, int]]) -> None:
    """As scikit-learn's `average="binary"`; balanced accuracy is of both."""
    labels, answers = np.array(pairs).T
    cells = confusion(labels, answers, positive=1, classes=2)
    assert metrics.f1_score(labels, answers, zero_division=0) == pytest.approx(classification(cells, "f1").value)
    precision = metrics.precision_score(labels, answers, zero_division=0)
    assert precision == pytest.approx(classification(cells, "precision").value)
    both = np.mean([np.mean(answers[labels == one] == one) for one in np.unique(labels)])
    assert both == pytest.approx(classification(cells, "balanced_accuracy").value)


def test_the_interval_of_accuracy_is_wilsons() -> None:
    """8 of 10: 0.490 to 0.943 (Wilson 1927); 10 of 10: from 0.722."""
    eight = classification(confusion(np.zeros(10), np.repeat([0, 1], [8, 2])), "accuracy")
    assert (0.8, 0.4901625, 0.9433178) == pytest.approx((eight.value, eight.low, eight.high))
    ten = classification(confusion(np.zeros(10), np.zeros(10)), "accuracy")
    assert (1.0, 0.7224672, 1.0) == pytest.approx((ten.value, ten.low, ten.high))


def test_a_figure_without_errors_has_an_interval_too() -> None:
    """Ten right answers don't prove an F1 of 1."""
    score = classification(confusion(np.repeat([0, 1], 5), np.repeat([0, 1], 5)), "f1")
    assert (1.0, 1.0) == pytest.approx((score.value, score.high))
    assert 0.5 < (score.low or 1.0) < 0.9


def test_one_row_gives_a_figure_without_an_interval() -> None:
    """And no row gives none; labels that are all equal have no coefficient of determination."""
    one = Moments(
        rows=1, error=1, error_sd=0, absolute=1, absolute_sd=0, square=1, square_sd=0, relative=1, relative_sd=0,
        spread2=0, spread4=0, square_spread2=0,
    )  # fmt: skip
    assert (1.0, None, None) == (regression(one, "mae").value, regression(one, "mae").low, regression(one, "rmse").high)
    assert regression(one, "r2").value is None
    empty = Confusion(np.array([], dtype=np.intp), np.array([], dtype=np.intp), np.array([]), 0)
    assert classification(empty, "f1").value is None


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2", "bias"])
def test_intervals_of_regression_cover(metric: str) -> None:
    """Of 400 samples of 200 rows at least 91 % hold the truth (95 % promised)."""
    rng = np.random.default_rng(7)
    truth = {"mae": math.sqrt(2 / math.pi), "rmse": 1.0, "r2": 0.8, "bias": 0.0}[metric]
    inside = 0
    for _ in range(400):
        labels = rng.normal(0, math.sqrt(5), 200)
        score = regression(moments(labels, labels + rng.normal(0, 1, 200)), metric)
        inside += (score.low or 0.0) <= truth <= (score.high or 0.0)
    assert 0.91 <= inside / 400


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1", "balanced_accuracy"])
def test_intervals_of_classification_cover(metric: str) -> None:
    """Of 400 samples of 150 rows of three uneven classes at least 91 % hold the figure of the whole population."""
    rng = np.random.default_rng(7)
    cells = np.array([[40, 5, 5], [6, 20, 4], [3, 2, 15]]) / 100
    rows, columns = np.indices((3, 3)).reshape(2, 9)
    truth = classification(Confusion(rows, columns, cells.ravel() * 1e9, 3), metric)
    inside = 0
    for _ in range(400):
        drawn = rng.choice(9, 150, p=cells.ravel())
        score = classification(confusion(drawn // 3, drawn % 3, classes=3), metric)
        inside += (score.low or 0.0) <= (truth.value or 0.0) <= (score.high or 0.0)
    assert 0.91 <= inside / 400
