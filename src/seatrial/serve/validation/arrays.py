"""Nested JSON lists to arrays, with none of numpy's kindness: a string is no number, true is not 1, rows are equally long.

There is no recursion, so that no depth of nesting can hurt: one pass a level.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from seatrial.serve.codec import Complaint
from seatrial.serve.model import Array
from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.bounds import largest_float
from seatrial.serve.validation.fields import as_float
from seatrial.serve.validation.shown import short, shown, words

_TYPES: dict[str, frozenset[type]] = {
    "f": frozenset({float, int}),
    "i": frozenset({int}),
    "u": frozenset({int}),
    "b": frozenset({bool}),
    "O": frozenset({str}),
}


class Ragged(Exception):  # noqa: N818 - says what the value is
    """Not an array: its rows have different lengths, or values stand beside arrays.

    Args:
        depth: the level at which that is so, from 0.
    """

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self.depth = depth


@dataclass(frozen=True, slots=True)
class Nested:
    """Lists within lists: their shape, and what stands in the innermost, in row-major order."""

    shape: tuple[int, ...]
    leaves: list[Any]

    def array(self, dtype: str, shape: tuple[int, ...], *, nulls: bool = False) -> Array | None:
        """An array of `dtype` and `shape`; None if a leaf doesn't fit, which `misfits` then names.

        Args:
            dtype: numpy's name; `object` for strings.
            shape: of as many elements as there are leaves.
            nulls: whether null stands for NaN.
        """
        kind = np.dtype(dtype).kind
        kinds = set(map(type, self.leaves))
        if nulls and kind == "f" and type(None) in kinds:
            filled = [math.nan if leaf is None else leaf for leaf in self.leaves]
            return _floats(filled, dtype, shape, missing=True) if kinds <= {float, int, type(None)} else None
        if not kinds <= _TYPES[kind]:
            return self._whole_floats(dtype, shape) if kind in "iu" else None
        if kind == "f":
            return _floats(self.leaves, dtype, shape, missing=False)
        return None if kind in "iu" and not _held(self.leaves, dtype) else np.array(self.leaves, dtype).reshape(shape)

    def _whole_floats(self, dtype: str, shape: tuple[int, ...]) -> Array | None:
        """1.0 is an integer in JSON."""
        leaves = [int(leaf) if type(leaf) is float and leaf.is_integer() else leaf for leaf in self.leaves]
        return Nested(self.shape, leaves).array(dtype, shape) if set(map(type, leaves)) == {int} else None

    def misfits(self, name: str, dtype: str, *, nulls: bool = False, batch: bool = True) -> Iterator[Complaint]:
        """What is wrong with each leaf that doesn't fit.

        Args:
            name: of the tensor.
            dtype: as in `array`.
            nulls: as in `array`.
            batch: whether the first axis counts rows; else everything is row 0.
        """
        fits, expected = _fits(dtype), _expected(dtype)
        nulls = nulls and np.dtype(dtype).kind == "f"
        for index, leaf in enumerate(self.leaves):
            if not (fits(leaf) or (nulls and leaf is None)):
                place = [int(one) for one in np.unravel_index(index, self.shape)] if self.shape else []
                path = "".join(f"[{one}]" for one in place)
                yield Complaint(
                    message=f"{short(name)}{path} is {words(leaf)}, expected {expected}",
                    row=place[0] if batch and place else 0,
                    field=name,
                    value=shown(leaf),
                    expected=expected,
                )


def nested(value: Json) -> Nested:
    """The shape and leaves of a JSON value; a scalar has the shape ().

    Raises:
        Ragged: it is no array.
    """
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        width = len(level[0])
        if any(type(one) is not list or len(one) != width for one in level):
            raise Ragged(len(shape))
        shape.append(width)
        level = list(chain.from_iterable(level))
    if any(type(one) is list for one in level):
        raise Ragged(len(shape))
    return Nested(tuple(shape), level)


def _floats(leaves: list[Any], dtype: str, shape: tuple[int, ...], *, missing: bool) -> Array | None:
    """An array of numbers; None where one is beyond `dtype`, or NaN that doesn't stand for a missing value."""
    try:
        with np.errstate(over="ignore"):
            made = np.array(leaves, dtype)
    except OverflowError:
        return None
    wrong = np.isinf(made) if missing else ~np.isfinite(made)
    return None if wrong.any() else made.reshape(shape)


def _held(leaves: list[int], dtype: str) -> bool:
    limits = np.iinfo(dtype)
    return not leaves or (min(leaves) >= limits.min and max(leaves) <= limits.max)


def _fits(dtype: str) -> Callable[[Any], bool]:
    made = np.dtype(dtype)
    if made.kind == "f":
        highest = largest_float(dtype)
        return lambda leaf: abs(as_float(leaf)) <= highest
    if made.kind in "iu":
        limits = np.iinfo(made)
        return lambda leaf: _is_whole(leaf) and limits.min <= leaf <= limits.max
    return lambda leaf: type(leaf) in _TYPES[made.kind]


def _is_whole(leaf: Json) -> bool:
    return type(leaf) is int or (type(leaf) is float and leaf.is_integer())


def _expected(dtype: str) -> str:
    kind = np.dtype(dtype).kind
    return {
        "f": f"a number that fits {dtype}",
        "i": f"an integer that fits {dtype}",
        "u": f"an integer that fits {dtype}",
        "b": "true or false",
        "O": "a string",
    }[kind]
