"""A matrix is judged as its rows would be, one by one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Field, Kind
from seatrial.serve.codec import Limits, Refused
from seatrial.serve.validation import Columns, Matrix, is_number
from tests.serve.validation.strategies import fields, values

LIMITS = Limits()
NUMBERS = st.lists(st.sampled_from(["a", "b", "c"]).flatmap(fields).filter(is_number), min_size=1, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[Field, ...], Any]:
    """Fields of numbers, and a matrix whose values are mostly right."""
    found = draw(NUMBERS)
    named = tuple(
        Field(
            name=f"x{index}",
            kind=one.kind,
            dtype=one.dtype,
            minimum=one.minimum,
            maximum=one.maximum,
            exclusive_minimum=one.exclusive_minimum,
            exclusive_maximum=one.exclusive_maximum,
            choices=one.choices,
            optional=one.optional,
        )
        for index, one in enumerate(found)
    )
    count = draw(st.integers(1, 3))
    whole = draw(st.booleans())
    table = [[_number(draw(values(field)), whole=whole) for field in named] for _ in range(count)]
    return named, np.array(table, dtype=np.int64 if whole else np.float64)


def _number(value: Any, *, whole: bool) -> float:
    """A number that an array of 64 bits holds."""
    number = value if isinstance(value, (int, float)) else math.nan
    if whole:
        return max(min(int(number), 2**63 - 1), -(2**63)) if math.isfinite(number) else 0
    return float(number)


@settings(max_examples=200)
@given(tables())
def test_a_matrix_is_taken_if_and_only_if_all_its_rows_are(case: tuple[tuple[Field, ...], Any]) -> None:
    """NaN stands for what was left out, where that is allowed."""
    found, table = case
    rows = [[None if math.isnan(value) else value for value in row] for row in table.tolist()]
    assert places(Columns(found, LIMITS).check, rows) == places(Matrix(found, LIMITS).check, table)


def places(check: Callable[[Any], object], rows: Any) -> list[tuple[int | None, str | None]]:
    """Row and field of all that is wrong."""
    try:
        check(rows)
    except Refused as refused:
        return sorted({(one.row, one.field) for one in refused.complaints})
    return []


@pytest.mark.parametrize(
    ("dtype", "value", "allowed"),
    [("float32", 0.1, True), ("float32", 0.1000001, False), ("float16", 0.1, True), ("float64", 0.1, True)],
)
def test_an_edge_is_rounded_as_the_values_are(dtype: str, value: float, *, allowed: bool) -> None:
    """0.1 in single precision is a little more than 0.1, and yet is what a maximum of 0.1 allows."""
    matrix = Matrix((Field(name="x", maximum=0.1),), LIMITS)
    table = np.array([[value]], dtype=dtype)
    if allowed:
        assert table is matrix.check(table)
    else:
        with pytest.raises(Refused, match=r"of at most 0\.1"):
            matrix.check(table)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(dtype: str, value: float) -> None:
    """Of whatever precision, even where no range was declared."""
    with pytest.raises(Refused, match="x is"):
        Matrix((Field(name="x"),), LIMITS).check(np.array([[value]], dtype=dtype))


@pytest.mark.parametrize(("value", "allowed"), [(2**63 - 1024, True), (2**63, False), (1.5, False)])
def test_integers_in_floats_have_to_fit_their_dtype(value: float, *, allowed: bool) -> None:
    """2**63 would wrap around in the model."""
    matrix = Matrix((Field(name="x", kind=Kind.INTEGER, dtype="int64"),), LIMITS)
    table = np.array([[value]], dtype=np.float64)
    if allowed:
        assert table is matrix.check(table)
    else:
        with pytest.raises(Refused, match="expected an integer"):
            matrix.check(table)


def test_all_wrong_rows_are_counted() -> None:
    """And the first twenty values told."""
    with pytest.raises(Refused, match=r"^30 of 40 rows are not valid; the first: row 10: x is 10, expected") as caught:
        Matrix((Field(name="x", maximum=9),), LIMITS).check(np.arange(40)[:, np.newaxis])
    assert [*range(10, 30)] == [complaint.row for complaint in caught.value.complaints]
