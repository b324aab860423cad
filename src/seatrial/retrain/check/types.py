"""Columns of Parquet files as the kinds that the configuration says, whatever type a file has them in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import duckdb

from seatrial.records import ColumnKind, ColumnSpec
from seatrial.retrain.rows import TYPES
from seatrial.telemetry.log import name

_WHOLE: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "BOOLEAN"}
)
_TIME: Final = TYPES[ColumnKind.TIME]


def types_of(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """DuckDB's types of a query's columns, by name."""
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    return {row[0]: _TIME if row[1] == "TIMESTAMP WITH TIME ZONE" else row[1] for row in described}


def typed(columns: Sequence[ColumnSpec], types: Mapping[str, str]) -> Iterator[str]:
    """SQL of each column as its kind: NULL where there is no value, or none of that kind; NaN is no value.

    Args:
        columns: that are wanted.
        types: DuckDB's, of those that are there.
    """
    for column in columns:
        yield f"{_cast(column, types.get(column.name))} AS {name(column.name)}"


def _cast(column: ColumnSpec, have: str | None) -> str:
    value, wanted = name(column.name), TYPES[column.kind]
    if have is None:
        return f"NULL::{wanted}"
    if column.kind is ColumnKind.NUMBER:
        return f"nullif(TRY_CAST({value} AS DOUBLE), 'nan'::DOUBLE)"
    if have == wanted:
        return value
    if column.kind is ColumnKind.INTEGER and have not in _WHOLE:
        number = f"TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({value} AS BIGINT) END"
    return f"TRY_CAST({value} AS {wanted})"


def iso(column: str) -> str:
    """SQL of a time column as people read it: `2026-11-02T20:00:00Z`."""
    return f"strftime({name(column)}, '%Y-%m-%dT%H:%M:%SZ')"
