"""Model outputs to JSON values: numpy's scalars become Python's, and NaN or infinity is refused, for JSON has neither."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy import ndarray

from seatrial.serve.codec import Refused
from seatrial.serve.model import Array, Outputs
from seatrial.serve.validation import Json, Reason


def not_finite() -> Refused:
    """The model answered NaN or infinity."""
    return Refused(
        422, Reason.NOT_FINITE, "the model's answer to this input is NaN or infinite, which JSON cannot carry"
    )


def _plain(value: Json) -> Json:
    """What msgspec doesn't know by itself: numpy's scalars and arrays."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} is no JSON value")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def encode(document: Json) -> bytes:
    """JSON of plain or numpy values.

    Raises:
        Refused: 500 where a value has no JSON (a model's own class, a cycle), 422 where it holds NaN or infinity.
    """
    try:
        body = _encode(document)
    except (NotImplementedError, TypeError, ValueError, RecursionError) as error:
        raise Refused(500, Reason.BAD_ANSWER, f"the model's answer is not JSON: {error}") from None
    if b"null" in body and not _finite(document):
        raise not_finite()
    return body


def _finite(document: Json) -> bool:
    """Whether no float in it is NaN or infinite. msgspec writes those as null, so only answers with null are searched."""
    level = [msgspec.to_builtins(document, enc_hook=_plain)]
    while level:
        if any(type(one) is float and not math.isfinite(one) for one in level):
            return False
        level = [child for one in level for child in _children(one)]
    return True


def _children(value: Json) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) in (list, tuple) else ()


def prediction(outputs: Outputs, row: int) -> Json:
    """The prediction of one row as a Python value; a list where the model gives several."""
    predictions = outputs.predictions
    if not isinstance(predictions, ndarray):
        return predictions[row]
    return predictions.item(row) if predictions.ndim == 1 else predictions[row].tolist()


def predictions(outputs: Outputs, start: int, count: int) -> list[Any]:
    """Those of `count` rows."""
    rows: Array | Sequence[Any] = outputs.predictions[start : start + count]
    return rows.tolist() if isinstance(rows, np.ndarray) else list(rows)


class Probabilities:
    """The probability of the predicted class, by the order of the classes."""

    __slots__ = ("_columns",)

    def __init__(self, classes: tuple[Any, ...]) -> None:
        self._columns = {name: column for column, name in enumerate(classes)}

    def of(self, probabilities: Array, row: int, predicted: Json) -> float:
        """Of one row; the highest, if the class has no name."""
        column = self._columns.get(predicted) if isinstance(predicted, (str, int, float)) else None
        return float(probabilities[row].max() if column is None else probabilities.item(row, column))

    def of_rows(self, probabilities: Array, start: int, predicted: list[Any]) -> list[float]:
        """Of several rows, from `start`."""
        return [self.of(probabilities, start + row, one) for row, one in enumerate(predicted)]
