"""The collected rows while they are checked: in their file, with a note on each that is bad.

A batch may hold more rows than memory. DuckDB reads them where they lie; what is kept of them is the number of each bad row
and why it is one.
"""

# ruff: noqa: S608 - names are quoted by `name`, files by `text`, the rest is our own

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
from arro3.core import Array, DataType, Table
from numpy.typing import NDArray

from seatrial.records import ColumnKind, ColumnSpec
from seatrial.retrain.check.shown import all_shown
from seatrial.retrain.check.types import typed, types_of
from seatrial.retrain.rows import ROW, TYPES, one, write
from seatrial.telemetry.log import name, text

CHUNK: Final = 131_072
"""Rows that are looked at together."""
WHY: Final = "_why"
_EXAMPLES: Final = 5
_WRONG_KIND: Final = {
    ColumnKind.INTEGER: "is no whole number",
    ColumnKind.NUMBER: "is no number",
    ColumnKind.TEXT: "is no text",
    ColumnKind.TIME: "is no time",
    ColumnKind.BOOLEAN: "is neither true nor false",
}
_ORDERED: Final = f"ORDER BY {ROW}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What rows are refused for.

    Attributes:
        check: as of DataFinding.
        words: what the value does (`is above 5`); without a column, what is wrong with the row.
        column: that it is about; empty: the row as a whole.
        limit: that it is beyond, where that is a figure.
    """

    check: str
    words: str
    column: str = ""
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A problem, how many rows have it, and the first values that were refused for it."""

    problem: Problem
    rows: int
    examples: tuple[str, ...]


class Rows(NamedTuple):
    """Rows as arrays.

    Attributes:
        numbers: (n,) of the rows in the file, from 0.
        values: (n,) of each column, masked where there is none; times are microseconds since 1970.
    """

    numbers: NDArray[np.int64]
    values: Mapping[str, Any]


