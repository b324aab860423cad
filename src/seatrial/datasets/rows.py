"""Rows of Parquet files as a dataset has them: its columns in their order, of their types, batch by batch.

DuckDB reads (it filters, converts and keeps the order), arro3 writes. Batches are of one size whatever the files were
made of, so that the same rows give the same bytes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
from arro3.core import DataType, Field, RecordBatch, RecordBatchReader, Schema, Table
from arro3.io import write_parquet

from seatrial.records import ColumnKind, ColumnSpec, PermanentError, UsageError

ROWS_AT_ONCE: Final = 131_072
"""Of a batch, and of a row group."""
_LEVEL: Final = "zstd(3)"
_WRITER: Final = "seatrial"
_DICTIONARY: Final = 256 * 1024
"""Bytes of one column's dictionary; a column of more values is better off without."""
_EXACT: Final = 2**53
"""Up to here a 64-bit float holds every whole number."""
_ARROW: Final = {
    ColumnKind.INTEGER: DataType.int64(),
    ColumnKind.NUMBER: DataType.float64(),
    ColumnKind.TEXT: DataType.string(),
    ColumnKind.TIME: DataType.timestamp("us", tz="UTC"),
    ColumnKind.BOOLEAN: DataType.bool(),
}
_SQL: Final = {
    ColumnKind.INTEGER: "BIGINT",
    ColumnKind.NUMBER: "DOUBLE",
    ColumnKind.TEXT: "VARCHAR",
    ColumnKind.TIME: "TIMESTAMPTZ",
    ColumnKind.BOOLEAN: "BOOLEAN",
}
_WHOLE: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}
)
_NOTHING: Final = frozenset({'"NULL"', "NULL"})
_BROKEN: Final = frozenset({"FLOAT", "DOUBLE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A range of a time column: from `since` up to, and without, `until`; None: without an end on that side."""

    time: str
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it leaves nothing out."""
        return self.since is None and self.until is None


@contextmanager
def reader() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that keeps the order of rows, knows no zone but UTC, and leaves nothing behind."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true; SET temp_directory = ''")
        connection.execute("SET autoinstall_known_extensions = false; SET memory_limit = '1GB'")
        yield connection


def files_of(paths: Sequence[Path]) -> str:
    """The files as DuckDB's table; columns are matched by name."""
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def types_of(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> Mapping[str, str]:
    """Types of the files' columns by name, in DuckDB's words. Raises PermanentError if a file can't be read."""
    with said_by_duckdb(paths):
        found = connection.sql(f"SELECT * FROM {files_of(paths)} LIMIT 0").description  # noqa: S608 - quoted
    return {name: str(kind) for name, kind, *_ in found}


def selection(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    columns: Sequence[ColumnSpec],
    within: Within | None = None,
) -> str:
    """The query for the rows of files as the columns say; a column that no file has is missing in every row.

    Raises:
        UsageError: a column has a type that does not become the wanted one without loss.
        PermanentError: a file can't be read.
    """
    types = types_of(connection, paths) if paths else {}
    wanted = ", ".join(f"{_converted(column, types.get(column.name))} AS {quoted(column.name)}" for column in columns)
    if not paths:
        return f"SELECT {wanted} LIMIT 0"
    return f"SELECT {wanted} FROM {files_of(paths)}{_condition(within)}"  # noqa: S608 - quoted


def schema_of(columns: Sequence[ColumnSpec]) -> Schema:
    """The Arrow schema of a dataset's columns."""
    return Schema([Field(column.name, _ARROW[column.kind]) for column in columns])


def write_rows(batches: Iterator[RecordBatch], schema: Schema, target: Path) -> int:
    """Write batches into a Parquet file; how many rows. Raises PermanentError if it can't be written.

    Times are kept as differences: they grow, and hardly two are alike, for which a dictionary would be in the way.
    """
    times = [(field.name,) for field in map(schema.field, schema.names) if DataType.is_timestamp(field.type)]
    rows = 0

    def counted() -> Iterator[RecordBatch]:
        nonlocal rows
        for batch in _regular(batches, schema):
            rows += batch.num_rows
            yield batch

    with _said_by_arro3(target):
        write_parquet(
            RecordBatchReader.from_batches(schema, counted()),
            target,
            compression=_LEVEL,
            max_row_group_size=ROWS_AT_ONCE,
            created_by=_WRITER,
            skip_arrow_metadata=True,
            dictionary_page_size_limit=_DICTIONARY,
            column_dictionary_enabled=dict.fromkeys(times, False),
            column_encoding=dict.fromkeys(times, "delta_binary_packed"),
        )
    return rows


def batches_of(connection: duckdb.DuckDBPyConnection, query: str) -> RecordBatchReader:
    """The rows of a query, read while they are used. Raises PermanentError if the first can't be read."""
    with said_by_duckdb():
        return RecordBatchReader.from_stream(connection.sql(query))


def literal(text: str) -> str:
    """Text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def quoted(text: str) -> str:
    """The name of a column as SQL writes it."""
    return '"' + text.replace('"', '""') + '"'


def _regular(batches: Iterator[RecordBatch], schema: Schema) -> Iterator[RecordBatch]:
    """The same rows in batches of one size: where pages of a file end must not depend on how the rows came."""
    held: list[RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch.with_schema(schema))
        count += batch.num_rows
        while count >= ROWS_AT_ONCE:
            whole, held = _split(held, schema)
            count -= ROWS_AT_ONCE
            yield whole
    if count:
        yield _joined(held, schema)


def _split(held: list[RecordBatch], schema: Schema) -> tuple[RecordBatch, list[RecordBatch]]:
    joined = _joined(held, schema)
    rest = joined.slice(ROWS_AT_ONCE)
    return joined.slice(0, ROWS_AT_ONCE), [rest] if rest.num_rows else []


def _joined(held: list[RecordBatch], schema: Schema) -> RecordBatch:
    if len(held) == 1:
        return held[0]
    (joined,) = Table.from_batches(held, schema=schema).combine_chunks().to_batches()
    return joined


def _converted(column: ColumnSpec, kind: str | None) -> str:
    """SQL for a column's values, of the wanted type; what would be lost is an error."""
    own, target = quoted(column.name), _SQL[column.kind]
    if kind is None or kind in _NOTHING:
        return f"CAST(NULL AS {target})"
    if column.kind is ColumnKind.INTEGER and kind in _BROKEN:
        # A library that knows no missing whole number keeps them as floats.
        complaint = literal(f"column {column.name} holds something else than whole numbers")
        fits = f"{own} = floor({own}) AND abs({own}) <= {_EXACT}"
        return (
            f"CASE WHEN {own} IS NULL OR isnan({own}) THEN NULL WHEN {fits} THEN CAST({own} AS BIGINT) "
            f"ELSE error({complaint}) END"
        )
    if not _fits(column.kind, kind):
        raise UsageError(
            f"values of type {kind} are no {column.kind}s",
            where=f"column {column.name}",
            remedy="leave these rows out; or give the column its old type, or another name: older versions stay as they are",
        )
    return f"CAST({own} AS {target})"


def _fits(wanted: ColumnKind, kind: str) -> bool:
    match wanted:
        case ColumnKind.INTEGER:
            return kind in _WHOLE
        case ColumnKind.NUMBER:
            return kind in _WHOLE | _BROKEN or kind.startswith("DECIMAL")
        case ColumnKind.TEXT:
            return kind == "VARCHAR" or kind.startswith("ENUM")
        case ColumnKind.TIME:
            return kind.startswith("TIMESTAMP") or kind == "DATE"
        case ColumnKind.BOOLEAN:
            return kind == "BOOLEAN"


def _condition(within: Within | None) -> str:
    if within is None or within.is_everything:
        return ""
    time = f"CAST({quoted(within.time)} AS TIMESTAMPTZ)"
    bounds = [(">=", within.since), ("<", within.until)]
    return " WHERE " + " AND ".join(f"{time} {sign} TIMESTAMPTZ {literal(_utc(at))}" for sign, at in bounds if at)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@contextmanager
def said_by_duckdb(paths: Sequence[Path] = ()) -> Iterator[None]:
    """Errors of DuckDB in our words; `paths` are the files that it reads."""
    try:
        yield
    except duckdb.Error as error:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        raise PermanentError(
            f"rows could not be read: {_first(str(error))}", where=f"{paths[0]}{more}" if paths else ""
        ) from error


@contextmanager
def _said_by_arro3(target: Path) -> Iterator[None]:
    """Errors while a file is written: those of the query that it is written from come through arro3 as well."""
    try:
        yield
    except Exception as error:
        raise PermanentError(
            f"rows could not be written: {_first(str(error))}", where=str(target), remedy="nothing was kept of them"
        ) from error
    except BaseException as error:
        # Where the disk is full arro3 panics, which is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise PermanentError(
            f"rows could not be written: {_first(str(error))}", where=str(target), remedy="is the disk full?"
        ) from error


def _first(said: str) -> str:
    """The first line of what a library said, without who said it to whom."""
    line = said.strip().partition("\n")[0]
    return re.sub(r"^((C Data interface|External) error: |Exception: )+", "", line) or "no reason was given"
