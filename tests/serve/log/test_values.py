"""Single values as cells."""

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.log.sampling import sampled
from seatrial.serve.log.values import TEXT_LIMIT, bounded, json_text, number

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(json_values)
def test_json_text_is_the_value(value: Any) -> None:
    """Also with integers beyond 64 bits and with lone surrogates, which JSON from callers may hold."""
    assert value == json.loads(json_text(value) or "")


@given(st.text(st.characters(codec=None)))
def test_a_bounded_text_can_be_stored(value: str) -> None:
    """Whatever Python takes for text becomes valid UTF-8."""
    assert len(bounded(value).encode()) >= len(value[:TEXT_LIMIT])


@dataclass
class Item:
    """As a user's class may answer."""

    name: str
    score: float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Item("a", 0.5), '{"name":"a","score":0.5}'),
        (np.array([1, 2]), "[1,2]"),
        ({"score": np.float32(0.5)}, '{"score":0.5}'),
        (msgspec.Raw(b'{"ready":1}'), '{"ready":1}'),
        ([math.nan], "[null]"),
        (math.nan, '"NaN"'),
        (-math.inf, '"-Infinity"'),
        (np.zeros((300, 300)), '{"omitted_shape":[300,300]}'),
    ],
)
def test_what_models_answer_has_a_text(value: Any, expected: str) -> None:
    """Users' classes answer with more than JSON values."""
    assert expected == json_text(value)


def test_raw_json_is_redacted_too() -> None:
    """Text that was encoded before goes through the same sieve, escapes in its keys included."""
    assert '{"name":null}' == json_text(msgspec.Raw(b'{"\\u006eame":1}'), frozenset({"name"}))


def test_endless_nesting_is_no_text() -> None:
    """A value that holds itself has no JSON form, and does no harm."""
    endless: list[Any] = []
    endless.append(endless)
    assert json_text(endless) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (np.int8(5), 5.0),
        (0.5, 0.5),
        (True, None),
        ("5", None),
        (None, None),
        (math.nan, None),
        (10**400, None),
    ],
)
def test_a_number_is_finite_and_no_boolean(value: Any, expected: float | None) -> None:
    """What may be averaged."""
    assert expected == number(value)


@given(st.lists(st.text(), max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_holds_the_smaller_one(ids: list[str], one: float, other: float) -> None:
    """So that a sample can be raised without losing what can be compared; 0 keeps none, and 1 all."""
    small, large = sorted((one, other))
    assert {each for each in ids if sampled(each, small)} <= {each for each in ids if sampled(each, large)}
    assert [] == [each for each in ids if sampled(each, 0.0)]
    assert ids == [each for each in ids if sampled(each, 1.0)]


def test_a_sample_has_its_share() -> None:
    """Of ids that count up as of random ones."""
    assert sum(sampled(f"request-{number}", 0.1) for number in range(20_000)) == pytest.approx(2000, rel=0.1)
