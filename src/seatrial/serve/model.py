"""What the server needs of a model, whichever library made it: a signature and a function over a batch."""

import inspect
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Signature

Array = NDArray[Any]

Rows = list[list[Any]]
"""COLUMNS: one list of values a row, in the order of the signature's fields; already validated."""

Batch = Rows | Array | Mapping[str, Array] | list[Any]
"""What a model gets at once, by the form of its signature.

COLUMNS: `Rows`, or a 2-D array (rows, fields) where every field is numeric and the caller sent a tensor.
TENSORS: a mapping from the tensor's name to an array whose first axis is the batch.
JSON: a list of JSON values.
"""


@dataclass(slots=True)
class Outputs:
    """What a model answered for a batch of n rows.

    Attributes:
        predictions: n values: an array of shape (n,) or (n, …), or a list of JSON values.
        probabilities: (n, classes), for classifiers that have them.
        arrays: further outputs of a model with several, each with n rows; the first is also `predictions`.
    """

    predictions: Array | Sequence[Any]
    probabilities: Array | None = None
    arrays: Mapping[str, Array] = field(default_factory=dict)


class Predictor(Protocol):
    """A loaded model.

    `predict` is called by one thread at a time, never with an empty batch. Whatever it raises fails this batch; the
    server then asks row by row, so that one bad row fails alone.
    """

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        ...

    def predict(self, batch: Batch) -> Outputs | Awaitable[Outputs]:
        """Answer a batch; row i of the answer belongs to row i of the batch."""
        ...


def is_async(model: Predictor) -> bool:
    """Whether `predict` is a coroutine function."""
    return inspect.iscoroutinefunction(model.predict)


def as_matrix(batch: Batch, dtype: str) -> Array:
    """A COLUMNS batch of numbers as a 2-D array of `dtype`."""
    return np.asarray(batch, dtype=dtype)
