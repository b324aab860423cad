"""Model metrics: from labels and both versions' predictions to an effect with its uncertainty.

What is a mean over requests, a share, or a smooth function of means goes to the method made for it, which is exact and
fast; everything else (a function of the user's) is computed by scikit-learn or that function on resamples.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import (
    Effect,
    auc_difference,
    mean_difference,
    proportion_difference,
    smooth_difference,
    statistic_difference,
)
from seatrial.records import MetricSpec
from seatrial.trial.compare.answers import (
    Answers,
    Floats,
    MetricError,
    Objects,
    check_kinds,
    equal,
    numbers,
    read_field,
    typed,
)
from seatrial.trial.compare.confusion import joint_rows, matrix_function
from seatrial.trial.compare.functions import Function

MOST_CELLS = 20_000_000
EPSILON = float(np.finfo(np.float64).eps)


def compare_metric(spec: MetricSpec, answers: Answers, function: Function | None, rng: np.random.Generator) -> Effect:
    """The effect on one metric. Raises MetricError where labels and predictions don't fit it.

    Args:
        spec: the metric.
        answers: of both versions.
        function: from `load_function`, for metrics that are not built in.
        rng: for resampling.
    """
    answers = read_field(answers, spec.prediction)
    name = spec.function or ""
    if name == "accuracy_score" and not spec.options:
        check_kinds(answers)
        return proportion_difference(
            equal(answers.labels, answers.baseline), equal(answers.labels, answers.candidate), answers.groups
        )
    if name in _LOSSES and not spec.options:
        loss = _LOSSES[name]
        labels, baseline, candidate = numbers(answers)
        return mean_difference(loss(labels, baseline), loss(labels, candidate), answers.groups)
    if name in _SMOOTH and not spec.options:
        rows, of_means = _SMOOTH[name]
        labels, baseline, candidate = numbers(answers)
        return smooth_difference(rows(labels, baseline), rows(labels, candidate), of_means, answers.groups)
    return _ranked(spec, answers) or _confused(spec, answers) or _resampled(spec, answers, function, rng)


def compare_gap(
    spec: MetricSpec, answers: Answers, slices: NDArray[np.int64], function: Function | None, rng: np.random.Generator
) -> Effect:
    """The effect on the fairness gap of one metric: the largest difference between slices.

    Args:
        spec: the metric.
        answers: of both versions.
        slices: (n,) code of each request's slice, 0 … k−1.
        function: as in `compare_metric`.
        rng: for resampling.
    """
    answers = read_field(answers, spec.prediction)
    losses = _row_values(spec, answers)
    if losses is not None:
        member = np.eye(int(slices.max()) + 1)[slices]
        rows = [np.concatenate([member, member * loss[:, None]], axis=1) for loss in losses]
        gap_of_means = partial(_gap_of_means, _OF_MEANS.get(spec.function or "", np.asarray))
        return smooth_difference(rows[0], rows[1], gap_of_means, answers.groups)
    confused = _confused_gap(spec, answers, slices)
    if confused is not None:
        return confused
    metric = _callable(spec, function)

    def gap(pairs: Objects, predictions: Objects) -> float:
        labels, codes = _column(pairs, 0), _column(pairs, 1)
        values = [metric(typed(labels[codes == code]), typed(predictions[codes == code])) for code in np.unique(codes)]
        return max(values) - min(values)

    pairs = np.empty((len(answers), 2), dtype=object)
    pairs[:, 0], pairs[:, 1] = answers.labels, slices
    return statistic_difference(pairs, answers.baseline, answers.candidate, gap, rng=rng, groups=answers.groups)


def _absolute(labels: Floats, predictions: Floats) -> Floats:
    return np.abs(labels - predictions)


def _squared(labels: Floats, predictions: Floats) -> Floats:
    return (labels - predictions) ** 2


def _percentage(labels: Floats, predictions: Floats) -> Floats:
    return np.abs(labels - predictions) / np.maximum(np.abs(labels), EPSILON)


_LOSSES: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "mean_absolute_error": _absolute,
    "mean_squared_error": _squared,
    "mean_absolute_percentage_error": _percentage,
}


def _r2_of_means(means: Floats) -> Floats:
    """1 − mean squared error / variance of the labels, from the means of (error², label, label²)."""
    variance = means[..., 2] - means[..., 1] ** 2
    return np.asarray(1 - means[..., 0] / variance)


_SMOOTH: Mapping[str, tuple[Callable[[Floats, Floats], Floats], Callable[[Floats], Floats]]] = {
    "root_mean_squared_error": (lambda y, p: _squared(y, p)[:, None], lambda means: np.sqrt(means[..., 0])),
    "r2_score": (lambda y, p: np.stack([_squared(y, p), y - y.mean(), (y - y.mean()) ** 2], axis=1), _r2_of_means),
}


_OF_MEANS: Mapping[str, Callable[[Floats], Floats]] = {
    "root_mean_squared_error": lambda means: np.sqrt(np.maximum(means, 0.0)),
}


def _gap_of_means(of_mean: Callable[[Floats], Floats], means: Floats) -> Floats:
    """Largest minus smallest slice's metric, from the means of (membership, membership × value)."""
    slices = means.shape[-1] // 2
    values = of_mean(means[..., slices:] / means[..., :slices])
    return np.asarray(values.max(axis=-1) - values.min(axis=-1))


