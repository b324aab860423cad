"""A caller's value in an error: short, and never able to break the JSON around it, whatever was sent."""

import math

import msgspec

from seatrial.serve.validation.aliases import Json

LONGEST = 80
_INT64 = range(-(2**63), 2**63)


def shown(value: Json) -> Json:
    """`value` as it stands in the error document: a JSON scalar of at most 80 characters.

    Numbers that JSON can't carry become strings (`"NaN"`), arrays and objects become words.
    """
    if isinstance(value, str):
        return short(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, list):
        return f"an array of {counted(len(value), 'value')}"
    if isinstance(value, dict):
        return f"an object with {counted(len(value), 'field')}"
    if isinstance(value, int) and value not in _INT64:
        return f"an integer of {value.bit_length()} bits"
    return value


def words(value: Json) -> str:
    """`value` inside a sentence; strings in quotes."""
    seen = shown(value)
    if isinstance(seen, str) and not isinstance(value, str):
        return seen
    return msgspec.json.encode(seen).decode()


def short(text: str) -> str:
    """At most 80 characters of `text`, without halves of characters."""
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return cut.encode("utf-8", "replace").decode()


def counted(count: int, noun: str) -> str:
    """`1 value`, `2 values`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
