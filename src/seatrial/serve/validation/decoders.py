"""The good path: one msgspec decoder a shape of body, made once from the signature, that reads and checks in C.

A decoder either gives exactly the rows that the slow path (`columns`) would give, or fails; what it can't say in
msgspec's types (a choice among floats, an unsigned 64-bit range) is looked up afterwards. It never explains.
"""

import math
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import astuple

from seatrial.records.serving import Field, Kind
from seatrial.serve.codec import Limits
from seatrial.serve.model import Rows
from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.bounds import INT64, integer_range, number_bounds, whole
from seatrial.serve.validation.fields import is_number

Decode = Callable[[bytes], Rows]
Finish = Callable[[Rows], Rows]

FAILURES = (ValueError, RecursionError)
"""What a decoder raises for a body that isn't right: msgspec's errors, UnicodeDecodeError, `NotRight`, or too deep."""


class NotRight(ValueError):  # noqa: N818 - it is a question to the slow path
    """The body may be wrong; the slow path knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoders:
    """Bodies to rows, by their shape.

    Attributes:
        record: `{"a": 1, …}`.
        position: `[1, …]`.
        records: `[{"a": 1, …}, …]`.
        positions: `[[1, …], …]`.
    """

    record: Decode
    position: Decode
    records: Decode
    positions: Decode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What msgspec shall read, None where it can't, and how that becomes rows."""

    type: Any
    rows: Callable[[Any], Rows]


def decoders(fields: tuple[Field, ...], limits: Limits) -> Decoders:
    """Decoders for rows of `fields`."""
    finish = _finisher(fields)
    return Decoders(**{name: _decode(shape, finish) for name, shape in _shapes(fields, limits).items()})


def wrapped_decoders(fields: tuple[Field, ...], limits: Limits, key: str) -> Decoders:
    """Decoders for objects whose only field is `key`, with rows of `fields` in it."""
    finish = _finisher(fields)
    shapes = _shapes(fields, limits).items()
    return Decoders(**{name: _decode(_wrapped(shape, key), finish) for name, shape in shapes})


def _shapes(fields: tuple[Field, ...], limits: Limits) -> dict[str, _Shape]:
    types = tuple(_field_type(field) for field in fields)
    record, array = _record_type(fields, types), tuple[types]  # type: ignore[valid-type]
    several = Meta(min_length=1, max_length=limits.rows)
    return {
        "record": _Shape(type=record, rows=lambda record: [[*astuple(record)]]),
        "position": _Shape(type=array, rows=lambda values: [[*values]]),
        "records": _Shape(
            type=record and Annotated[list[record], several],  # type: ignore[valid-type]
            rows=lambda records: [[*astuple(record)] for record in records],
        ),
        "positions": _Shape(
            type=Annotated[list[array], several],  # type: ignore[valid-type]
            rows=lambda rows: [[*values] for values in rows],
        ),
    }


def _wrapped(shape: _Shape, key: str) -> _Shape:
    if shape.type is None:
        return shape
    inside = shape.rows
    wrapper = msgspec.defstruct(
        "Wrapper", [("inside", shape.type)], rename={"inside": key}, forbid_unknown_fields=True, gc=False
    )
    return _Shape(type=wrapper, rows=lambda wrapped: inside(wrapped.inside))


def _decode(shape: _Shape, finish: Finish | None) -> Decode:
    if shape.type is None:
        return _never
    decode, rows = msgspec.json.Decoder(shape.type).decode, shape.rows
    if finish is None:
        return lambda body: rows(decode(body))
    return lambda body: finish(rows(decode(body)))


def _never(_body: bytes) -> Rows:
    raise NotRight


def _record_type(fields: tuple[Field, ...], types: tuple[Any, ...]) -> Json:
    """A struct by the fields' names; None where msgspec can't look for such names (quotes, backslashes)."""
    members: list[Any] = [
        (f"f{index}", kind, _missing(field)) if field.optional else (f"f{index}", kind)
        for index, (field, kind) in enumerate(zip(fields, types, strict=True))
    ]
    names = {f"f{index}": field.name for index, field in enumerate(fields)}
    try:
        return msgspec.defstruct("Record", members, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)
    except ValueError:
        return None


def _missing(field: Field) -> Json:
    return math.nan if is_number(field) else None


# Types of one field.


def _field_type(field: Field) -> Json:
    kind = _TYPES[field.kind](field)
    return kind | None if field.optional else kind


def _number_type(field: Field) -> Json:
    if whole(field):
        return _integer_type(field)
    bounds = number_bounds(field)
    edges: dict[str, Any] = {
        "gt" if bounds.open_low else "ge": bounds.low,
        "lt" if bounds.open_high else "le": bounds.high,
    }
    return Annotated[float, Meta(**edges)]


def _integer_type(field: Field) -> Json:
    allowed = integer_range(field)
    lowest = min(max(allowed.start, INT64[0]), INT64[1])
    return Annotated[int, Meta(ge=lowest, le=None if _beyond_int64(allowed) else allowed.stop - 1)]


def _string_type(field: Field) -> Json:
    return Literal[field.choices] if field.choices else str


_TYPES: dict[Kind, Callable[[Field], Any]] = {
    Kind.NUMBER: _number_type,
    Kind.INTEGER: _integer_type,
    Kind.BOOLEAN: lambda _field: bool,
    Kind.STRING: _string_type,
}


# What the types can't say.


def _finisher(fields: tuple[Field, ...]) -> Finish | None:
    """Puts in what stands for null, and looks up what the types can't say; None where there is nothing to do."""
    special = [
        (index, _allowed(field), _missing(field))
        for index, field in enumerate(fields)
        if field.optional or _allowed(field) is not None
    ]
    return (lambda rows: _finish(rows, special)) if special else None


def _finish(rows: Rows, special: list[tuple[int, Container[Any] | None, Any]]) -> Rows:
    for row in rows:
        for index, allowed, missing in special:
            value = row[index]
            if value is None or value is missing:
                row[index] = missing
            elif allowed is not None and value not in allowed:
                raise NotRight
    return rows


def _allowed(field: Field) -> Container[Any] | None:
    if field.choices and field.kind is not Kind.STRING:
        return frozenset(field.choices)
    allowed = integer_range(field) if whole(field) else None
    return allowed if allowed is not None and _beyond_int64(allowed) else None


def _beyond_int64(allowed: range) -> bool:
    return allowed.stop - 1 > INT64[1] or allowed.start > INT64[1]
