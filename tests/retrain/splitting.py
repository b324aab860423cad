"""Datasets to split: rows as a version's file has them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from seatrial.records import (
    ColumnKind,
    ColumnSpec,
    CommandSpec,
    DataCheckSpec,
    Direction,
    Family,
    GateSpec,
    HoldoutSpec,
    MetricSpec,
    Slice,
    SplitResult,
    TrainSpec,
)
from seatrial.retrain.rows import TYPES
from seatrial.retrain.split import split

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = (
    ColumnSpec(name="time", kind=ColumnKind.TIME),
    ColumnSpec(name="user", kind=ColumnKind.INTEGER),
    ColumnSpec(name="movie", kind=ColumnKind.TEXT),
    ColumnSpec(name="rating", kind=ColumnKind.NUMBER),
)
KEYED = DataCheckSpec(time="time", key=("user", "movie"))
RMSE = MetricSpec(
    name="rmse",
    family=Family.MODEL,
    direction=Direction.LOWER,
    function="root_mean_squared_error",
    limit=1.0,
    gate=True,
    sliced=True,
)
GATE = GateSpec(metrics=(RMSE,), slices=(Slice(column="movie"),), cluster="user")
TRAIN = TrainSpec(train=CommandSpec(run="train"), predict=CommandSpec(run="predict"), label="rating")

Row = tuple[Any, ...]


def at(minutes: float) -> datetime:
    """So long after the begin."""
    return BEGIN + timedelta(minutes=minutes)


def rating(minutes: float | None, user: int | None, movie: str | None, stars: float | None) -> Row:
    """One row."""
    return (None if minutes is None else at(minutes), user, movie, stars)


def dataset(folder: Path, rows: Iterable[Row], columns: tuple[ColumnSpec, ...] = COLUMNS) -> Path:
    """A version's file."""
    file = folder / "dataset.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        types = ", ".join(f'"{column.name}" {TYPES[column.kind]}' for column in columns)
        connection.execute(f"CREATE TABLE rows ({types})")
        given = [list(row) for row in rows]
        one = f"({', '.join('?' * len(columns))})"
        for first in range(0, len(given), 500):
            piece = given[first : first + 500]
            connection.execute(
                f"INSERT INTO rows VALUES {', '.join([one] * len(piece))}", [v for row in piece for v in row]
            )
        connection.execute(f"COPY rows TO '{file}' (FORMAT parquet)")
    return file


def parted(
    folder: Path,
    rows: Iterable[Row],
    spec: HoldoutSpec,
    *,
    train: TrainSpec = TRAIN,
    checks: DataCheckSpec = KEYED,
    sealed_from: datetime | None = None,
    columns: tuple[ColumnSpec, ...] = COLUMNS,
) -> SplitResult:
    """These rows, split."""
    file = dataset(folder, rows, columns)
    return split(file, spec, train, GATE, columns, checks, folder=folder / "run", sealed_from=sealed_from)


def read(file: str) -> list[Mapping[str, Any]]:
    """The rows of a file, in their order; moments as microseconds since 1970."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
        names = [f'epoch_us("{n}") AS "{n}"' if kind.startswith("TIMESTAMP") else f'"{n}"' for n, kind, *_ in found]
        rows = connection.execute(f"SELECT {', '.join(names)} FROM '{file}'")
        return [dict(zip((n for n, *_ in found), row, strict=True)) for row in rows.fetchall()]