class Batch:
    """The rows of one collection.

    Attributes:
        connection: has the views `collected` (as they came), `typed` (each column of its kind, NULL where the value is none
            of that kind) and `clean` (those of `typed` that are not bad so far), each with the number `ROW`.
        columns: of the dataset.
        rows: how many were collected.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: Path, columns: Sequence[ColumnSpec]) -> None:
        self.connection = connection
        self.columns = tuple(columns)
        self._problems: list[Problem] = []
        read = f"read_parquet({text(str(file))}, file_row_number = true)"
        connection.execute(
            f"CREATE VIEW collected AS SELECT * EXCLUDE (file_row_number), file_row_number AS {ROW} FROM {read}"
        )
        self._types = types_of(connection, "SELECT * FROM collected")
        others = [name(one) for one in self._types if name(one) != ROW and one not in {c.name for c in columns}]
        selected = ", ".join([ROW, *typed(columns, self._types), *others])
        connection.execute(f"CREATE VIEW typed AS SELECT {selected} FROM collected")
        connection.execute('CREATE TABLE bad ("row" BIGINT, problem INTEGER, "value" VARCHAR)')
        connection.execute(f'CREATE VIEW clean AS SELECT * FROM typed ANTI JOIN bad ON typed.{ROW} = bad."row"')
        self.rows: int = one(connection, "SELECT count(*) FROM collected")

    def refuse(self, problem: Problem, query: str, values: Sequence[object] = ()) -> int:
        """Note a problem of the rows that a query gives, as `row` and `value` (as it is shown, or NULL); how many they are."""
        number = self._number(problem)
        insert = f'INSERT INTO bad SELECT "row", {number}, "value" FROM ({query}) AS found'
        return int(one(self.connection, insert, values))

    def refuse_rows(self, problem: Problem, rows: NDArray[np.int64], shown: Sequence[str | None]) -> None:
        """Note a problem of rows, with each one's value as it is shown."""
        found: dict[str, Any] = {"row": Array.from_numpy(rows), "value": Array(shown, DataType.utf8())}
        self.connection.register("found", Table.from_pydict(found))
        self.refuse(problem, 'SELECT "row", "value" FROM found')
        self.connection.unregister("found")

    def refuse_wrong_kinds(self) -> None:
        """Note the values that are none of their column's kind; where the parser gave the right types, there are none."""
        for column in self.columns:
            have = self._types.get(column.name, TYPES[column.kind])
            if have != TYPES[column.kind]:
                value = f"collected.{name(column.name)}"
                missing = f"{value} IS NULL" + (f" OR isnan({value})" if have in {"FLOAT", "DOUBLE"} else "")
                found = self.connection.execute(
                    f"""SELECT {ROW} AS "row", {value} AS "value" FROM collected JOIN typed USING ({ROW})
                    WHERE typed.{name(column.name)} IS NULL AND NOT ({missing}) {_ORDERED}"""
                ).fetchnumpy()
                problem = Problem(check="schema", column=column.name, words=_WRONG_KIND[column.kind])
                self.refuse_rows(problem, found["row"], all_shown(found["value"].tolist()))

    def chunks(self) -> Iterator[Rows]:
        """The clean rows, some at a time, in their order."""
        for start in range(0, self.rows, CHUNK):
            yield self._read(f"WHERE {ROW} >= {start} AND {ROW} < {start + CHUNK}")

    def together(self) -> Rows:
        """All clean rows at once, in their order."""
        return self._read("")

    def _read(self, where: str) -> Rows:
        columns = ", ".join(
            f"epoch_us({name(column.name)}) AS {name(column.name)}"
            if column.kind is ColumnKind.TIME
            else name(column.name)
            for column in self.columns
        )
        found = self.connection.execute(f"SELECT {columns}, {ROW} FROM clean {where} {_ORDERED}").fetchnumpy()
        return Rows(found.pop(ROW.strip('"')), found)

    def bad(self) -> int:
        """How many rows are bad so far."""
        return int(one(self.connection, 'SELECT count(DISTINCT "row") FROM bad'))

    def refused(self) -> list[Refused]:
        """The problems so far, as they were found."""
        counts = dict(self.connection.execute("SELECT problem, count(*) FROM bad GROUP BY problem").fetchall())
        return [
            Refused(problem=problem, rows=counts[number], examples=self._examples(number))
            for number, problem in enumerate(self._problems)
            if counts.get(number)
        ]

    def rows_of(self, problem: Problem) -> str:
        """SQL of the numbers (`row`) of the rows that a problem was noted of."""
        return f'SELECT "row" FROM bad WHERE problem = {self._number(problem)}'

    def write_good(self, file: Path) -> None:
        """Write the rows that are not bad, in their order."""
        write(self.connection, f"SELECT * EXCLUDE ({ROW}) FROM clean {_ORDERED}", file)

    def write_bad(self, file: Path) -> None:
        """Write the bad rows as they came, in their order, with why each is one."""
        self._write_with_reasons(file, "JOIN", "reason")

    def write_all_as_bad(self, file: Path, reason: str) -> None:
        """Write all rows as they came, with why each is bad; those that are not by themselves for the batch's reason."""
        self._write_with_reasons(file, "LEFT JOIN", f"coalesce(reason, {text(reason)})")

    def _write_with_reasons(self, file: Path, join: str, reason: str) -> None:
        self.connection.execute(
            'CREATE OR REPLACE TABLE problems (problem INTEGER, "column" VARCHAR, words VARCHAR, rank INTEGER)'
        )
        places = {column.name: place for place, column in enumerate(self.columns)}
        for number, problem in enumerate(self._problems):
            rank = places.get(problem.column, len(places)) * len(self._problems) + number
            self.connection.execute(
                "INSERT INTO problems VALUES (?, ?, ?, ?)", [number, problem.column, problem.words, rank]
            )
        write(
            self.connection,
            f"""WITH reasons AS (
                SELECT "row", string_agg(
                    CASE "column" WHEN '' THEN '' ELSE "column" || ': ' END || coalesce("value" || ' ', '') || words,
                    '; ' ORDER BY rank) AS reason
                FROM bad JOIN problems USING (problem) GROUP BY "row")
            SELECT collected.* EXCLUDE ({ROW}), {reason} AS {WHY}
            FROM collected {join} reasons ON collected.{ROW} = reasons."row" {_ORDERED}""",
            file,
        )

    def _number(self, problem: Problem) -> int:
        if problem not in self._problems:
            self._problems.append(problem)
        return self._problems.index(problem)

    def _examples(self, number: int) -> tuple[str, ...]:
        found = self.connection.execute(
            f"""SELECT "value" FROM bad WHERE problem = {number} AND "value" IS NOT NULL
            GROUP BY "value" ORDER BY min("row") LIMIT {_EXAMPLES}"""
        )
        return tuple(value for (value,) in found.fetchall())
