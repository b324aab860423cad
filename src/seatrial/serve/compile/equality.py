"""Are two answers the same? Of the compiled model and the original, and of a batch and its rows one by one.

Numbers: the difference is divided by the larger of the value itself and the typical value (the median of the absolute
values of its column), so that an answer near zero is held to the scale of the others, whatever the unit.
Probabilities: the plain difference. Labels: equal, except where the original's own probabilities tie within twice the
tolerance, since then either label is its answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seatrial.serve.model import Batch, Outputs, Predictor

Value = Any
"""Anything that can stand in JSON."""

_NUMERIC: Final = "fiu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a comparison of answers found.

    Attributes:
        rows: how many were compared.
        tolerance: what was allowed.
        largest_difference: relative for numbers, absolute for probabilities; infinite where values can't be compared.
        row: where it is, or the first row whose label differs; None if there is no difference.
        exact: no difference at all, to the last bit.
        ties: labels that differ where the original's probabilities tie.
        problem: why they are not equal, as a clause; empty if they are.
    """

    rows: int
    tolerance: float
    largest_difference: float = 0.0
    row: int | None = None
    exact: bool = True
    ties: int = 0
    problem: str = ""

    @property
    def equal(self) -> bool:
        """Whether everything agrees within the tolerance."""
        return not self.problem


def compare(expected: Outputs, actual: Outputs, tolerance: float, *, classes: Sequence[Any] = ()) -> Evidence:
    """Compare two answers for the same rows.

    Args:
        expected: of the original.
        actual: of the model that should answer alike.
        tolerance: largest difference that counts as equal.
        classes: of a classifier, in the order of the probabilities; empty for other models.
    """
    rows = len(expected.predictions)
    if len(actual.predictions) != rows:
        return _unequal(rows, tolerance, f"it gives {len(actual.predictions)} answers for {rows} rows")
    if (expected.probabilities is None) != (actual.probabilities is None):
        return _unequal(rows, tolerance, "only one of the two gives probabilities")
    found = [_compare_predictions(expected, actual, tolerance, classes)]
    if expected.probabilities is not None and actual.probabilities is not None:
        found.append(_compare_probabilities(expected.probabilities, actual.probabilities, tolerance))
    found.extend(_compare_arrays(expected.arrays, actual.arrays, tolerance))
    return _worst(found)


def rows_are_independent(
    predictor: Predictor,
    rows: Sequence[Any],
    tolerance: float,
    *,
    budget: float = 0.25,
    clock: Callable[[], float] = time.perf_counter,
) -> Evidence:
    """Whether a model answers a row alike alone and among others.

    Models that normalise over their batch don't; a server may not put strangers' rows into one batch then.

    Args:
        predictor: any model whose batch is a list of rows. An async one must not be asked from a running event loop.
        rows: at least two, different from each other.
        tolerance: largest difference that counts as equal.
        budget: seconds after which no further row is asked alone; two always are.
        clock: seconds.

    Raises:
        Exception: whatever the model raises.
    """
    batch = list(rows)
    together = ask(predictor, batch)
    started = clock()
    alone: list[Outputs] = []
    for row in batch:
        if len(alone) > 1 and clock() - started > budget:
            break
        alone.append(ask(predictor, [row]))
    return compare(_first(together, len(alone)), _stacked(alone), tolerance, classes=predictor.signature.classes)


def ask(predictor: Predictor, batch: Batch) -> Outputs:
    """The answer of a model, async or not."""
    outputs = predictor.predict(batch)
    return asyncio.run(_awaited(outputs)) if isinstance(outputs, Awaitable) else outputs


async def _awaited(outputs: Awaitable[Outputs]) -> Outputs:
    return await outputs


def _first(outputs: Outputs, count: int) -> Outputs:
    return Outputs(
        predictions=outputs.predictions[:count],
        probabilities=None if outputs.probabilities is None else outputs.probabilities[:count],
        arrays={name: array[:count] for name, array in outputs.arrays.items()},
    )


def _stacked(answers: Sequence[Outputs]) -> Outputs:
    """Answers of one row each as one answer."""
    first = answers[0]
    predictions = [each.predictions for each in answers]
    probabilities = [each.probabilities for each in answers if each.probabilities is not None]
    return Outputs(
        predictions=_concatenated(predictions),
        probabilities=np.concatenate(probabilities) if probabilities else None,
        arrays={name: np.concatenate([each.arrays[name] for each in answers]) for name in first.arrays},
    )


def _concatenated(parts: Sequence[NDArray[Any] | Sequence[Any]]) -> NDArray[Any] | Sequence[Any]:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([np.asarray(part) for part in parts])
    return [value for part in parts for value in part]


def _compare_predictions(expected: Outputs, actual: Outputs, tolerance: float, classes: Sequence[Any]) -> Evidence:
    if classes:
        return _compare_labels(expected, actual, tolerance, classes)
    ours, theirs = _array(expected.predictions), _array(actual.predictions)
    if ours is not None and theirs is not None:
        return _compare_numbers(ours, theirs, tolerance)
    return _compare_values(expected.predictions, actual.predictions, tolerance)


