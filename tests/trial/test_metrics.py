"""Model metrics are those of scikit-learn, whatever way they are computed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import MetricSpec, Slice, UsageError
from seatrial.trial.compare.answers import Answers, MetricError
from seatrial.trial.compare.confusion import SMOOTH, joint_rows, matrix_function
from seatrial.trial.compare.functions import load_function
from seatrial.trial.compare.metrics import compare_gap, compare_metric
from seatrial.trial.compare.slices import slice_codes
from tests.trial.making import metric

CLASSES = st.integers(min_value=0, max_value=3)


def objects(values: Any) -> Any:
    """An object array."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def answers(labels: Any, baseline: Any, candidate: Any) -> Answers:
    """Labels and both versions' predictions."""
    return Answers(objects(labels), objects(baseline), objects(candidate), None)


def rng() -> np.random.Generator:
    """The same every time."""
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "name", ["accuracy", "mae", "mse", "rmse", "mape", "r2", "balanced_accuracy", "matthews_corrcoef"]
)
def test_figures_are_those_of_scikit_learn(name: str) -> None:
    """The fast way gives scikit-learn's figure."""
    spec = metric(name)
    generator = np.random.default_rng(3)
    labels, baseline, candidate = (generator.integers(1, 5, 200).tolist() for _ in range(3))
    found = compare_metric(spec, answers(labels, baseline, candidate), None, rng())
    function = getattr(sklearn.metrics, str(spec.function))
    assert function(labels, baseline) == pytest.approx(found.baseline)
    assert function(labels, candidate) == pytest.approx(found.candidate)


@pytest.mark.parametrize("name", sorted(SMOOTH))
@pytest.mark.parametrize("average", [None, "binary", "macro", "micro", "weighted"])
def test_confusion_metrics_agree_with_scikit_learn(name: str, average: str | None) -> None:
    """Every average that is computed from the matrix gives scikit-learn's figure."""
    top = 2 if average in {None, "binary"} and name not in {"balanced_accuracy_score", "matthews_corrcoef"} else 4
    options: dict[str, object] = {} if average is None else {"average": average}
    generator = np.random.default_rng(5)
    labels, predictions = generator.integers(0, top, 300), generator.integers(0, top, 300)
    classes: list[object] = list(range(top))
    function = matrix_function(name, classes, options)
    if name in {"balanced_accuracy_score", "matthews_corrcoef"} and options:
        assert function is None
        return
    assert function is not None
    found = function(joint_rows(labels, predictions, top).mean(axis=0))
    assert getattr(sklearn.metrics, name)(labels, predictions, **options) == pytest.approx(float(found))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(CLASSES, CLASSES), min_size=2, max_size=60))
def test_macro_f1_agrees_on_any_labels(pairs: list[tuple[int, int]]) -> None:
    """Also where a class never occurs or is never predicted."""
    labels, predictions = [a for a, _ in pairs], [b for _, b in pairs]
    classes: list[Any] = sorted({*labels, *predictions})
    code = {value: index for index, value in enumerate(classes)}
    function = matrix_function("f1_score", classes, {"average": "macro"})
    assert function is not None
    rows = joint_rows(np.array([code[v] for v in labels]), np.array([code[v] for v in predictions]), len(classes))
    expected = sklearn.metrics.f1_score(labels, predictions, average="macro", zero_division=0.0)
    assert expected == pytest.approx(float(function(rows.mean(axis=0))))


def test_an_uncommon_metric_is_resampled() -> None:
    """What has no fast way still has an interval."""
    spec = MetricSpec(
        name="roc_auc", family=metric("roc_auc").family, direction=metric("roc_auc").direction, function="roc_auc_score"
    )
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 200)
    scores = labels + generator.normal(size=200)
    found = compare_metric(
        spec, answers(labels.tolist(), scores.tolist(), (scores + labels).tolist()), load_function(spec, Path()), rng()
    )
    assert sklearn.metrics.roc_auc_score(labels, scores) == pytest.approx(found.baseline)
    interval = found.interval(0.95)
    assert interval is not None
    assert interval.low < found.difference < interval.high


def test_a_function_of_the_project_is_used(tmp_path: Path) -> None:
    """`module:function` is found in the project's folder."""
    (tmp_path / "own_metric_for_test.py").write_text(
        "def cost(labels, predictions):\n    return float((labels != predictions).sum())\n"
    )
    spec = MetricSpec(
        name="cost", family=metric("mae").family, direction=metric("mae").direction, function="own_metric_for_test:cost"
    )
    found = compare_metric(spec, answers([1] * 20, [1] * 18 + [0] * 2, [1] * 20), load_function(spec, tmp_path), rng())
    assert (2.0, 0.0) == (found.baseline, found.candidate)


