"""A signature survives its way through an ONNX file's metadata."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.compile.metadata import SIGNATURE_KEY, read_signature, signature_from_json, signature_to_json

finite = st.floats(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[Any] = st.one_of(st.text(), st.booleans(), finite, st.integers(-(2**53), 2**53))
fields = st.builds(
    Field,
    name=st.text(),
    kind=st.sampled_from(Kind),
    dtype=st.sampled_from(["float64", "int64", "object"]),
    minimum=st.none() | finite,
    maximum=st.none() | finite,
    choices=st.lists(scalars, max_size=3).map(tuple),
    optional=st.booleans(),
)
tensors = st.builds(
    Tensor, name=st.text(), dtype=st.just("float32"), shape=st.lists(st.none() | st.integers(1, 9)).map(tuple)
)
signatures = st.builds(
    Signature,
    form=st.sampled_from(Form),
    fields=st.lists(fields, max_size=3).map(tuple),
    tensors=st.lists(tensors, max_size=2).map(tuple),
    classes=st.lists(scalars, max_size=3).map(tuple),
    output_range=st.none() | st.tuples(finite, finite),
    example=st.none() | st.lists(scalars) | st.dictionaries(st.text(), scalars),
)


@given(signatures)
def test_a_signature_comes_back_as_it_was(signature: Signature) -> None:
    """Whatever a signature holds, JSON gives it back."""
    assert signature == signature_from_json(signature_to_json(signature))


def test_numpy_values_become_plain_ones() -> None:
    """Classes and examples straight from a fitted model are written as JSON's own values."""
    signature = Signature(
        form=Form.COLUMNS, classes=(np.int64(1), np.str_("b"), np.equal(1, 1)), example=np.array([1.5, np.nan])
    )
    back = signature_from_json(signature_to_json(signature))
    assert [(int, 1), (str, "b"), (bool, True)] == [(type(each), each) for each in back.classes]
    assert [1.5, None] == back.example


def test_an_endless_output_range_is_left_out() -> None:
    """JSON has no infinity: a range that says nothing isn't written."""
    signature = Signature(form=Form.COLUMNS, output_range=(0.0, float("inf")))
    assert replace(signature, output_range=None) == signature_from_json(signature_to_json(signature))


def test_a_file_without_a_signature_has_none() -> None:
    """ONNX files of others are no error."""
    assert None is read_signature({"author": "somebody"})


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": "rings"}', '{"form": "columns", "fields": [{}]}'])
def test_a_broken_signature_is_refused(text: str) -> None:
    """A signature that isn't one is an error that says how to write it anew."""
    with pytest.raises(UsageError, match="this is not a signature") as caught:
        read_signature({SIGNATURE_KEY: text})
    assert "seatrial compile" in caught.value.remedy
