"""Collected rows as the tests of the data checks make them: ratings, one every ten seconds."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from arro3.core import Array, DataType, Table
from arro3.io import read_parquet, write_parquet

from seatrial.records import Checked, Collected, ColumnKind, ColumnSpec, DataCheckSpec, DataFinding, Span
from seatrial.retrain.check import Before, Earlier, check
from seatrial.retrain.rows import micros
from seatrial.testing import FakeClock

BEGAN = datetime(2026, 11, 2, 20, 0, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=15)
FIRST = BEGAN - timedelta(hours=12)
USER = ColumnSpec(name="user", kind=ColumnKind.TEXT)
MOVIE = ColumnSpec(name="movie", kind=ColumnKind.TEXT)
RATING = ColumnSpec(name="rating", kind=ColumnKind.INTEGER, low=1.0, high=5.0)
TIME = ColumnSpec(name="time", kind=ColumnKind.TIME)
RATINGS = (USER, MOVIE, RATING, TIME)
SPEC = DataCheckSpec(time="time", key=("user", "movie", "time"))
TYPES = {
    ColumnKind.INTEGER: DataType.int64(),
    ColumnKind.NUMBER: DataType.float64(),
    ColumnKind.TEXT: DataType.utf8(),
    ColumnKind.TIME: DataType.timestamp("us", tz="UTC"),
    ColumnKind.BOOLEAN: DataType.bool(),
}


def ratings(rows: int, *, first: datetime = FIRST, seed: int = 1, **replaced: Any) -> dict[str, list[Any]]:
    """So many good rows, ten seconds apart; `replaced` gives columns, or values by row."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Any]] = {
        "user": [f"u{one}" for one in rng.integers(0, 50, rows)],
        "movie": [f"tt{one}" for one in rng.integers(0, 200, rows)],
        "rating": rng.integers(1, 6, rows).tolist(),
        "time": [first + timedelta(seconds=10 * row) for row in range(rows)],
    }
    for column, values in replaced.items():
        if isinstance(values, Mapping):
            for row, value in values.items():
                found[column][row] = value
        else:
            found[column] = list(values)
    return found


def write_rows(file: Path, values: Mapping[str, Sequence[Any]], columns: Sequence[ColumnSpec] = RATINGS) -> Path:
    """A Parquet file of these rows, each column of its kind."""
    write_parquet(
        Table.from_pydict({column.name: _array(column.kind, values[column.name]) for column in columns}), file
    )
    return file


def _array(kind: ColumnKind, values: Sequence[Any]) -> Any:
    if kind is not ColumnKind.TIME:
        return Array(values, TYPES[kind])
    return Array([None if one is None else micros(one) for one in values], DataType.int64()).cast(TYPES[kind])


def collected(
    folder: Path, values: Mapping[str, Sequence[Any]], columns: Sequence[ColumnSpec] = RATINGS, **given: Any
) -> Collected:
    """A collection of these rows, as the step before leaves it."""
    rows = len(next(iter(values.values())))
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {column.name: _array(column.kind, values[column.name]) for column in columns}
    table |= {
        "_partition": Array(["ratings.log"] * rows, DataType.utf8()),
        "_offset": Array([30 * row for row in range(rows)], DataType.int64()),
    }
    write_parquet(Table.from_pydict(table), folder / "rows.parquet")
    return described(str(folder / "rows.parquet"), rows, **given)


def described(file: str, rows: int, **given: Any) -> Collected:
    """What is said of a collection of so many rows."""
    facts: dict[str, Any] = {
        "file": file,
        "counts": {"lines": rows, "parsed": rows, "dead": 0},
        "spans": {"ratings.log": Span(start=0, end=30 * rows)},
        "started": BEGAN,
        "ended": ENDED,
        "ended_by": "window",
    }
    return Collected(**(facts | given))


def checked(
    folder: Path,
    values: Mapping[str, Sequence[Any]],
    spec: DataCheckSpec = SPEC,
    columns: Sequence[ColumnSpec] = RATINGS,
    before: Before | None = None,
) -> Checked:
    """What the checks find of these rows."""
    given = collected(folder, values, columns)
    return check(
        given,
        spec,
        columns,
        before=before or Earlier(),
        folder=folder,
        clock=FakeClock(ENDED),
        project=folder,
    )


def rows_of(file: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file; none for no file."""
    if not file:
        return []
    table = read_parquet(Path(file)).read_all()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def reasons_of(found: Checked) -> dict[int, str]:
    """Why rows are bad, by their place in the batch."""
    return {row["_offset"] // 30: row["_why"] for row in rows_of(found.bad_file)}


def findings(found: Checked, name: str, column: str = "") -> list[DataFinding]:
    """The findings of one check, of a column if one is named."""
    return [one for one in found.findings if one.check == name and column in {"", one.column}]


def finding(found: Checked, name: str, column: str = "") -> DataFinding:
    """The only one of these."""
    (only,) = findings(found, name, column)
    return only
