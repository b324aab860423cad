"""Rows of numbers that came as one array: judged by numpy in one go, with the verdict of `columns`."""

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Field
from seatrial.serve.codec import Complaint, Limits
from seatrial.serve.model import Array
from seatrial.serve.validation.bounds import integer_range, number_bounds, whole
from seatrial.serve.validation.fields import field_check, is_number
from seatrial.serve.validation.verdicts import Mistakes, require_rows


def all_numbers(fields: tuple[Field, ...]) -> bool:
    """Whether rows of `fields` fit an array of numbers."""
    return all(map(is_number, fields))


class Matrix:
    """Judges arrays of shape (rows, fields), for models whose fields are all numbers."""

    __slots__ = ("_checks", "_choices", "_edges", "_fields", "_limits", "_optional", "_whole")

    def __init__(self, fields: tuple[Field, ...], limits: Limits) -> None:
        self._fields = fields
        self._limits = limits
        self._checks = tuple(map(field_check, fields))
        self._whole = np.array([whole(field) for field in fields])
        self._optional = np.array([field.optional for field in fields])
        self._choices = [(index, list(field.choices)) for index, field in enumerate(fields) if field.choices]
        self._edges: dict[np.dtype[Any], tuple[Array, Array]] = {}

    def check(self, array: Array) -> Array:
        """The array itself, if every row is valid.

        Args:
            array: (rows, fields) of floats or integers.

        Raises:
            Refused: no rows or invalid ones (422), too many (413).
        """
        require_rows(len(array), self._limits)
        wrong = self._wrong(array)
        if wrong.any():
            self._refuse(array, wrong)
        return array

    def _wrong(self, array: Array) -> NDArray[np.bool_]:
        low, high = self._edges_for(array.dtype)
        wrong: NDArray[np.bool_] = ~((array >= low) & (array <= high))
        for index, choices in self._choices:
            wrong[:, index] |= ~np.isin(array[:, index], choices)
        if array.dtype.kind == "f":
            if self._whole.any():
                with np.errstate(invalid="ignore"):
                    wrong |= self._whole & (array % 1 != 0)
            if self._optional.any():
                wrong &= ~(self._optional & np.isnan(array))
        return wrong

    def _edges_for(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """Lowest and highest allowed value of each column, in numbers of `dtype`."""
        if dtype not in self._edges:
            made = [
                _integer_edges(one, dtype) if dtype.kind in "iu" else _float_edges(one, dtype) for one in self._fields
            ]
            self._edges[dtype] = (
                np.array([low for low, _ in made], dtype=dtype),
                np.array([high for _, high in made], dtype=dtype),
            )
        return self._edges[dtype]

    def _refuse(self, array: Array, wrong: NDArray[np.bool_]) -> None:
        mistakes = Mistakes()
        for row, places in groupby(np.argwhere(wrong).tolist(), key=lambda place: place[0]):
            mistakes.add(self._complaints(array, row, [column for _, column in places]))
        mistakes.raise_any(len(array))

    def _complaints(self, array: Array, row: int, columns: list[int]) -> Iterator[Complaint]:
        for column in columns:
            yield self._checks[column].complain(row, array[row, column].item())


def _float_edges(field: Field, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """As floats of `dtype`: an edge is rounded as the values at it were, or 0.1 in FP32 would be beyond 0.1."""
    if whole(field):
        allowed = integer_range(field)
        return _float_inside(allowed.start, dtype, np.inf), _float_inside(allowed.stop - 1, dtype, -np.inf)
    bounds = number_bounds(field)
    low, high = _rounded(bounds.low, dtype), _rounded(bounds.high, dtype)
    infinity = dtype.type(np.inf)
    return (
        np.nextafter(low, infinity) if bounds.open_low else low,
        np.nextafter(high, -infinity) if bounds.open_high else high,
    )


def _rounded(edge: float, dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - a scalar of any float dtype
    held = np.finfo(dtype)
    return np.clip(dtype.type(min(max(edge, float(held.min)), float(held.max))), held.min, held.max)


def _float_inside(edge: int, dtype: np.dtype[Any], inwards: float) -> Any:  # noqa: ANN401 - as above
    """The float nearest to `edge` that isn't beyond it."""
    near = _rounded(float(edge), dtype)
    beyond = int(near) < edge if inwards > 0 else int(near) > edge
    return np.nextafter(near, dtype.type(inwards)) if beyond and abs(edge) < float(np.finfo(dtype).max) else near


def _integer_edges(field: Field, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Within what `dtype` can say; the wrong way round where nothing it can say is allowed."""
    held = np.iinfo(dtype)
    allowed = integer_range(field) if whole(field) else _integers_within(field)
    if allowed.start > held.max or allowed.stop - 1 < held.min:
        return int(held.max), int(held.min)
    return max(allowed.start, int(held.min)), min(allowed.stop - 1, int(held.max))


def _integers_within(field: Field) -> range:
    bounds = number_bounds(field)
    low = math.floor(bounds.low) + 1 if bounds.open_low else math.ceil(bounds.low)
    high = math.ceil(bounds.high) - 1 if bounds.open_high else math.floor(bounds.high)
    return range(low, high + 1)
