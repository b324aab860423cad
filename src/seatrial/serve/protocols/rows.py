"""Which JSON is one row and which is many: bare rows, and the envelopes that the field's tools put around them.

An object is an envelope if one of the envelope's names has an array or an object as its value. A model's own field may
have such a name: its value is always a scalar, so that the two can't be confused.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seatrial.records.serving import Field
from seatrial.serve.codec import Complaint, Limits, Refused
from seatrial.serve.model import Rows
from seatrial.serve.validation import (
    FAILURES,
    Columns,
    Decode,
    Decoders,
    Json,
    Mistakes,
    Reason,
    counted,
    decoders,
    invalid,
    parse,
    require_rows,
    shown,
    words,
    wrapped_decoders,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """JSON values, one a row.

    Attributes:
        items: the rows.
        many: whether they are answered as many, even if there is one.
        scalars: whether a bare value is a row, for models with one field.
    """

    items: Sequence[Any]
    many: bool = True
    scalars: bool = False


Unwrap = Callable[[Any, Limits], Items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """How the value of an envelope, or a bare body, is read.

    Attributes:
        unwrap: from JSON to rows, whatever the value; raises Refused.
        shapes: those attributes of `Decoders` that read the same rows faster.
    """

    unwrap: Unwrap
    shapes: tuple[str, ...] = ()


# One bracket or brace after the other says which shape a body has.
_HEADS = {
    "record": (b"{", b"", False),
    "position": (b"[", b"", False),
    "records": (b"[", b"{", True),
    "positions": (b"[", b"[", True),
}
ANY_SHAPE = tuple(_HEADS)
_HEAD = re.compile(
    rb'[ \t\n\r]*(?:\{[ \t\n\r]*"(inputs|instances|dataframe_records)"[ \t\n\r]*:[ \t\n\r]*)?([\[{])[ \t\n\r]*([\[{]?)'
)
_RECORD = b'{"'
_ENVELOPE = (b'{"inputs"', b'{"instances"', b'{"dataframe_')


class RowsReader:
    """From a body to rows: the good path by the first bytes of the body, the slow one by its JSON value.

    Args:
        fields: of the signature.
        limits: of one request.
        envelopes: those that are read, by name.
        bare: how a body without an envelope is read; None where there has to be one.
        companions: names that may stand beside an envelope's and are not read.
    """

    __slots__ = ("_bare", "_columns", "_companions", "_envelopes", "_known", "_limits", "_record")

    def __init__(
        self,
        fields: tuple[Field, ...],
        limits: Limits,
        *,
        envelopes: Mapping[str, Envelope],
        bare: Envelope | None,
        companions: frozenset[str] = frozenset(),
    ) -> None:
        self._columns = Columns(fields, limits)
        self._limits = limits
        self._envelopes = envelopes
        self._bare = bare
        self._companions = companions
        self._known = dict(_known(fields, limits, envelopes, bare))
        self._record = self._known[None, b"{", b""][0] if bare is not None else None

    def read(self, body: bytes) -> tuple[Rows, bool]:
        """The rows, and whether many were asked for.

        Raises:
            Refused: with all that is wrong.
        """
        try:
            if self._record is not None and body.startswith(_RECORD) and not body.startswith(_ENVELOPE):
                return self._record(body), False
            head = _HEAD.match(body)
            if head is not None:
                decode, many = self._known[head.groups()]  # type: ignore[index] # three groups, the first optional
                return decode(body), many
        except (*FAILURES, KeyError):
            pass
        return self._explain(body)

    def _explain(self, body: bytes) -> tuple[Rows, bool]:
        parsed = parse(body, self._limits)
        found = self._unwrap(parsed.value)
        rows = self._columns.check(found.items, scalars=found.scalars)
        parsed.require_strict()
        return rows, found.many

    def _unwrap(self, value: Json) -> Items:
        if type(value) is dict:
            for name, envelope in self._envelopes.items():
                if type(value.get(name)) in (list, dict):
                    self._refuse_companions(value, name)
                    return envelope.unwrap(value[name], self._limits)
            self._refuse_empty_envelope(value)
        if self._bare is None:
            names = " or ".join(f'{{"{name}": …}}' for name in self._envelopes)
            raise Refused(400, Reason.MALFORMED, f"found {words(value)}, expected {names}")
        return self._bare.unwrap(value, self._limits)

    def _refuse_companions(self, value: dict[str, Any], name: str) -> None:
        strangers = [key for key in value if key != name and key not in self._companions]
        if strangers:
            raise complaint(f"{words(strangers[0])} may not stand beside {words(name)}", strangers[0], name)

    def _refuse_empty_envelope(self, value: dict[str, Any]) -> None:
        """An envelope's name with a scalar, in a model without such a field: nothing else can be meant."""
        for name in self._envelopes:
            if name in value and name not in self._columns.names:
                raise complaint(f"{name} is {words(value[name])}, expected rows", value[name], "rows")


