"""Anyone's own questions, in SQL, to views that can read the log and nothing else.

A query may come from a dashboard or a colleague. It must not read other files, reach the network or write, so that it is
put on a connection that is shut off once the views are there, and has to be one SELECT.
"""

# ruff: noqa: S608 - running what the user wrote is the point; the connection is locked

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from seatrial.records import UsageError
from seatrial.telemetry.log import PredictionLog, name

VIEWS = ("predictions", "labels", "labelled", "requests")
_SHORT = """strftime(time, '%Y-%m-%d %H:%M:%S.%g') AS "time", request_id, row, version, status,
            round(total_seconds * 1000, 3) AS ms,
            coalesce(answer, format('{:.6g}', prediction)) AS answer"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: their names.
        rows: their values, one each column.
        more: whether there are more rows than were asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False

    def records(self) -> list[dict[str, Any]]:
        """Rows by name of the column; of columns of one name the last."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(log: PredictionLog, query: str, *, most: int | None = None) -> Answer:
    """Put one SELECT to the views `predictions`, `labels`, `labelled` and `requests`.

    Args:
        log: the segments that they read.
        query: SQL of DuckDB.
        most: rows to return at most.

    Raises:
        UsageError: it is no query, or DuckDB refuses it.
    """

    def question(_: duckdb.DuckDBPyConnection) -> Answer:
        with log.locked() as connection:
            return _put(connection, query, most)

    try:
        return log.run(question)
    except duckdb.Error as error:
        raise UsageError(str(error).strip(), where="SQL", remedy=f"the views are {', '.join(VIEWS)}") from error


def last_rows(log: PredictionLog, count: int, *, every: bool) -> Answer:
    """The latest answered rows, the newest last.

    Args:
        log: the predictions.
        count: how many.
        every: all columns, instead of those that fit a terminal.
    """
    columns = "*" if every else _SHORT
    newest = "SELECT * FROM predictions ORDER BY time DESC, request_id, row LIMIT ?"
    query = f"SELECT {columns} FROM ({newest}) AS newest ORDER BY newest.time, request_id, row"

    def question(connection: duckdb.DuckDBPyConnection) -> Answer:
        return _answer(connection.execute(query, [count]), None)

    return log.run(question)


def _put(connection: duckdb.DuckDBPyConnection, query: str, most: int | None) -> Answer:
    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(
            "only one SELECT can be asked",
            where="SQL",
            remedy=f"a PIVOT has to name its values (ON version IN ('v1', 'v2')); the views are {', '.join(VIEWS)}",
        )
    return _answer(connection.execute(_plain(connection, statements[0].query.strip().rstrip(";"))), most)


def _plain(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """A query for the same rows, with values that need no further package and that JSON has: decimals as numbers, zoned times as text."""
    inner = f"SELECT * FROM (\n{query}\n)"
    try:
        described = connection.execute(f"DESCRIBE {inner}").fetchall()
    except duckdb.Error:
        connection.execute(query)  # whose message shows the query as it was written
        raise
    columns = [
        f"#{place}::{wanted} AS {name(row[0])}" if (wanted := _wanted(row[1])) else f"#{place}"
        for place, row in enumerate(described, start=1)
    ]
    return f"SELECT {', '.join(columns)} FROM (\n{query}\n)"


def _wanted(kind: str) -> str:
    if kind.startswith("DECIMAL") and not kind.endswith("]"):
        return "DOUBLE"
    return "VARCHAR" if "TIME ZONE" in kind else ""


def _answer(found: duckdb.DuckDBPyConnection, most: int | None) -> Answer:
    columns = tuple(column[0] for column in found.description)
    rows: Sequence[tuple[Any, ...]] = found.fetchall() if most is None else found.fetchmany(most + 1)
    more = most is not None and len(rows) > most
    return Answer(columns=columns, rows=tuple(rows[:most]), more=more)
