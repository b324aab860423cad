"""Looks at the files that a split wrote, whether anything of what is held out is in what is trained on.

Not at what the split meant to do: at the very files that the trainer and the judge get.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from seatrial.records import ColumnSpec, PermanentError
from seatrial.retrain.rows import micros, one, source
from seatrial.retrain.sides import Side, Sided, Wanted
from seatrial.telemetry.log import name, text
from seatrial.wording.text import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the split wrote; `features` are the columns of `test`, which is without the label."""

    train: Path
    test: Path
    truth: Path
    features: tuple[ColumnSpec, ...]


def find_leaks(connection: duckdb.DuckDBPyConnection, files: Files, wanted: Wanted, sided: Sided) -> tuple[str, ...]:
    """What was made sure of, a sentence each. Raises PermanentError for a leak, and for rows that were lost."""
    _view(connection, files, wanted)
    _check_counts(connection, files, sided)
    found = [_no_row_on_both(connection, files, wanted)]
    if wanted.spec.by == "entity":
        found.append(_no_entity_on_both(connection, files, wanted.spec.column))
    if sided.boundary is not None:
        found.append(_in_time(connection, files, wanted.time, sided))
    if wanted.sealed_from is not None:
        found.append(_sealed(connection, files, wanted))
    return tuple(found)


def _view(connection: duckdb.DuckDBPyConnection, files: Files, wanted: Wanted) -> None:
    """`trained` and `heldout`, both with all columns of the dataset."""
    everything = tuple(wanted.columns.values())
    names = ", ".join(name(column.name) for column in everything)
    held = ", ".join(f"test.{name(column.name)}" for column in files.features)
    truth = f"read_parquet({text(str(files.truth))}) AS truth"
    connection.execute(f"CREATE VIEW trained AS SELECT {names} FROM {source(files.train, everything)}")  # noqa: S608 - quoted
    connection.execute(
        f"CREATE VIEW heldout AS SELECT {held}, truth.{name(wanted.label)} "  # noqa: S608 - names and paths, quoted
        f"FROM {source(files.test, files.features)} AS test POSITIONAL JOIN {truth}"
    )


def _check_counts(connection: duckdb.DuckDBPyConnection, files: Files, sided: Sided) -> None:
    found = {
        Side.TRAIN: _rows(connection, "trained"),
        Side.TEST: _rows(connection, f"read_parquet({text(str(files.truth))})"),
    }
    for side, rows in found.items():
        if rows != sided.count(side):
            raise PermanentError(
                f"{rows} rows were written where {sided.count(side)} belong: the files are not to be trusted",
                where=str(files.train if side is Side.TRAIN else files.truth),
                remedy="look at the disk, and run it again",
            )


def _no_row_on_both(connection: duckdb.DuckDBPyConnection, files: Files, wanted: Wanted) -> str:
    columns = ", ".join(map(name, wanted.identity))
    shared = f"SELECT {columns} FROM trained INTERSECT SELECT {columns} FROM heldout"  # noqa: S608 - names, quoted
    both = _rows(connection, f"({shared})")
    by = f", by {', '.join(wanted.key)}" if wanted.key else ""
    if both:
        raise _leak(f"{count(both, 'row')} to train on {'is' if both == 1 else 'are'} held out as well{by}", files)
    return f"no row is on both sides{by}"


def _no_entity_on_both(connection: duckdb.DuckDBPyConnection, files: Files, column: str) -> str:
    both = int(
        one(connection, f"SELECT count(DISTINCT {name(column)}) FROM trained SEMI JOIN heldout USING ({name(column)})")  # noqa: S608
    )
    if both:
        raise _leak(f"{both} of the held-out values of {column} are in what is trained on", files)
    held = int(one(connection, f"SELECT count(DISTINCT {name(column)}) FROM heldout"))  # noqa: S608 - a name, quoted
    return f"no {column} is on both sides ({held} held out)"


def _in_time(connection: duckdb.DuckDBPyConnection, files: Files, time: str, sided: Sided) -> str:
    if sided.boundary is None:
        return ""
    at = micros(sided.boundary)
    late = int(one(connection, f"SELECT count(*) FROM trained WHERE epoch_us({name(time)}) >= {at}"))  # noqa: S608 - quoted
    early = int(one(connection, f"SELECT count(*) FROM heldout WHERE epoch_us({name(time)}) < {at}"))  # noqa: S608 - quoted
    if late or early:
        raise _leak(f"{late} rows to train on are from after the boundary, {early} held-out rows from before it", files)
    return (
        f"all rows to train on are from before {sided.boundary:%Y-%m-%d %H:%M:%S} UTC, all held-out ones from then on"
    )


def _sealed(connection: duckdb.DuckDBPyConnection, files: Files, wanted: Wanted) -> str:
    sealed = wanted.sealed_from
    if sealed is None:
        return ""
    query = f"SELECT count(*) FROM heldout WHERE epoch_us({name(wanted.time)}) < {micros(sealed)}"  # noqa: S608 - quoted
    if seen := int(one(connection, query)):
        raise _leak(f"the model in the stage may have seen {seen} of the held-out rows", files)
    return f"no held-out row is from before {sealed:%Y-%m-%d %H:%M:%S} UTC, up to when the model in the stage may have seen them"


def _rows(connection: duckdb.DuckDBPyConnection, where: str) -> int:
    return int(one(connection, f"SELECT count(*) FROM {where}"))  # noqa: S608 - quoted


def _leak(what: str, files: Files) -> PermanentError:
    return PermanentError(
        f"held-out rows leak into training: {what}",
        where=str(files.train),
        remedy="nothing is trained on these; report it with the loop's holdout and data.key",
    )