def _row_values(spec: MetricSpec, answers: Answers) -> tuple[Floats, Floats] | None:
    """One value a request whose mean is the metric, or of whose mean it is a function; None where it is neither."""
    if spec.options:
        return None
    loss = _squared if spec.function in _OF_MEANS else _LOSSES.get(spec.function or "")
    if spec.function == "accuracy_score":
        check_kinds(answers)
        hits = equal(answers.labels, answers.baseline), equal(answers.labels, answers.candidate)
        return hits[0].astype(np.float64), hits[1].astype(np.float64)
    if loss is None:
        return None
    labels, baseline, candidate = numbers(answers)
    return loss(labels, baseline), loss(labels, candidate)


def _ranked(spec: MetricSpec, answers: Answers) -> Effect | None:
    """The effect on the area under the ROC curve of a binary classifier's scores; None for anything else."""
    classes = set(answers.labels.tolist()) if spec.function == "roc_auc_score" and not spec.options else set()
    if classes not in ({0, 1}, {-1, 1}):
        return None
    labels, baseline, candidate = numbers(answers)
    return auc_difference(labels > 0, baseline, candidate, answers.groups)


@dataclass(frozen=True, slots=True)
class _Matrices:
    """A metric of the confusion matrix, with a row (k·k) per request of each version."""

    function: Callable[[Floats], Floats]
    baseline: Floats
    candidate: Floats


def _matrices(spec: MetricSpec, answers: Answers) -> _Matrices | None:
    """The rows from which a metric of the confusion matrix is a smooth function; None where it is no such metric."""
    values = [*answers.labels, *answers.baseline, *answers.candidate]
    if not all(isinstance(value, str | int | float) for value in values):
        return None
    classes = sorted(set(values), key=lambda value: (str(type(value)), value))
    function = matrix_function(spec.function or "", classes, spec.options)
    if function is None:
        return None
    check_kinds(answers)
    code = {value: index for index, value in enumerate(classes)}
    labels, baseline, candidate = (
        np.array([code[value] for value in column], dtype=np.int64)
        for column in (answers.labels, answers.baseline, answers.candidate)
    )
    size = len(classes)
    return _Matrices(function, joint_rows(labels, baseline, size), joint_rows(labels, candidate, size))


def _confused(spec: MetricSpec, answers: Answers) -> Effect | None:
    """The effect on a metric of the confusion matrix; None where it is none."""
    found = _matrices(spec, answers)
    if found is None:
        return None
    return smooth_difference(found.baseline, found.candidate, found.function, answers.groups)


def _confused_gap(spec: MetricSpec, answers: Answers, slices: NDArray[np.int64]) -> Effect | None:
    """The effect on the gap of such a metric: the matrices of all slices stand side by side in each row."""
    found = _matrices(spec, answers)
    if found is None:
        return None
    member = np.eye(int(slices.max()) + 1)[slices]
    if member.shape[1] * found.baseline.size > MOST_CELLS:
        return None

    def side_by_side(rows: Floats) -> Floats:
        return np.asarray((member[:, :, None] * rows[:, None, :]).reshape(len(rows), -1))

    def gap(means: Floats) -> Floats:
        values = found.function(means.reshape(*means.shape[:-1], member.shape[1], -1))
        return np.asarray(values.max(axis=-1) - values.min(axis=-1))

    return smooth_difference(side_by_side(found.baseline), side_by_side(found.candidate), gap, answers.groups)


def _resampled(spec: MetricSpec, answers: Answers, function: Function | None, rng: np.random.Generator) -> Effect:
    metric = _callable(spec, function)

    def value(labels: Objects, predictions: Objects) -> float:
        return metric(typed(labels), typed(predictions))

    try:
        value(answers.labels, answers.baseline)
        value(answers.labels, answers.candidate)
    except (ValueError, ArithmeticError) as error:
        raise MetricError(f"{spec.function} can't be computed: {_first_line(error)}") from error
    return statistic_difference(
        answers.labels, answers.baseline, answers.candidate, value, rng=rng, groups=answers.groups
    )


def _callable(spec: MetricSpec, function: Function | None) -> Function:
    """The function, whose own defects are a reason in the report and not the end of the trial.

    A ValueError or a division by zero says that the metric is undefined on a resample, which the judge knows.
    """
    if function is None:
        raise MetricError(f"no function computes {spec.name}")

    def guarded(labels: Objects, predictions: Objects) -> float:
        try:
            return function(labels, predictions)
        except (ValueError, ArithmeticError):
            raise
        except Exception as error:
            raise MetricError(f"{spec.function} can't be computed: {_first_line(error)}") from error

    return guarded


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def _column(pairs: Objects, index: int) -> Objects:
    return pairs[:, index]