def _known(
    fields: tuple[Field, ...], limits: Limits, envelopes: Mapping[str, Envelope], bare: Envelope | None
) -> Iterator[tuple[tuple[bytes | None, bytes, bytes], tuple[Decode, bool]]]:
    """What `_HEAD` finds, and the decoder for it."""
    if bare is not None:
        yield from _heads(None, bare, decoders(fields, limits))
    for name, envelope in envelopes.items():
        yield from _heads(name.encode(), envelope, wrapped_decoders(fields, limits, name))


def _heads(
    name: bytes | None, envelope: Envelope, found: Decoders
) -> Iterator[tuple[tuple[bytes | None, bytes, bytes], tuple[Decode, bool]]]:
    for shape in envelope.shapes:
        first, second, many = _HEADS[shape]
        yield (name, first, second), (getattr(found, shape), many)


def complaint(message: str, value: Json, expected: str) -> Refused:
    """The refusal of a whole body."""
    return invalid((Complaint(message=message, value=shown(value), expected=expected),))


def rows_of(value: Json, _limits: Limits) -> Items:
    """An object or an array of scalars is one row, an array of rows is many."""
    if type(value) is list and (not value or type(value[0]) in (list, dict)):
        return Items(items=value)
    return Items(items=[value], many=False)


def rows_or_columns_of(value: Json, limits: Limits) -> Items:
    """As `rows_of`, and an object of arrays is many rows, column by column."""
    return Items(items=_transposed(value, limits)) if _columnar(value) else rows_of(value, limits)


def many_rows_of(value: Json, _limits: Limits) -> Items:
    """A list of rows; of scalars, for models with one field."""
    if type(value) is not list:
        raise complaint(f"found {words(value)}, expected an array of rows", value, "an array of rows")
    return Items(items=value, scalars=True)


def many_rows_or_columns_of(value: Json, limits: Limits) -> Items:
    """As `many_rows_of`, or an object of arrays, column by column."""
    return Items(items=_transposed(value, limits)) if _columnar(value) else many_rows_of(value, limits)


def split_of(value: Json, limits: Limits) -> Items:
    """The `orient="split"` of pandas: `{"columns": […], "data": [[…], …]}`; an index is not read."""
    if type(value) is not dict or type(value.get("data")) is not list or value.keys() - {"columns", "data", "index"}:
        expected = '{"columns": […], "data": [[…], …]}'
        raise complaint(f"dataframe_split is {words(value)}, expected {expected}", value, expected)
    rows, columns = value["data"], value.get("columns")
    if columns is None:
        return Items(items=rows)
    if type(columns) is not list or not all(type(name) is str for name in columns) or len({*columns}) < len(columns):
        raise complaint("columns are names, each once", columns, "an array of strings")
    require_rows(len(rows), limits)
    return Items(items=_named(columns, rows))


def _named(columns: list[str], rows: list[Any]) -> list[dict[str, Any]]:
    mistakes = Mistakes()
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != len(columns):
            mistakes.add([_misfit(columns, number, row)])
    mistakes.raise_any(len(rows))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _misfit(columns: list[str], number: int, row: Json) -> Complaint:
    found = counted(len(row), "value") if type(row) is list else words(row)
    expected = f"an array of {counted(len(columns), 'value')}, one a column"
    return Complaint(message=f"found {found}, expected {expected}", row=number, value=shown(row), expected=expected)


def _columnar(value: Json) -> bool:
    return type(value) is dict and bool(value) and all(type(column) is list for column in value.values())


def _transposed(columns: dict[str, list[Any]], limits: Limits) -> list[dict[str, Any]]:
    """Rows of an object of equally long arrays."""
    first, length = next((name, len(column)) for name, column in columns.items())
    for name, column in columns.items():
        if len(column) != length:
            expected = f"as many as {words(first)} has ({length})"
            raise complaint(f"{words(name)} has {counted(len(column), 'value')}, expected {expected}", column, expected)
    require_rows(length, limits)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
