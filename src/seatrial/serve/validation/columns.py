"""Rows of named fields, judged one by one: the slow path, which is the definition of what is valid, and says why not."""

from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.records import UsageError
from seatrial.records.serving import Field
from seatrial.serve.codec import Complaint, Limits
from seatrial.serve.model import Rows
from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.fields import INVALID, FieldCheck, field_check
from seatrial.serve.validation.shown import counted, short, shown, words
from seatrial.serve.validation.verdicts import Mistakes, require_rows

_NAMES_TOLD = 8
_ABSENT = object()


class Columns:
    """Judges rows, each an object by the fields' names or an array in their order.

    Args:
        fields: in the model's order; at least one, each with a name of its own.
        limits: how many rows one request may have.

    Raises:
        UsageError: no fields, or two of the same name.
    """

    __slots__ = ("_alike", "_checks", "_limits", "_names", "names")

    def __init__(self, fields: tuple[Field, ...], limits: Limits) -> None:
        self.names = tuple(field.name for field in fields)
        self._names = frozenset(self.names)
        if not fields or len(self._names) < len(fields):
            raise UsageError(
                "the signature needs at least one field, and no two of the same name",
                where=", ".join(self.names),
                remedy="rename the columns that the model was fitted on, or describe them in signature.yaml",
            )
        self._alike = {_bare(name): name for name in self.names}
        self._checks = tuple(map(field_check, fields))
        self._limits = limits

    def check(self, items: Sequence[Any], *, scalars: bool = False) -> Rows:
        """Rows for the model.

        Args:
            items: JSON values, one a row.
            scalars: whether a bare value is a row of its own, for a model with one field.

        Raises:
            Refused: no rows or invalid ones (422), too many (413).
        """
        require_rows(len(items), self._limits)
        rows, mistakes = [], Mistakes()
        for number, item in enumerate(items):
            values = self._values(item, scalars=scalars)
            row = None if values is None else self._row(values)
            if row is None:
                mistakes.add(self._complaints(number, item, values))
            else:
                rows.append(row)
        mistakes.raise_any(len(items))
        return rows

    def _values(self, item: Json, *, scalars: bool) -> Sequence[Any] | None:
        """One value a field, in order; None for what can't be spread over the fields."""
        if type(item) is dict:
            return [item.get(name, _ABSENT) for name in self.names] if item.keys() <= self._names else None
        if type(item) is list:
            return item if len(item) == len(self.names) else None
        return [item] if scalars and len(self.names) == 1 else None

    def _row(self, values: Sequence[Any]) -> list[Any] | None:
        row = []
        for check, value in zip(self._checks, values, strict=True):
            cleaned = (check.missing if check.optional else INVALID) if value is _ABSENT else check.clean(value)
            if cleaned is INVALID:
                return None
            row.append(cleaned)
        return row

    def _complaints(self, row: int, item: Json, values: Sequence[Any] | None) -> Iterator[Complaint]:
        if type(item) is dict:
            yield from self._unknown_fields(row, item)
            values = [item.get(name, _ABSENT) for name in self.names]
        elif values is None:
            yield self._not_a_row(row, item)
            return
        for check, value in zip(self._checks, values or (), strict=True):
            yield from _of_value(check, row, value)

    def _unknown_fields(self, row: int, item: dict[str, Any]) -> Iterator[Complaint]:
        for name in item:
            if name not in self._names:
                yield self._unknown_field(row, name)

    def _unknown_field(self, row: int, name: str) -> Complaint:
        meant = self._alike.get(_bare(name))
        advice = f"; did you mean {words(meant)}?" if meant else ""
        return Complaint(
            message=f"{words(name)} is not a field{advice}", row=row, field=short(name), expected=self._fields()
        )

    def _not_a_row(self, row: int, item: Json) -> Complaint:
        found = counted(len(item), "value") if type(item) is list else words(item)
        expected = f"an array of {counted(len(self.names), 'value')} ({self._fields()})"
        if type(item) is not list:
            expected = f"an object or {expected}"
        return Complaint(message=f"found {found}, expected {expected}", row=row, value=shown(item), expected=expected)

    def _fields(self) -> str:
        told = ", ".join(map(short, self.names[:_NAMES_TOLD]))
        more = len(self.names) - _NAMES_TOLD
        return f"{told} and {more} more" if more > 0 else told


def _of_value(check: FieldCheck, row: int, value: Json) -> Iterator[Complaint]:
    if value is _ABSENT:
        if not check.optional:
            yield check.complain_missing(row)
    elif check.clean(value) is INVALID:
        yield check.complain(row, value)


def _bare(name: str) -> str:
    """A name without what people get wrong in names: case, spaces, underscores."""
    return "".join(filter(str.isalnum, short(name).casefold()))
