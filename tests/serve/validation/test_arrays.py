"""Nested lists to arrays, without kindness."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.serve.validation import Ragged, nested
from tests.serve.validation.strategies import ANY_JSON

DTYPES = ["float64", "float32", "float16", "int64", "int8", "uint64", "bool", "object"]


@given(
    st.sampled_from(["float64", "float32", "int64", "int8", "uint64", "bool"]).flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            arrays.array_shapes(max_dims=4, max_side=4),
            elements={"allow_nan": False, "allow_infinity": False} if dtype.startswith("float") else None,
        )
    )
)
def test_an_array_comes_back_from_its_lists(array: Any) -> None:
    """Shape, dtype and values."""
    found = nested(array.tolist())
    assert array.shape == found.shape
    again = found.array(str(array.dtype), array.shape)
    assert again is not None
    assert array.dtype == again.dtype
    assert np.array_equal(array, again)


@given(ANY_JSON, st.sampled_from(DTYPES), st.booleans())
def test_any_value_is_an_array_or_is_explained(value: Any, dtype: str, nulls: bool) -> None:  # noqa: FBT001 - drawn
    """There is a misfit to name if and only if there is no array."""
    try:
        found = nested(value)
    except Ragged:
        return
    array = found.array(dtype, found.shape, nulls=nulls)
    misfits = list(found.misfits("x", dtype, nulls=nulls))
    assert (array is None) == bool(misfits)
    if array is not None:
        assert array.dtype == np.dtype(dtype)


@pytest.mark.parametrize("value", [[[1], [2, 3]], [[1], 2], [1, [2]], [[[1]], [2]], [[], [1]], [{}, [1]]])
def test_ragged_lists_are_no_array(value: Any) -> None:
    """At whatever level."""
    with pytest.raises(Ragged):
        nested(value)


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ([[1, "2"]], "float64", 'x[0][1] is "2", expected a number that fits float64'),
        ([True], "int64", "x[0] is true, expected an integer that fits int64"),
        ([1], "bool", "x[0] is 1, expected true or false"),
        ([1e39], "float32", "x[0] is 1e39, expected a number that fits float32"),
        ([10**400], "float64", "x[0] is an integer of 1329 bits, expected a number that fits float64"),
        ([300], "int8", "x[0] is 300, expected an integer that fits int8"),
        ([1.5], "int64", "x[0] is 1.5, expected an integer that fits int64"),
        ([None], "float64", "x[0] is null, expected a number that fits float64"),
        ([1], "object", "x[0] is 1, expected a string"),
        ([{}], "float64", "x[0] is an object with 0 fields, expected a number that fits float64"),
        ("x", "float64", 'x is "x", expected a number that fits float64'),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(value: Any, dtype: str, message: str) -> None:
    """And what was expected."""
    found = nested(value)
    assert found.array(dtype, found.shape) is None
    assert [message] == [complaint.message for complaint in found.misfits("x", dtype)]


def test_whole_floats_are_integers() -> None:
    """1.0 is an integer in JSON Schema."""
    found = nested([1.0, 2])
    assert [1, 2] == found.array("int8", (2,)).tolist()  # type: ignore[union-attr] # it fits


def test_null_is_nan_where_that_is_meant() -> None:
    """And only there."""
    found = nested([1.5, None])
    assert found.array("float32", (2,)) is None
    assert np.isnan(found.array("float32", (2,), nulls=True)[1])  # type: ignore[index] # it fits