@pytest.mark.parametrize("trouble", ["raise KeyError('weights')", "return 1 / 0", "raise ValueError('one class only')"])
def test_a_function_of_the_project_that_breaks_is_a_reason_in_the_report(tmp_path: Path, trouble: str) -> None:
    """Its defect does not end a trial whose measurements are done."""
    name = f"broken_metric_{abs(hash(trouble))}"
    (tmp_path / f"{name}.py").write_text(f"def cost(labels, predictions):\n    {trouble}\n")
    spec = MetricSpec(
        name="cost", family=metric("mae").family, direction=metric("mae").direction, function=f"{name}:cost"
    )
    with pytest.raises(MetricError, match=r"can't be computed: (KeyError|ZeroDivisionError|ValueError)"):
        compare_metric(spec, answers([1] * 20, [1] * 20, [1] * 20), load_function(spec, tmp_path), rng())


def test_a_function_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """The message names it."""
    spec = MetricSpec(
        name="cost", family=metric("mae").family, direction=metric("mae").direction, function="no_such_module:cost"
    )
    with pytest.raises(UsageError, match="'no_such_module:cost' can't be loaded"):
        load_function(spec, tmp_path)


def test_a_metric_reads_a_field_of_the_prediction() -> None:
    """With the whole answer as prediction, each metric names its own part of it."""
    found = compare_metric(
        metric("accuracy", prediction="class.0"),
        answers([1, 2], [{"class": [1]}, {"class": [1]}], [{"class": [1]}, {"class": [2]}]),
        None,
        rng(),
    )
    assert (0.5, 1.0) == (found.baseline, found.candidate)


@pytest.mark.parametrize(
    ("expected", "name", "labels", "predictions"),
    [
        ("labels are text but predictions are numbers", "accuracy", ["3", "4"], [3, 4]),
        ("predictions are lists", "accuracy", [3, 4], [[3], [4]]),
        ("predictions must be numbers", "mae", [3, 4], ["good", "bad"]),
        ("labels must be numbers", "rmse", ["a", "b"], [1, 2]),
        ("there is no 'x' in an answer", "accuracy", [1], [2]),
    ],
)
def test_labels_that_do_not_match_are_explained(
    expected: str, name: str, labels: list[Any], predictions: list[Any]
) -> None:
    """What could never match is an error of the metric, not an accuracy of zero."""
    spec = metric(name, prediction="x" if "'x'" in expected else "")
    with pytest.raises(MetricError, match=expected):
        compare_metric(spec, answers(labels, predictions, predictions), None, rng())


def test_the_gap_of_a_root_is_that_of_the_slices_metrics() -> None:
    """Each slice's RMSE is taken before the gap between them, with an interval that needs no resampling."""
    generator = np.random.default_rng(11)
    labels, slices = generator.normal(3, 1, 900), generator.integers(0, 3, 900)
    baseline = labels + generator.normal(0, 0.5, 900)
    candidate = labels + generator.normal(0, 1, 900) * (0.4 + 0.3 * slices)
    found = compare_gap(
        metric("rmse"), answers(labels.tolist(), baseline.tolist(), candidate.tolist()), slices, None, rng()
    )
    for predictions, gap in ((baseline, found.baseline), (candidate, found.candidate)):
        each = [
            sklearn.metrics.root_mean_squared_error(labels[slices == k], predictions[slices == k]) for k in range(3)
        ]
        assert max(each) - min(each) == pytest.approx(gap)
    interval = found.interval(0.95)
    assert interval is not None
    assert "jackknife" in found.method
    assert 0 < interval.low < found.difference < interval.high


def test_a_missing_figure_is_a_slice_of_its_own() -> None:
    """Bins take numbers; what has none is in none of them."""
    codes, names = slice_codes(Slice(column="age", bins=(18.0,)), [12, None, 40, float("nan")])
    assert (["below 18", "18 and above", "missing"], [0, 2, 1, 2]) == (names, codes.tolist())


def test_the_gap_is_the_largest_difference_between_slices() -> None:
    """Slice 0 is always right, slice 1 half the time in the baseline and always in the candidate."""
    labels = [1] * 80
    baseline = [1] * 40 + [1, 0] * 20
    slices = np.array([0] * 40 + [1] * 40)
    found = compare_gap(metric("accuracy"), answers(labels, baseline, labels), slices, None, rng())
    assert found.baseline == pytest.approx(0.5)
    assert found.candidate == pytest.approx(0.0)
