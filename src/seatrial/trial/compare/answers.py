"""Labels and predictions side by side, and whether they can be compared at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Objects = NDArray[np.object_]
Floats = NDArray[np.float64]


class MetricError(Exception):
    """The metric can't be computed from these labels and predictions; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Labels and predictions of the requests that both versions answered; `groups` where requests are clustered."""

    labels: Objects
    baseline: Objects
    candidate: Objects
    groups: NDArray[np.int64] | None

    def where(self, chosen: NDArray[np.bool_]) -> "Answers":
        """Only some of the requests."""
        return Answers(
            self.labels[chosen],
            self.baseline[chosen],
            self.candidate[chosen],
            None if self.groups is None else self.groups[chosen],
        )

    def __len__(self) -> int:
        """The number of requests."""
        return len(self.labels)


def read_field(answers: Answers, path: str) -> Answers:
    """The answers with the part of each prediction that a dotted path names. Raises MetricError where it is not there."""
    if not path:
        return answers
    return Answers(answers.labels, _fields(answers.baseline, path), _fields(answers.candidate, path), answers.groups)


def _fields(predictions: Objects, path: str) -> Objects:
    out = np.empty(len(predictions), dtype=object)
    for index, prediction in enumerate(predictions):
        out[index] = _field(prediction, path)
    return out


def _field(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON is anything
    for part in path.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise MetricError(f"there is no {path!r} in an answer; check the metric's prediction path") from None
    return value


def equal(labels: Objects, predictions: Objects) -> NDArray[np.bool_]:
    """Where the prediction is the label."""
    pairs = zip(labels, predictions, strict=True)
    return np.fromiter((bool(label == prediction) for label, prediction in pairs), dtype=np.bool_, count=len(labels))


def check_kinds(answers: Answers) -> None:
    """Raise where no label could ever equal a prediction: text against numbers, or single values against lists."""
    labels = {_kind(value) for value in answers.labels}
    for predictions in (answers.baseline, answers.candidate):
        kinds = {_kind(value) for value in predictions}
        if labels and kinds and not labels & kinds:
            raise MetricError(
                f"labels are {_names(labels)} but predictions are {_names(kinds)}, so they never match; "
                "check requests.label and requests.prediction"
            )


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | int | float):
        return "numbers"
    return "lists" if isinstance(value, list) else "objects"


def _names(kinds: set[str]) -> str:
    return " and ".join(sorted(kinds))


def numbers(answers: Answers) -> tuple[Floats, Floats, Floats]:
    """Labels and both predictions as numbers. Raises MetricError for anything else."""
    return (
        _as_numbers(answers.labels, "labels"),
        _as_numbers(answers.baseline, "predictions"),
        _as_numbers(answers.candidate, "predictions"),
    )


def _as_numbers(values: Sequence[object] | Objects, what: str) -> Floats:
    for value in values:
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise MetricError(
                f"{what} must be numbers for this metric, but one is {str(value)[:40]!r}; check requests.{what[:-1]}"
            )
    return np.array(list(values), dtype=np.float64)


def typed(values: Objects) -> Any:  # noqa: ANN401 - what scikit-learn and users' functions take
    """An ordinary array where all values are of one kind, so that scikit-learn knows the target's type."""
    return np.array(values.tolist())
