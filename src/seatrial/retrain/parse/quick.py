"""Columns of many values at once: the same as `values.py`, where all values are as they should be.

Batches of ten thousand lines are mostly right. Then a whole column costs some ten nanoseconds a value instead of some
hundred. Where something is not right, nothing is decided here: those values are looked at one by one.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seatrial.records import ColumnKind
from seatrial.retrain.parse.times import quick_moments

_NUMBERS: Final = ({int}, {float}, {int, float})


def quick_numbers(values: Sequence[Any], kind: ColumnKind) -> NDArray[Any] | None:
    """A column of integers, numbers or booleans; None unless all of the values are right."""
    kinds = set(map(type, values))
    try:
        if kind is ColumnKind.BOOLEAN:
            return np.fromiter(values, np.bool_, len(values)) if kinds == {bool} else None
        if kinds == {str}:
            return _of_texts(values, kind)
        if kind is ColumnKind.INTEGER:
            return np.fromiter(values, np.int64, len(values)) if kinds == {int} else None
        return _finite(np.fromiter(values, np.float64, len(values))) if kinds in _NUMBERS else None
    except (ValueError, OverflowError):
        return None


def quick_times(values: Sequence[Any], time_format: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Moments of a column of texts and which of them are right; None if it holds anything else."""
    return quick_moments(values, time_format) if set(map(type, values)) == {str} else None


def _of_texts(texts: Sequence[str], kind: ColumnKind) -> NDArray[Any] | None:
    together = "".join(texts)
    if not together.isascii() or "_" in together:  # int and float read more than we do: १२, 1_000
        return None
    if kind is ColumnKind.INTEGER:
        return np.fromiter(map(int, texts), np.int64, len(texts))
    return _finite(np.fromiter(map(float, texts), np.float64, len(texts)))


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return numbers if np.isfinite(numbers).all() else None
