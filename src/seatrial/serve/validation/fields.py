"""One value of one field: is it allowed, what does the model get for it, and what would have been right.

This is the exact and slow judge. `decoders` says the same in msgspec's words, fast, for the requests that are right.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from seatrial.records.serving import Field, Kind
from seatrial.serve.codec import Complaint
from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.bounds import integer_range, number_bounds, whole
from seatrial.serve.validation.shown import short, shown, words


class _Invalid:
    """The one value that no model gets."""


INVALID: Final = _Invalid()
Clean = Callable[[Any], Any]

_LONGEST_CHOICES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCheck:
    """The judge of one field.

    Attributes:
        name: of the field.
        expected: what is allowed, in words (`a number below 14`).
        optional: whether it may be left out.
        missing: what the model gets where it was left out or null.
        clean: the value for the model, or `INVALID`.
    """

    name: str
    expected: str
    optional: bool
    missing: Json
    clean: Clean

    def complain(self, row: int, value: Json) -> Complaint:
        """What is wrong with `value`."""
        return Complaint(
            message=f"{short(self.name)} is {words(value)}, expected {self.expected}",
            row=row,
            field=self.name,
            value=shown(value),
            expected=self.expected,
        )

    def complain_missing(self, row: int) -> Complaint:
        """The field isn't there."""
        return Complaint(
            message=f"{short(self.name)} is missing, expected {self.expected}",
            row=row,
            field=self.name,
            expected=self.expected,
        )


def field_check(field: Field) -> FieldCheck:
    """The judge of `field`."""
    missing = math.nan if is_number(field) else None
    clean = _CLEANERS[field.kind](field)
    return FieldCheck(
        name=field.name,
        expected=expected(field),
        optional=field.optional,
        missing=missing,
        clean=_or_missing(clean, missing) if field.optional else clean,
    )


def is_number(field: Field) -> bool:
    """Whether an array of numbers can hold it."""
    return field.kind in (Kind.NUMBER, Kind.INTEGER)


def expected(field: Field) -> str:
    """What is allowed, in words."""
    plain = _of_choices(allowed_choices(field)) if field.choices else _of_kind(field)
    return f"{plain} or null" if field.optional else plain


def allowed_choices(field: Field) -> tuple[Any, ...]:
    """The choices that the field's range and dtype allow."""
    clean = _CLEANERS[field.kind](field)
    return tuple(choice for choice in field.choices if clean(choice) is not INVALID)


def _of_choices(choices: tuple[Any, ...]) -> str:
    told = ", ".join(words(choice) for choice in choices[:_LONGEST_CHOICES])
    return f"one of {told}{' …' if len(choices) > _LONGEST_CHOICES else ''}"


def _of_kind(field: Field) -> str:
    if field.kind is Kind.STRING:
        return "a string"
    if field.kind is Kind.BOOLEAN:
        return "true or false"
    return f"{'an integer' if whole(field) else 'a number'}{_of_range(field)}"


def _of_range(field: Field) -> str:
    low = None if field.minimum is None or math.isinf(field.minimum) else _figure(field.minimum)
    high = None if field.maximum is None or math.isinf(field.maximum) else _figure(field.maximum)
    if low is not None and high is not None and not (field.exclusive_minimum or field.exclusive_maximum):
        return f" from {low} to {high}"
    above = "" if low is None else f" above {low}" if field.exclusive_minimum else f" of at least {low}"
    below = "" if high is None else f" below {high}" if field.exclusive_maximum else f" of at most {high}"
    return f"{above} and{below}" if above and below else above or below or _of_dtype(field)


def _of_dtype(field: Field) -> str:
    narrow = field.dtype not in ("float64", "int64", "object")
    return f" that fits {field.dtype}" if narrow else ""


def _figure(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004 - what JSON writers write in full


def _or_missing(clean: Clean, missing: Json) -> Clean:
    return lambda value: missing if value is None else clean(value)


def _number(field: Field) -> Clean:
    if whole(field):
        return _integer(field)
    low, high = number_bounds(field).closed()
    choices = frozenset(field.choices)

    def clean(value: Json) -> Json:
        number = value if type(value) is float else as_float(value)
        return number if low <= number <= high and (not choices or number in choices) else INVALID

    return clean


def as_float(value: Json) -> float:
    """A JSON number as a float; NaN for anything else (a boolean, a string, an integer beyond all floats)."""
    if type(value) is float:
        return value
    if type(value) is not int:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _integer(field: Field) -> Clean:
    allowed, choices = integer_range(field), frozenset(field.choices)

    def clean(value: Json) -> Json:
        number = int(value) if type(value) is float and value.is_integer() else value
        return number if type(number) is int and number in allowed and (not choices or number in choices) else INVALID

    return clean


def _boolean(field: Field) -> Clean:
    choices = frozenset(field.choices) or {True, False}
    return lambda value: value if type(value) is bool and value in choices else INVALID


def _string(field: Field) -> Clean:
    choices = frozenset(field.choices)
    return lambda value: value if type(value) is str and (not choices or value in choices) else INVALID


_CLEANERS: dict[Kind, Callable[[Field], Clean]] = {
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.STRING: _string,
}
