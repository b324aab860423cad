"""How two versions differ: rows by the segments that they share, and each column's figures side by side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from seatrial.datasets.book import DatasetBook
from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.rows import quoted, reader, said_by_duckdb, selection
from seatrial.records import ColumnKind, ColumnSpec, DatasetVersion, Segment

_MANY: Final = 100_000
_TOP: Final = 3
_DIGITS: Final = 12
_SPREAD: Final = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFigures:
    """A column in one version.

    Attributes:
        kind: what it holds.
        rows, missing: how many.
        low, high: of numbers and times (ISO 8601).
        mean: of numbers.
        different: values, an estimate within some per cent.
        top: the most frequent ones and how often, of texts and booleans that have not very many.
    """

    kind: ColumnKind
    rows: int
    missing: int
    low: float | str | None = None
    high: float | str | None = None
    mean: float | None = None
    different: int = 0
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDifference:
    """A column in both; None where a version does not have it."""

    column: str
    first: ColumnFigures | None
    second: ColumnFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDifference:
    """Two versions.

    Attributes:
        first, second: their ids.
        shared, added, removed: rows in segments that both have, and that one has alone.
        counts: of what was counted in the versions after the first up to the second, where one descends from the other.
        columns: in the second's order, then those that it lost.
    """

    first: str
    second: str
    shared: int
    added: int
    removed: int
    columns: tuple[ColumnDifference, ...]
    counts: tuple[tuple[str, int], ...] = ()


def diff(first: DatasetVersion, second: DatasetVersion, book: DatasetBook, files: SegmentCache) -> DatasetDifference:
    """Compare two versions, of one dataset or of two. Raises PermanentError if a segment is gone or damaged."""
    before = book.segments(first.dataset, first.number)
    after = book.segments(second.dataset, second.number)
    old, new = _figures(before, first.columns, files), _figures(after, second.columns, files)
    return DatasetDifference(
        first=first.id,
        second=second.id,
        shared=_rows(Counter(before) & Counter(after)),
        added=_rows(Counter(after) - Counter(before)),
        removed=_rows(Counter(before) - Counter(after)),
        columns=tuple(
            ColumnDifference(column=column, first=old.get(column), second=new.get(column))
            for column in dict.fromkeys((*new, *old))
        ),
        counts=_counts(first, second, book),
    )


def _rows(segments: Counter[Segment]) -> int:
    return sum(segment.rows * times for segment, times in segments.items())


def _counts(first: DatasetVersion, second: DatasetVersion, book: DatasetBook) -> tuple[tuple[str, int], ...]:
    if first.dataset != second.dataset:
        return ()
    low, high = sorted((first.number, second.number))
    total: Counter[str] = Counter()
    for version in book.versions(first.dataset):
        if low < version.number <= high:
            total.update(version.counts)
    return tuple(sorted(total.items()))


def _figures(
    segments: Sequence[Segment], columns: Sequence[ColumnSpec], files: SegmentCache
) -> dict[str, ColumnFigures]:
    paths = [files.file(segment.digest) for segment in segments if segment.rows]
    with reader() as connection, said_by_duckdb(paths or [Path("no segment")]):
        query = selection(connection, paths, columns)
        connection.execute(f"CREATE TEMP VIEW version AS {query}")
        wanted = ", ".join(part for column in columns for part in _aggregates(column))
        ((rows, *found),) = connection.sql(f"SELECT count(*), {wanted} FROM version").fetchall()  # noqa: S608 - quoted
        return {
            column.name: _column(connection, column, rows, found[5 * at : 5 * at + 5])
            for at, column in enumerate(columns)
        }


def _aggregates(column: ColumnSpec) -> tuple[str, ...]:
    own = quoted(column.name)
    held, different = f"count({own})", f"approx_count_distinct({own})"
    if column.kind in _SPREAD:
        return (held, f"min({own})", f"max({own})", f"avg({own})", different)
    if column.kind is ColumnKind.TIME:
        shown = f"strftime(%s({own}) AT TIME ZONE 'UTC', '%%Y-%%m-%%dT%%H:%%M:%%S.%%fZ')"
        return (held, shown % "min", shown % "max", "NULL", different)
    return (held, "NULL", "NULL", "NULL", different)


def _column(
    connection: duckdb.DuckDBPyConnection, column: ColumnSpec, rows: int, found: Sequence[Any]
) -> ColumnFigures:
    held, low, high, mean, different = found
    few = column.kind in {ColumnKind.TEXT, ColumnKind.BOOLEAN} and int(different) < _MANY
    return ColumnFigures(
        kind=column.kind,
        rows=rows,
        missing=rows - int(held),
        low=low,
        high=high,
        # Threads add up in any order, and the last digits tell.
        mean=None if mean is None else float(f"{mean:.{_DIGITS}g}"),
        different=int(different),
        top=_top(connection, column) if few else (),
    )


def _top(connection: duckdb.DuckDBPyConnection, column: ColumnSpec) -> tuple[tuple[str, int], ...]:
    own = quoted(column.name)
    query = (
        f"SELECT CAST({own} AS VARCHAR) AS value, count(*) AS times FROM version WHERE {own} IS NOT NULL "  # noqa: S608 - quoted
        f"GROUP BY ALL ORDER BY times DESC, value LIMIT {_TOP}"
    )
    return tuple((value, times) for value, times in connection.sql(query).fetchall())
