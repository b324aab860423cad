"""One input of a signature file: made anew, or laid over what the model says of it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.records import UsageError
from seatrial.records.serving import Field, Kind
from seatrial.serve.signature.file import InputSpec
from seatrial.serve.signature.values import DTYPES, default_dtype, expected, fits, integers, kind_of_values


def new_field(name: str, spec: InputSpec, where: str) -> Field:
    """An input that the model says nothing of.

    Raises:
        UsageError: the spec is wrong in itself.
    """
    kind = spec.type or (kind_of_values(spec.choices) if spec.choices else Kind.NUMBER)
    dtype = default_dtype(kind, optional=bool(spec.optional))
    return narrow(Field(name=name, kind=kind, dtype=dtype), spec, where)


def narrow(field: Field, spec: InputSpec, where: str) -> Field:
    """An input of the model with what the file adds to it.

    Raises:
        UsageError: the spec is wrong in itself, or contradicts the model.
    """
    low, low_open = _bound(spec.minimum, spec.exclusive_minimum, where, "minimum")
    high, high_open = _bound(spec.maximum, spec.exclusive_maximum, where, "maximum")
    kind = _kind(field, spec, where)
    merged = replace(
        field,
        kind=kind,
        dtype=_dtype(field, spec, kind, where),
        minimum=field.minimum if low is None else low,
        maximum=field.maximum if high is None else high,
        exclusive_minimum=field.exclusive_minimum if low is None else low_open,
        exclusive_maximum=field.exclusive_maximum if high is None else high_open,
        choices=_choices(field, spec, where),
        optional=field.optional if spec.optional is None else spec.optional,
    )
    _refuse_misplaced_limits(merged, where)
    _refuse_wrong_choices(merged, where)
    _refuse_empty_range(merged, where)
    return merged


def checked_dtype(name: str, where: str) -> str:
    """A dtype in the spelling of numpy.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return np.dtype(name).name
    except TypeError as error:
        remedy = "numpy's names: float64, float32, int64, int32, bool, object for text"
        raise UsageError(f"there is no dtype {name}", where=where, remedy=remedy) from error


def _kind(field: Field, spec: InputSpec, where: str) -> Kind:
    if spec.shape is not None:
        raise UsageError("the model takes columns, which have no shape", where=where)
    kind = spec.type or field.kind
    if field.kind is Kind.STRING and kind is not Kind.STRING:
        raise UsageError(f"the model takes text there, not {kind.value}", where=f"{where}.type")
    return kind


def _dtype(field: Field, spec: InputSpec, kind: Kind, where: str) -> str:
    if spec.dtype is not None:
        return checked_dtype(spec.dtype, f"{where}.dtype")
    becomes_text = kind is Kind.STRING and field.kind is not Kind.STRING
    return DTYPES[kind] if becomes_text else field.dtype


def _bound(closed: float | None, opened: float | None, where: str, name: str) -> tuple[float | None, bool]:
    if closed is not None and opened is not None:
        raise UsageError(f"{name} and exclusive_{name} are both there; one is enough", where=where)
    value = opened if closed is None else closed
    if value is not None and not math.isfinite(value):
        raise UsageError(f"the {name} is not finite", where=where, remedy="leave it out where there is none")
    return value, opened is not None


def _choices(field: Field, spec: InputSpec, where: str) -> tuple[Any, ...]:
    if spec.choices is None:
        return field.choices
    if not spec.choices:
        raise UsageError("there is nothing to choose from", where=f"{where}.choices")
    for choice in spec.choices:
        if field.choices and choice not in field.choices:
            known = ", ".join(repr(known) for known in field.choices)
            raise UsageError(f"the model knows no {choice!r}", where=f"{where}.choices", remedy=f"known: {known}")
    return spec.choices


def _refuse_misplaced_limits(field: Field, where: str) -> None:
    limited = field.minimum is not None or field.maximum is not None
    if limited and field.kind in {Kind.STRING, Kind.BOOLEAN}:
        raise UsageError(f"a {field.kind.value} has no minimum or maximum", where=where)


def _refuse_wrong_choices(field: Field, where: str) -> None:
    unlisted = replace(field, choices=(), optional=False)
    for choice in field.choices:
        if not fits(unlisted, choice):
            remedy = "quote it, if it is text" if field.kind is Kind.STRING else ""
            raise UsageError(f"{choice!r} is no {expected(unlisted)}", where=f"{where}.choices", remedy=remedy)


def _refuse_empty_range(field: Field, where: str) -> None:
    low, high = _range(field)
    if low > high:
        raise UsageError("no value lies between minimum and maximum", where=where)


def _range(field: Field) -> tuple[float, float]:
    """The lowest and the highest value that the field takes."""
    if field.kind is Kind.INTEGER:
        return integers(field)
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    low = math.nextafter(low, math.inf) if field.exclusive_minimum else low
    high = math.nextafter(high, -math.inf) if field.exclusive_maximum else high
    return low, high
