"""Quality over time: which rows have a label, which label counts, and what a model's task is."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.records import UsageError
from seatrial.telemetry.log import open_log
from seatrial.telemetry.quality import QualityReport, Task, find_quality
from seatrial.telemetry.window import Bucket, Selection
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions


def found(root: Path, by: Bucket = Bucket.ALL, selection: Selection | None = None, **options: Any) -> QualityReport:
    """The report on a log."""
    with open_log(str(root), selection) as log:
        return find_quality(log, by, **options)


def numbers(root: Path) -> None:
    """Four answers of a regression, three with a label: errors +1, −1, +3; and a label of nobody."""
    write_predictions(
        root,
        [
            prediction(request_id="a", prediction=5.5),
            prediction(request_id="b", prediction=4.25),
            prediction(request_id="b", row=1, prediction=8.5),
            prediction(request_id="c", prediction=9.5, version="v2", time=at(86_400)),
            prediction(request_id="d", prediction=6.5),
        ],
    )
    write_labels(
        root,
        [label("a", 4.5), label("b", 5.25), label("b", 5.5, row=1), label("c", 9.5), label("nobody", 1.0)],
        day="2026-11-22",
    )


def test_errors_are_averaged_over_the_labelled_rows(tmp_path: Path) -> None:
    """By hand: mean |error| 5/3, root mean square √(11/3), bias 1; coverage 3 of 4."""
    numbers(tmp_path)
    report = found(tmp_path, metrics=["mae", "rmse", "bias"], selection=Selection(version="v1"))
    (step,) = report.steps
    values = [step.scores[metric].value for metric in report.metrics]
    assert [5 / 3, (11 / 3) ** 0.5, 1.0] == pytest.approx(values)
    assert (Task.REGRESSION, 4, 3, 1, 0.75) == (report.task, step.rows, step.labelled, step.missing, step.coverage)


def test_each_version_and_step_has_its_own_figures(tmp_path: Path) -> None:
    """In the order of time; a label that belongs to none of the selected predictions is counted."""
    numbers(tmp_path)
    report = found(tmp_path, Bucket.DAY, metrics=["mae"])
    assert [("v1", 3), ("v2", 1)] == [(step.version, step.labelled) for step in report.steps]
    assert (0.0, None) == (report.steps[1].scores["mae"].value, report.steps[1].scores["mae"].low)
    assert 1 == report.unmatched


def test_the_default_metrics_are_those_of_the_task(tmp_path: Path) -> None:
    """Numbers with decimals are a regression."""
    numbers(tmp_path)
    assert ("mae", "rmse", "r2") == found(tmp_path).metrics


def classes(root: Path) -> None:
    """Six answers in words, five with a label, three of them right."""
    answers = ["red", "red", "white", "white", "red", "white"]
    truths = ["red", "white", "white", "red", "red"]
    write_predictions(
        root,
        [
            prediction(request_id=str(place), prediction=None, answer=f'"{answer}"', probability=0.9)
            for place, answer in enumerate(answers)
        ],
    )
    write_labels(root, [label(str(place), None, json=f'"{truth}"') for place, truth in enumerate(truths)])


def test_classes_in_words_are_a_classification(tmp_path: Path) -> None:
    """Accuracy 3/5; F1 is 4/6 of red and 2/4 of white, and a note says that it is their mean."""
    classes(tmp_path)
    report = found(tmp_path)
    (step,) = report.steps
    assert (Task.CLASSIFICATION, ("accuracy", "f1")) == (report.task, report.metrics)
    assert (0.6, (4 / 6 + 2 / 4) / 2) == pytest.approx((step.scores["accuracy"].value, step.scores["f1"].value))
    assert "f1: mean over the classes (macro)" in report.notes


@pytest.mark.parametrize(
    ("expected", "answers", "labels", "probability"),
    [
        (Task.CLASSIFICATION, [1.0, 0.0, 1.0], [1.0, 1.0, 1.0], None),
        (Task.CLASSIFICATION, [7.0, 3.0], [7.0, 9.0], None),
        (Task.REGRESSION, [7.25, 3.0], [7.0, 9.0], None),
        (Task.REGRESSION, [7.0, 3.0], [7.5, 9.0], None),
        (Task.CLASSIFICATION, [0.5, 1.5], [0.5, 1.5], 0.8),
    ],
)
def test_the_task_is_told_from_answers_and_labels(
    tmp_path: Path, expected: Task, answers: list[float], labels: list[float], probability: float | None
) -> None:
    """Whole numbers on both sides are classes, and so is what comes with a probability."""
    write_predictions(
        tmp_path,
        [prediction(request_id=str(n), prediction=one, probability=probability) for n, one in enumerate(answers)],
    )
    write_labels(tmp_path, [label(str(n), one) for n, one in enumerate(labels)])
    assert expected is found(tmp_path).task


def test_the_task_may_be_said(tmp_path: Path) -> None:
    """By itself, or by a metric that belongs to it."""
    write_predictions(tmp_path, [prediction(request_id="a", prediction=3.0)])
    write_labels(tmp_path, [label("a", 4.0)])
    assert Task.REGRESSION is found(tmp_path, task=Task.REGRESSION).task
    assert Task.REGRESSION is found(tmp_path, metrics=["mae"]).task


@pytest.mark.parametrize(
    ("metrics", "task"), [(["maf"], None), (["mae", "f1"], None), (["f1"], Task.REGRESSION)], ids=str
)
def test_metrics_that_do_not_fit_are_refused(tmp_path: Path, metrics: list[str], task: Task | None) -> None:
    """Unknown ones, ones of two tasks, and ones of another task than was said."""
    numbers(tmp_path)
    with pytest.raises(UsageError) as caught:
        found(tmp_path, metrics=metrics, task=task)
    assert "--metric" == caught.value.where


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        ({"prediction": 3.0}, label("a", None, json='"3"')),
        ({"prediction": None, "answer": '"3"'}, label("a", 3.0)),
        ({"prediction": None, "answer": "true"}, label("a", None, json="true")),
        ({"prediction": None, "answer": '"caf\\u00e9"'}, label("a", None, json='"café"')),
        ({"prediction": None, "answer": "[1,2]"}, label("a", None, json="[1,2]")),
        ({"prediction": None, "answer": '"broken'}, label("a", None, json='"broken')),
    ],
)
def test_classes_are_equal_however_they_are_written(
    tmp_path: Path, answer: dict[str, Any], truth: dict[str, Any]
) -> None:
    """A number as a text, a text with escapes, a whole list; what is no JSON is compared as it is."""
    write_predictions(tmp_path, [prediction(request_id="a", **answer)])
    write_labels(tmp_path, [truth])
    assert 1.0 == found(tmp_path, task=Task.CLASSIFICATION).steps[0].scores["accuracy"].value


def test_classes_without_anything_in_common_are_noted(tmp_path: Path) -> None:
    """An accuracy of 0 is then a matter of names, not of the model."""
    write_predictions(tmp_path, [prediction(request_id="a", prediction=1.0)])
    write_labels(tmp_path, [label("a", None, json='"good"')])
    assert any("no class in common" in note for note in found(tmp_path).notes)


def test_without_labels_the_coverage_is_zero(tmp_path: Path) -> None:
    """There is no figure, and a note says why."""
    write_predictions(tmp_path, [prediction(request_id="a")])
    report = found(tmp_path, metrics=["mae"])
    (step,) = report.steps
    assert (1, 0, 1, 0.0, None) == (step.rows, step.labelled, step.missing, step.coverage, step.scores["mae"].value)
    assert ("no prediction has a label yet",) == report.notes


def test_requests_that_were_not_answered_lack_no_label(tmp_path: Path) -> None:
    """An error has no prediction that could be right."""
    write_predictions(tmp_path, [prediction(request_id="a"), prediction(status=503, prediction=None)])
    assert 1 == found(tmp_path).steps[0].rows


def test_rows_of_a_regression_without_numbers_are_left_out_and_counted(tmp_path: Path) -> None:
    """A label in words has no distance to a number."""
    write_predictions(tmp_path, [prediction(request_id=one, prediction=5.5) for one in "ab"])
    write_labels(tmp_path, [label("a", 5.0), label("b", None, json='"good"')])
    report = found(tmp_path, task=Task.REGRESSION)
    assert 0.5 == report.steps[0].scores["mae"].value
    assert any(note.startswith("1 labelled rows are left out") for note in report.notes)


def test_labels_of_a_file_win_over_those_of_the_log(tmp_path: Path) -> None:
    """They are joined for this question only."""
    numbers(tmp_path)
    file = tmp_path / "labels.csv"
    file.write_text("request_id,row,label\nd,0,6.5\na,0,5.5\n")
    selection = Selection(version="v1")
    (step,) = found(tmp_path, metrics=["mae"], labels=file, selection=selection).steps
    assert (4, 1.0) == (step.labelled, step.scores["mae"].value)
    assert 3 == found(tmp_path, metrics=["mae"], selection=selection).steps[0].labelled
