"""Rows of JSON values turned into what a library takes: a matrix, text, or a data frame.

The cheapest form that is right is chosen once, when a model is bound: a data frame costs 0.6 ms a call, which is more
than most models do, so that it is made only where columns are selected by name or hold text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from seatrial.records.serving import Field, Kind
from seatrial.serve.loaders.packages import require
from seatrial.serve.model import Array, Batch, as_matrix

Prepare: TypeAlias = Callable[[Batch], Any]
Codes: TypeAlias = Mapping[Any, int]
"""The number that stands for each category of a column."""


def matrix(dtype: str) -> Prepare:
    """Numbers only: a 2-D array; missing values are NaN already."""
    return lambda batch: as_matrix(batch, dtype)


def texts(batch: Batch) -> list[str]:
    """A single column of text, as vectorizers take it."""
    return [row[0] for row in batch]


def unchanged(batch: Batch) -> Batch:
    """Any JSON, as it came."""
    return batch


def objects(missing: Sequence[float | None]) -> Prepare:
    """Text among numbers, without names: a 2-D array of Python values.

    Args:
        missing: what stands for a missing text, column by column.
    """

    def prepare(batch: Batch) -> Array:
        values = np.empty((len(batch), len(missing)), dtype=object)
        for index, column in enumerate(_columns(batch)):
            values[:, index] = _filled(column, missing[index])
        return values

    return prepare


def frame(fields: Sequence[Field], missing: Sequence[float | None]) -> Prepare:
    """A data frame with the model's names and types.

    Args:
        fields: the columns.
        missing: what stands for a missing text, column by column.
    """
    pandas = require("pandas", install="pandas")
    kinds = [(field.name, _frame_dtype(field), gap) for field, gap in zip(fields, missing, strict=True)]

    def typed(column: Sequence[Any], dtype: str, gap: float | None) -> Any:  # noqa: ANN401 - pandas tells no types
        if dtype.startswith("datetime64"):
            return pandas.to_datetime(list(column), utc=True, format="ISO8601").tz_localize(None).as_unit("ns")
        if dtype == "object":
            return pandas.Series(
                _filled(column, gap), dtype=object
            )  # an array would be taken for pandas' own text type
        return np.asarray(column, dtype=dtype)

    def prepare(batch: Batch) -> Any:  # noqa: ANN401
        columns = zip(kinds, _columns(batch), strict=True)
        return pandas.DataFrame({name: typed(column, dtype, gap) for (name, dtype, gap), column in columns})

    return prepare


def coded(codes: Sequence[Codes | None]) -> Prepare:
    """Numbers, and categories as the numbers that stand for them; unknown and missing ones are NaN.

    Args:
        codes: of each column; None for a column of numbers.
    """

    def prepare(batch: Batch) -> Array:
        values = np.empty((len(batch), len(codes)), dtype=np.float64)
        for index, column in enumerate(_columns(batch)):
            known = codes[index]
            values[:, index] = column if known is None else [known.get(value, np.nan) for value in column]
        return values

    return prepare


def _columns(batch: Batch) -> Any:  # noqa: ANN401 - sequences of values
    return batch.T if isinstance(batch, np.ndarray) else zip(*batch, strict=True)


def _frame_dtype(field: Field) -> str:
    """Whole numbers and truth values that may be missing need a type that holds NaN."""
    if field.kind is Kind.STRING:
        return field.dtype
    return "float64" if field.optional and np.dtype(field.dtype).kind != "f" else field.dtype


def _filled(column: Sequence[Any], missing: float | None) -> list[Any]:
    return [missing if value is None else value for value in column]
