"""Finding the prediction in an answer."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.trial.drive.answers import read_answer, split_path

KEYS = st.text(st.characters(exclude_characters=".", exclude_categories=["Cs"]), min_size=1, max_size=5)
VALUES = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(path=st.lists(KEYS | st.integers(0, 3), max_size=5), value=VALUES)
def test_a_value_is_found_where_it_was_put(path: list[str | int], value: Any) -> None:
    """A dotted path leads through objects by key and through lists by index."""
    answer = value
    for part in reversed(path):
        answer = [None] * part + [answer] if isinstance(part, int) else {part: answer}
    found = read_answer(200, json.dumps(answer).encode(), split_path(".".join(map(str, path))))
    assert (None, value) == found


@given(body=st.binary(max_size=50), status=st.integers(100, 599))
def test_no_answer_breaks_the_reading(body: bytes, status: int) -> None:
    """Every answer has a prediction or a kind of error, never both."""
    error, prediction = read_answer(status, body, ("prediction",))
    assert (error is None) == (prediction is not None)


@pytest.mark.parametrize("path", ["a.1", "a.-1", "a.x", "b", "a.0.b", "a.", "."])
def test_a_path_to_nowhere_is_no_prediction(path: str) -> None:
    """An index too high, a key that isn't there, a step into a number."""
    assert ("no_prediction", None) == read_answer(200, b'{"a": [1]}', split_path(path))


def test_an_empty_path_is_the_whole_answer() -> None:
    """Some models answer with a bare value."""
    assert (None, [1, 2]) == read_answer(200, b"[1, 2]", split_path(""))


def test_nan_beside_the_prediction_does_no_harm() -> None:
    """Only the prediction is judged."""
    assert (None, 1) == read_answer(200, b'{"score": NaN, "prediction": 1}', ("prediction",))


@pytest.mark.parametrize("value", [math.nan, math.inf, {"p": [math.nan]}])
def test_nan_within_the_prediction_is_nan(value: Any) -> None:
    """However deep."""
    assert ("nan", None) == read_answer(200, json.dumps({"prediction": value}).encode(), ("prediction",))
