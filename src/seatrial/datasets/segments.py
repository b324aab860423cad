"""Puts rows into the store: one Parquet file for each version that brought some, and nothing of what was there before.

The same rows give the same bytes, and so the same digest: a step that is done again after a crash stores nothing twice.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
from arro3.core import Schema

from seatrial.datasets.rows import (
    batches_of,
    files_of,
    literal,
    quoted,
    reader,
    schema_of,
    selection,
    types_of,
    write_rows,
)
from seatrial.ports import Store
from seatrial.records import ColumnSpec, PermanentError, Segment, UsageError

WHY: Final = "_why"
"""Column of a quarantine: why a row is in it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def write_segment(source: Path, columns: Sequence[ColumnSpec], time_column: str, store: Store) -> Segment:
    """Keep rows as a segment: the dataset's columns alone, the rows in the order in which they are.

    Args:
        source: Parquet file; what it has beside the columns (`_partition`, `_offset`) is left out. A file is made beside
            it, and removed.
        columns: of the dataset.
        time_column: one of them; empty: there is none.
        store: where it is kept.

    Raises:
        UsageError: a column has another type than the dataset's.
        PermanentError: a column that is not optional is missing, or the file can't be read or stored.
    """
    with reader() as connection:
        _check_columns(types_of(connection, [source]), columns, source)
        query = selection(connection, [source], columns)
        return _written(connection, query, schema_of(columns), time_column, store, source.parent)


def write_quarantine(source: Path, time_column: str, store: Store) -> Segment:
    """Keep rows that the checks refused, as they are, with all columns (`_why` among them). Else as `write_segment`."""
    with reader() as connection:
        types = types_of(connection, [source])
        query = f"SELECT * FROM {files_of([source])}"  # noqa: S608 - quoted
        schema = batches_of(connection, query).schema
        return _written(connection, query, schema, time_column if time_column in types else "", store, source.parent)


def write_admitted(
    source: Path, columns: Sequence[ColumnSpec], time_column: str, store: Store, *, only: str, folder: Path
) -> Segment:
    """Keep rows of a quarantine as a segment. Else as `write_segment`.

    Args:
        source: as `write_quarantine` kept it.
        columns: of the dataset.
        time_column: one of them; empty: there is none.
        store: where it is kept.
        only: those that were refused for a reason with this in it; empty: all.
        folder: where a file is made, and removed.
    """
    with reader() as connection:
        types = types_of(connection, [source])
        _check_columns(types, columns, source)
        if only and WHY not in types:
            raise UsageError("the quarantine does not say why rows are in it", remedy="leave out which of them")
        where = f" WHERE contains({quoted(WHY)}, {literal(only)})" if only else ""
        query = selection(connection, [source], columns) + where
        return _written(connection, query, schema_of(columns), time_column, store, folder)


def keep_file(path: Path, store: Store) -> str:
    """Keep a file (dead lines) as it is; its digest. Raises PermanentError if it can't be read or stored."""
    return store.put_file(path)


def _check_columns(types: Collection[str], columns: Sequence[ColumnSpec], source: Path) -> None:
    missing = [column.name for column in columns if not column.optional and column.name not in types]
    if missing:
        raise PermanentError(f"the rows have no column {', '.join(missing)}", where=str(source))


def _written(
    connection: duckdb.DuckDBPyConnection, query: str, schema: Schema, time: str, store: Store, folder: Path
) -> Segment:
    """The rows of a query in the store."""
    file = folder / f".segment.{secrets.token_hex(8)}"
    try:
        rows = write_rows(batches_of(connection, query), schema, file)
        earliest, latest = _span(connection, file, time) if time and rows else (None, None)
        size = file.stat().st_size
        return Segment(digest=store.put_file(file), rows=rows, size=size, earliest=earliest, latest=latest)
    finally:
        file.unlink(missing_ok=True)


def _span(connection: duckdb.DuckDBPyConnection, file: Path, time: str) -> tuple[datetime | None, datetime | None]:
    column = f"CAST({quoted(time)} AS TIMESTAMPTZ)"
    query = f"SELECT epoch_us(min({column})), epoch_us(max({column})) FROM {files_of([file])}"  # noqa: S608 - quoted
    ((earliest, latest),) = connection.sql(query).fetchall()
    return _moment(earliest), _moment(latest)


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
