"""Batches, columns and parsers that the tests of parsing share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.ports import EventBatch
from seatrial.records import ColumnKind, ColumnSpec, ParserKind, ParserSpec
from seatrial.retrain.parse import ParsedBatch, Parser, open_parser

RATING = r"GET /rate/(?P<movie>.*?)=(?P<rating>-?\w+)"
LINE = b"2026-11-21T10:00:00,123,GET /rate/the+matrix+1999=4"


def column(name: str, kind: str, *, optional: bool = False) -> ColumnSpec:
    """A column."""
    return ColumnSpec(name=name, kind=ColumnKind(kind), optional=optional)


RATINGS = (column("time", "time"), column("user", "integer"), column("movie", "text"), column("rating", "integer"))


def regex_parser(
    columns: tuple[ColumnSpec, ...] = RATINGS,
    *,
    pattern: str = RATING,
    prefix: tuple[str, ...] = ("time", "user"),
    fields: tuple[str, ...] = (),
    ignore: str = "",
    time_format: str = "iso",
) -> Parser:
    """Of the field's format of ratings, unless told otherwise."""
    spec = ParserSpec(
        kind=ParserKind.REGEX, pattern=pattern, prefix=prefix, fields=fields, ignore=ignore, time_format=time_format
    )
    return open_parser(spec, columns, Path())


def json_parser(paths: Mapping[str, str], *columns: ColumnSpec, time_format: str = "iso", ignore: str = "") -> Parser:
    """Of JSON lines."""
    spec = ParserSpec(kind=ParserKind.JSON, paths=paths, time_format=time_format, ignore=ignore)
    return open_parser(spec, columns, Path())


def batch(
    *values: bytes | None, offset: int = 0, times: Sequence[int] = (), keys: Sequence[bytes | None] = ()
) -> EventBatch:
    """Events with offsets one after another."""
    given: Any = values  # None is what a tombstone is
    return EventBatch(
        partition="ratings/0",
        offsets=range(offset, offset + len(values)),
        values=given,
        times=times or [-1] * len(values),
        keys=keys,
        following=offset + len(values),
    )


def rows(parsed: ParsedBatch) -> list[dict[str, Any]]:
    """The rows as dicts by column, with `_offset`."""
    columns = {name: parsed.rows[name].to_pylist() for name in parsed.rows.column_names}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def values(parsed: ParsedBatch, name: str) -> list[Any]:
    """One column."""
    return [row[name] for row in rows(parsed)]


def reasons(parsed: ParsedBatch) -> dict[int, str]:
    """Why lines are dead, by offset."""
    return {line.offset: line.fault.reason for line in parsed.dead}


def moment(*parts: int) -> datetime:
    """A time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
