"""Whatever the bytes are, they are JSON or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.codec import Limits, Refused
from seatrial.serve.validation import parse
from tests.serve.validation.strategies import ANY_JSON

LIMITS = Limits(depth=4)


def depth(value: Any) -> int:
    """Levels of arrays and objects."""
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    assert status(body) in (200, 400, 422)


def status(body: bytes) -> int:
    """That of the refusal, or 200."""
    try:
        parse(body, LIMITS)
    except Refused as refused:
        return refused.status
    return 200


@given(ANY_JSON)
def test_json_is_parsed_to_its_value_up_to_the_depth(value: Any) -> None:
    """As the standard library would, and not a level deeper than allowed."""
    body = json.dumps(value).encode()
    if depth(value) > LIMITS.depth:
        with pytest.raises(Refused, match="deeper than 4 levels"):
            parse(body, LIMITS)
    else:
        assert repr(json.loads(body)) == repr(parse(body, LIMITS).value)


@pytest.mark.parametrize("levels", [0, 1, 3, 4, 5, 900, 5_000, 30_000])
@pytest.mark.parametrize("brackets", [(b"[", b"1", b"]"), (b'{"a":', b"1", b"}"), (b"[NaN,[", b"1", b"]]")])
def test_depth_is_counted_exactly(levels: int, brackets: tuple[bytes, bytes, bytes]) -> None:
    """Also where the standard library reads, and far beyond what any recursion takes."""
    opening, inside, closing = brackets
    body = opening * levels + inside + closing * levels
    if levels * opening.count(b"[") > LIMITS.depth or levels * opening.count(b"{") > LIMITS.depth:
        with pytest.raises(Refused) as caught:
            parse(body, LIMITS)
        assert (422, "too_deep") == (caught.value.status, caught.value.kind)
    else:
        parse(body, LIMITS)


@pytest.mark.parametrize("body", [b"[NaN]", b"[-Infinity]", b"Infinity", b"1e999", b"-" + b"1" * 5000, b'{"a": [NaN]}'])
def test_numbers_that_json_cannot_carry_are_seen_and_not_strict(body: bytes) -> None:
    """So that they can be named; and refused wherever nobody looks at them."""
    found = parse(body, LIMITS)
    assert not found.strict
    with pytest.raises(Refused, match="NaN, Infinity or beyond all floats"):
        found.require_strict()


@pytest.mark.parametrize(
    "body", [b"[nan]", b"[NAN]", b"[Infinit]", b"+1", b"01", b".5", b"1.", b"'a'", b"[NaN", b"tru"]
)
def test_what_only_looks_like_a_number_is_not_json(body: bytes) -> None:
    """400."""
    with pytest.raises(Refused, match="not JSON") as caught:
        parse(body, LIMITS)
    assert (400, "not_json") == (caught.value.status, caught.value.kind)


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    """It couldn't be written back."""
    for body in (rb'"\ud800"', rb'["\ud800", 1, 2, 3, 4, 5]', rb'{"\udc00": [1, 2, 3, 4]}'):
        with pytest.raises(Refused):
            parse(body, LIMITS)


def test_large_bodies_are_read_once() -> None:
    """The refusal then says where instead of which: naming values isn't worth making others wait."""
    filler = b"1," * 200_000
    with pytest.raises(Refused, match="invalid character at byte 400001") as caught:
        parse(b"[" + filler + b"NaN]", LIMITS)
    assert (400, "not_json") == (caught.value.status, caught.value.kind)
    with pytest.raises(Refused, match="beyond all floats") as caught:
        parse(b"[" + filler + b"1e999]", LIMITS)
    assert (422, "invalid") == (caught.value.status, caught.value.kind)