def _array(values: NDArray[Any] | Sequence[Any]) -> NDArray[Any] | None:
    """Values as an array of numbers; None where they are anything else."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of unequal length
        return None
    return array if array.dtype.kind in _NUMERIC else None


def _compare_numbers(expected: NDArray[Any], actual: NDArray[Any], tolerance: float) -> Evidence:
    rows = len(expected)
    if expected.shape != actual.shape:
        return _unequal(rows, tolerance, f"its answers have the shape {actual.shape}, not {expected.shape}")
    ours, theirs = (each.astype(np.float64).reshape(rows, -1) for each in (expected, actual))
    finite = np.where(np.isfinite(ours), np.abs(ours), 0.0)
    # A value that is there, since the mean of two middle ones may be too large for a float.
    typical = np.quantile(finite, 0.5, axis=0, method="lower")
    difference = _differences(ours, theirs, np.maximum(finite, typical))
    return _judged(difference, ours, theirs, tolerance)


def _compare_probabilities(expected: NDArray[Any], actual: NDArray[Any], tolerance: float) -> Evidence:
    if expected.shape != actual.shape:
        return _unequal(
            len(expected), tolerance, f"its probabilities have the shape {actual.shape}, not {expected.shape}"
        )
    ours, theirs = (each.astype(np.float64).reshape(len(expected), -1) for each in (expected, actual))
    return _judged(_differences(ours, theirs, np.ones_like(ours)), ours, theirs, tolerance)


def _differences(ours: NDArray[Any], theirs: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    """|ours − theirs| / scale; 0 where both are the same (NaN and infinities too), infinite where only one is finite."""
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference = np.abs(ours - theirs) / scale
    return np.where(same, 0.0, np.where(np.isfinite(difference), difference, np.inf))


def _judged(difference: NDArray[Any], ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> Evidence:
    """The evidence for a table (rows, values) of differences."""
    if not difference.size or not difference.any():
        return Evidence(rows=len(difference), tolerance=tolerance)
    row, column = (int(index) for index in np.unravel_index(int(np.argmax(difference)), difference.shape))
    largest = float(difference[row, column])
    problem = f"row {row} is answered {theirs[row, column]:.9g}, not {ours[row, column]:.9g}"
    return Evidence(
        rows=len(difference),
        tolerance=tolerance,
        largest_difference=largest,
        row=row,
        exact=False,
        problem="" if largest <= tolerance else problem,
    )


def _compare_labels(expected: Outputs, actual: Outputs, tolerance: float, classes: Sequence[Any]) -> Evidence:
    ours, theirs = _plain(expected.predictions), _plain(actual.predictions)
    differing = [row for row, (one, other) in enumerate(zip(ours, theirs, strict=True)) if not _same(one, other)]
    rows = len(ours)
    if not differing:
        return Evidence(rows=rows, tolerance=tolerance)
    wrong = [row for row in differing if not _is_tie(theirs[row], expected.probabilities, row, tolerance, classes)]
    if not wrong:
        return Evidence(rows=rows, tolerance=tolerance, row=differing[0], exact=False, ties=len(differing))
    row = wrong[0]
    problem = f"{len(wrong)} of {rows} rows get another class, first row {row}: {theirs[row]!r}, not {ours[row]!r}"
    return _unequal(rows, tolerance, problem, row)


def _is_tie(
    label: Value, probabilities: NDArray[Any] | None, row: int, tolerance: float, classes: Sequence[Any]
) -> bool:
    if probabilities is None or probabilities.ndim != 2 or label not in classes:  # noqa: PLR2004 - (rows, classes)
        return False
    return bool(probabilities[row, list(classes).index(label)] >= probabilities[row].max() - 2 * tolerance)


def _compare_values(
    expected: NDArray[Any] | Sequence[Any], actual: NDArray[Any] | Sequence[Any], tolerance: float
) -> Evidence:
    """Anything that isn't numbers: equal or not, row by row."""
    ours, theirs = _plain(expected), _plain(actual)
    for row, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if not _same(one, other):
            return _unequal(len(ours), tolerance, f"row {row} is answered {other!r:.60}, not {one!r:.60}", row)
    return Evidence(rows=len(ours), tolerance=tolerance)


def _plain(values: NDArray[Any] | Sequence[Any]) -> list[Any]:
    return np.asarray(values).tolist() if isinstance(values, np.ndarray) else list(values)


def _same(one: Value, other: Value) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _compare_arrays(
    expected: Mapping[str, NDArray[Any]], actual: Mapping[str, NDArray[Any]], tolerance: float
) -> list[Evidence]:
    """Further outputs that both give; the names of the others are the library's own affair."""
    return [_compare_numbers(array, actual[name], tolerance) for name, array in expected.items() if name in actual]


def _unequal(rows: int, tolerance: float, problem: str, row: int | None = None) -> Evidence:
    return Evidence(
        rows=rows, tolerance=tolerance, largest_difference=float("inf"), row=row, exact=False, problem=problem
    )


def _worst(found: Sequence[Evidence]) -> Evidence:
    """One evidence for all parts of an answer: the problem first, then the largest difference."""
    worst = max(found, key=lambda each: (bool(each.problem), each.largest_difference, each.ties))
    return replace(worst, exact=all(each.exact for each in found), ties=sum(each.ties for each in found))
