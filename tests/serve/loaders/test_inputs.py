"""Rows of JSON values in the form that a library takes."""

import math

import numpy as np
import pytest

from seatrial.records import UsageError
from seatrial.records.serving import Field, Kind
from seatrial.serve.loaders import inputs
from seatrial.serve.loaders.packages import require

FIELDS = (
    Field(name="size"),
    Field(name="count", kind=Kind.INTEGER, dtype="int64"),
    Field(name="maybe", kind=Kind.INTEGER, dtype="int64", optional=True),
    Field(name="flag", kind=Kind.BOOLEAN, dtype="bool"),
    Field(name="word", kind=Kind.STRING, dtype="object", optional=True),
)
ROWS = [[1.5, 2, math.nan, True, None], [2, 3, 4, False, "b"]]


def test_a_frame_has_the_models_names_and_types() -> None:
    """A whole number that may be missing is a float; a missing text is what the encoder knows."""
    data = inputs.frame(FIELDS, [math.nan] * 5)(ROWS)
    expected = {"size": "float64", "count": "int64", "maybe": "float64", "flag": "bool", "word": "object"}
    assert expected == {name: str(dtype) for name, dtype in data.dtypes.items()}
    assert math.isnan(data["word"][0])
    assert data["maybe"].isna().tolist() == [True, False]


def test_objects_keep_their_types() -> None:
    """A missing text is None where the encoder was fitted with None."""
    values = inputs.objects([math.nan] * 4 + [None])(ROWS)
    assert [2, 3, 4, False, "b"] == values[1].tolist()
    assert values[0, 4] is None


def test_categories_become_their_numbers() -> None:
    """Missing ones NaN."""
    values = inputs.coded([None, {"red": 0, "white": 1}])([[2.5, "white"], [1, None]])
    np.testing.assert_array_equal([[2.5, 1.0], [1.0, np.nan]], values)


def test_a_tensor_is_taken_without_a_detour() -> None:
    """The same array, if it has the type."""
    array = np.ones((2, 3))
    assert array is inputs.matrix("float64")(array)


def test_a_missing_package_names_what_to_install() -> None:
    """The extra that brings it."""
    with pytest.raises(UsageError, match="needs the package vanished_package") as raised:
        require("vanished_package", install="seatrial[onnx]")
    assert "pip install 'seatrial[onnx]'" == raised.value.remedy
