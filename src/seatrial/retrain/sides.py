"""On which side of a split each row is: to train on, held out, or on neither.

What is held out by entity or by row is chosen by a hash with a salt that never changes. Every run holds out the same
ones, so a model that an earlier run trained has not seen them either, and new rows of a held-out user stay held out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import duckdb

from seatrial.records import ColumnKind, ColumnSpec, HoldoutSpec, UsageError
from seatrial.retrain.rows import ROW, micros, moment, one
from seatrial.telemetry.log import name

_SALT: Final = "seatrial holdout 1:"
_HASH_STEPS: Final = 1 << 52


class Side(StrEnum):
    """TRAIN and TEST; the others are on neither side, and say why.

    OLD: older than what is used at all. INCOMPLETE: without what it takes to judge it or to place it. SEEN: chosen to be held
    out, but from before the sealed moment. DOUBLE: its key is held out.
    """

    TRAIN = "train"
    TEST = "test"
    OLD = "old"
    INCOMPLETE = "incomplete"
    SEEN = "seen"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the rows are to be split.

    Attributes:
        label: without it a row is on neither side.
        time: the time column; empty: none.
        key: columns that tell a row from any other; empty: all of them together.
        sealed_from: nothing from before it is held out.
    """

    spec: HoldoutSpec
    columns: Mapping[str, ColumnSpec]
    label: str
    time: str
    key: tuple[str, ...]
    sealed_from: datetime | None

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns by which two rows are the same."""
        return self.key or tuple(self.columns)

    def check(self) -> None:
        """Raises UsageError for what can't be split so."""
        if not self.time and self.spec.by == "time":
            raise _no_time("the rows can't be split by time", "set data.time, or hold out by: row or entity")
        if not self.time and self.spec.history is not None:
            raise _no_time("holdout.history says how old rows may be", "set data.time, or remove history")
        if not self.time and self.sealed_from is not None:
            raise _no_time("it can't be told which rows the model in the stage may have seen", "set data.time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sided:
    """How many rows are on each side; `boundary` of a split by time: the first moment that is held out."""

    counts: Mapping[Side, int]
    boundary: datetime | None = None

    def count(self, side: Side) -> int:
        """Rows on it."""
        return self.counts.get(side, 0)


def place(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> Sided:
    """Make the table `sides` (`row`, `side`) of every row of `dataset`."""
    usable = _usable(connection, wanted)
    boundary = _boundary(connection, wanted, usable) if wanted.spec.by == "time" else None
    chosen = _chosen(wanted) if boundary is None else f"epoch_us({name(wanted.time)}) >= {micros(boundary)}"
    if wanted.spec.by == "time" and boundary is None:
        chosen = "false"
    connection.execute(
        f"CREATE TABLE sides AS SELECT {ROW} AS row, CASE "  # noqa: S608 - names, quoted, and figures
        f"WHEN {usable} <> '' THEN {usable} WHEN NOT ({chosen}) THEN '{Side.TRAIN}' "
        f"WHEN {_sealed(wanted)} THEN '{Side.SEEN}' ELSE '{Side.TEST}' END AS side FROM dataset"
    )
    if not _kept_apart(wanted):
        _take_out_doubles(connection, wanted)
    counted = connection.execute("SELECT side, count(*) FROM sides GROUP BY side").fetchall()
    return Sided(counts={Side(side): int(count) for side, count in counted}, boundary=boundary)


def _no_time(what: str, remedy: str) -> UsageError:
    return UsageError(f"{what}, and there is no time column", where="retrain: holdout", remedy=remedy)


def _usable(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> str:
    """An expression: empty for a row that is used, else the side that says why it is not."""
    old = "false"
    if wanted.spec.history is not None:
        newest = one(connection, f"SELECT max(epoch_us({name(wanted.time)})) FROM dataset")  # noqa: S608 - a name, quoted
        if newest is not None:
            old = f"epoch_us({name(wanted.time)}) < {int(newest) - round(wanted.spec.history * 1e6)}"
    needed = {wanted.label, *_placed_by(wanted)}
    incomplete = " OR ".join(_missing(wanted.columns[column]) for column in sorted(needed))
    return f"(CASE WHEN {incomplete} THEN '{Side.INCOMPLETE}' WHEN {old} THEN '{Side.OLD}' ELSE '' END)"


def _placed_by(wanted: Wanted) -> set[str]:
    """The columns that a row needs to be placed."""
    by_moment = wanted.spec.by == "time" or wanted.spec.history is not None or wanted.sealed_from is not None
    return ({wanted.time} if by_moment else set()) | ({wanted.spec.column} if wanted.spec.by == "entity" else set())


def _missing(column: ColumnSpec) -> str:
    if column.kind is ColumnKind.NUMBER:
        return f"({name(column.name)} IS NULL OR NOT isfinite({name(column.name)}))"
    return f"{name(column.name)} IS NULL"


def _boundary(connection: duckdb.DuckDBPyConnection, wanted: Wanted, usable: str) -> datetime | None:
    """The moment that holds out a share nearest to the wanted one; rows of one moment stay together."""
    time = f"epoch_us({name(wanted.time)})"
    rows = f"(SELECT {time} AS moment FROM dataset WHERE {usable} = '')"  # noqa: S608 - names, quoted
    count = int(one(connection, f"SELECT count(*) FROM {rows}"))  # noqa: S608 - as above
    if not count:
        return None
    held_out = max(1, round(count * wanted.spec.share))
    at = int(one(connection, f"SELECT moment FROM {rows} ORDER BY moment LIMIT 1 OFFSET {count - held_out}"))  # noqa: S608
    later = one(connection, f"SELECT min(moment) FROM {rows} WHERE moment > {at}")  # noqa: S608 - as above
    if later is not None:
        from_at, from_later, before = _counts(connection, rows, at, int(later))
        if not before or abs(from_later - held_out) < abs(from_at - held_out):
            at = int(later)
    found = moment(at)
    return found if wanted.sealed_from is None else max(found, wanted.sealed_from)


def _counts(connection: duckdb.DuckDBPyConnection, rows: str, at: int, later: int) -> tuple[int, int, int]:
    """How many rows are from `at` on, from `later` on, and before `at`."""
    found = connection.execute(
        f"SELECT count(*) FILTER (moment >= {at}), count(*) FILTER (moment >= {later}), count(*) FILTER (moment < {at}) FROM {rows}"  # noqa: S608
    ).fetchone()
    first, second, third = found or (0, 0, 0)
    return int(first), int(second), int(third)


def _chosen(wanted: Wanted) -> str:
    """Whether the hash of a row's entity or key chooses it."""
    columns = (wanted.spec.column,) if wanted.spec.by == "entity" else wanted.identity
    parts = " || ".join(_hashed(wanted.columns[column]) for column in columns)
    drawn = f"('0x' || substr(sha256('{_SALT}' || {parts}), 1, 13))::BIGINT"
    return f"{drawn} < {round(wanted.spec.share * _HASH_STEPS)}"


def _hashed(column: ColumnSpec) -> str:
    """A value as text, so that no two lists of values give the same."""
    value = f"epoch_us({name(column.name)})" if column.kind is ColumnKind.TIME else name(column.name)
    written = f"CAST({value} AS VARCHAR)"
    return f"coalesce(length({written}) || ':' || {written}, '-')"


def _sealed(wanted: Wanted) -> str:
    if wanted.sealed_from is None or wanted.spec.by == "time":
        return "false"
    return f"epoch_us({name(wanted.time)}) < {micros(wanted.sealed_from)}"


def _kept_apart(wanted: Wanted) -> bool:
    """Whether two rows of one key can't be on both sides, because what decides of the side is in the key."""
    decides = {"time": wanted.time, "entity": wanted.spec.column}.get(wanted.spec.by)
    return decides is None or decides in wanted.identity


def _take_out_doubles(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Rows to train on whose key is held out are on neither side."""
    key = ", ".join(name(column) for column in wanted.identity)
    same = " AND ".join(f"d.{name(column)} IS NOT DISTINCT FROM h.{name(column)}" for column in wanted.identity)
    connection.execute(
        f"UPDATE sides SET side = '{Side.DOUBLE}' WHERE side = '{Side.TRAIN}' AND row IN ("  # noqa: S608 - names, quoted
        f"SELECT d.{ROW} FROM dataset d SEMI JOIN (SELECT DISTINCT {key} FROM dataset JOIN sides ON row = {ROW} "
        f"WHERE side = '{Side.TEST}') h ON {same})"
    )
