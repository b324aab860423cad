"""Which values a field takes: the one place that knows how types, ranges and choices go together."""

import math
from typing import Any

import numpy as np

from seatrial.records.serving import Field, Kind

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.NUMBER: (int, float),
    Kind.INTEGER: (int,),
    Kind.BOOLEAN: (bool,),
    Kind.STRING: (str,),
}
DTYPES = {Kind.NUMBER: "float64", Kind.INTEGER: "int64", Kind.BOOLEAN: "bool", Kind.STRING: "object"}
"""numpy's name of what a model takes for each kind, unless somebody says otherwise."""


def default_dtype(kind: Kind, *, optional: bool) -> str:
    """What a model takes unless somebody says otherwise: what may be missing needs a type that has NaN."""
    return "float64" if optional and kind is not Kind.STRING else DTYPES[kind]


def kind_of(dtype: str) -> Kind:
    """The JSON type of a numpy dtype; what is neither number nor truth value is a string."""
    letter = np.dtype(dtype).kind
    return {"f": Kind.NUMBER, "i": Kind.INTEGER, "u": Kind.INTEGER, "b": Kind.BOOLEAN}.get(letter, Kind.STRING)


def kind_of_values(values: tuple[Any, ...]) -> Kind:
    """The JSON type that all `values` share; number where they are mixed."""
    for kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.STRING):
        if values and all(is_kind(value, kind) for value in values):
            return kind
    return Kind.NUMBER


def is_kind(value: object, kind: Kind) -> bool:
    """Whether a JSON value has this type; true and false are no numbers."""
    if isinstance(value, bool):
        return kind is Kind.BOOLEAN
    return isinstance(value, _TYPES[kind])


def expected(field: Field) -> str:
    """What a field takes, in words: `number >= 0 and < 14`, `one of "red", "white"`."""
    if field.choices:
        return "one of " + ", ".join(repr(choice) for choice in field.choices)
    bounds = []
    if field.minimum is not None:
        bounds.append(f"{'>' if field.exclusive_minimum else '>='} {field.minimum:g}")
    if field.maximum is not None:
        bounds.append(f"{'<' if field.exclusive_maximum else '<='} {field.maximum:g}")
    return " ".join([field.kind.value, " and ".join(bounds)]).strip()


def fits(field: Field, value: Any) -> bool:  # noqa: ANN401 - JSON is anything
    """Whether a field takes a value."""
    if value is None:
        return field.optional
    if not is_kind(value, field.kind):
        return False
    if field.choices and value not in field.choices:
        return False
    return not isinstance(value, int | float) or _in_range(field, value)


def integers(field: Field) -> tuple[float, float]:
    """The lowest and the highest whole number that a field takes; infinite where it is open."""
    low = -math.inf if field.minimum is None else math.ceil(field.minimum)
    high = math.inf if field.maximum is None else math.floor(field.maximum)
    if field.exclusive_minimum and low == field.minimum:
        low += 1
    if field.exclusive_maximum and high == field.maximum:
        high -= 1
    return low, high


def _in_range(field: Field, value: float) -> bool:
    if not math.isfinite(value):
        return False
    above = field.minimum is None or value > field.minimum or (value == field.minimum and not field.exclusive_minimum)
    below = field.maximum is None or value < field.maximum or (value == field.maximum and not field.exclusive_maximum)
    return above and below
