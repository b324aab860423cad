"""Keeps rows from training, to judge the model on, and makes sure that nothing of them leaks into it.

The split decides what a gate is worth: a row that is on both sides, or a user whose other rows were trained on, makes
any model look good. So the files themselves are looked at once they are written, and a leak ends the run.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from seatrial.records import ColumnSpec, DataCheckSpec, GateSpec, HoldoutSpec, SplitResult, TrainSpec
from seatrial.registry.listing import digest_of_path
from seatrial.retrain.leaks import Files, find_leaks
from seatrial.retrain.rows import ROW, opened, view_dataset, write
from seatrial.retrain.sides import Side, Sided, Wanted, place
from seatrial.telemetry.log import name
from seatrial.wording.text import count

FEWEST_TO_TRAIN: Final = 1
FEWEST_HELD_OUT: Final = 2


def split(
    dataset_file: Path,
    spec: HoldoutSpec,
    train: TrainSpec,
    gate: GateSpec,
    columns: Sequence[ColumnSpec],
    checks: DataCheckSpec,
    *,
    folder: Path,
    sealed_from: datetime | None,
) -> SplitResult:
    """Split the rows of a dataset version into files; the same rows give the same files.

    Args:
        dataset_file: Parquet of all rows.
        spec: which ones are held out.
        train: the files' format, and the label, which the held-out file is without.
        gate: the columns that the gate needs beside the label.
        columns: of the dataset.
        checks: the time column, and the key.
        folder: for the files.
        sealed_from: nothing from before this moment is held out: the model in the stage may have seen it.

    Returns:
        The files with what was made sure of; or, without files, why there are too few rows (`too_few`).

    Raises:
        UsageError: it takes a time column, and there is none.
        PermanentError: a row leaked, or the files can't be read or written.
    """
    wanted = Wanted(
        spec=spec,
        columns={column.name: column for column in columns},
        label=train.label,
        time=checks.time,
        key=checks.key,
        sealed_from=sealed_from,
    )
    wanted.check()
    folder.mkdir(parents=True, exist_ok=True)
    with opened(folder) as connection:
        view_dataset(connection, dataset_file, columns)
        sided = place(connection, wanted)
        too_few = _too_few(sided, wanted)
        if too_few:
            return _without_files(sided, wanted, too_few)
        files = _write(connection, wanted, gate, folder, train.format)
        assured = find_leaks(connection, files, wanted, sided)
    return SplitResult(
        train_file=str(files.train),
        test_file=str(files.test),
        truth_file=str(files.truth),
        train_rows=sided.count(Side.TRAIN),
        test_rows=sided.count(Side.TEST),
        train_digest=digest_of_path(files.train),
        test_digest=digest_of_path(files.test),
        boundary=sided.boundary,
        sealed_from=sealed_from,
        checks=(*assured, *_left_out(sided, wanted)),
    )


def _too_few(sided: Sided, wanted: Wanted) -> str:
    train, test = sided.count(Side.TRAIN), sided.count(Side.TEST)
    if train >= FEWEST_TO_TRAIN and test >= FEWEST_HELD_OUT:
        return ""
    told = (
        f"of {count(sum(sided.counts.values()), 'row')} {train} are left to train on and {test} to judge the model on"
    )
    reasons = _left_out(sided, wanted)
    if wanted.sealed_from is not None:
        reasons = (f"{_sealing(wanted)}: wait for newer rows", *reasons)
    return "; ".join((told, *reasons))


def _without_files(sided: Sided, wanted: Wanted, too_few: str) -> SplitResult:
    return SplitResult(
        train_file="",
        test_file="",
        truth_file="",
        train_rows=sided.count(Side.TRAIN),
        test_rows=sided.count(Side.TEST),
        train_digest="",
        test_digest="",
        boundary=sided.boundary,
        sealed_from=wanted.sealed_from,
        too_few=too_few,
    )


def _write(connection: duckdb.DuckDBPyConnection, wanted: Wanted, gate: GateSpec, folder: Path, form: str) -> Files:
    features = tuple(column for column in wanted.columns if column != wanted.label)
    judged = dict.fromkeys([wanted.label, *(cut.column for cut in gate.slices), *filter(None, [gate.cluster])])
    files = Files(
        train=folder / f"train.{form}",
        test=folder / f"heldout.{form}",
        truth=folder / "truth.parquet",
        features=tuple(wanted.columns[column] for column in features),
    )
    write(connection, _rows_of(Side.TRAIN, tuple(wanted.columns)), files.train)
    write(connection, _rows_of(Side.TEST, features), files.test)
    write(connection, _rows_of(Side.TEST, tuple(judged)), files.truth)
    return files


def _rows_of(side: Side, columns: Sequence[str]) -> str:
    names = ", ".join(name(column) for column in columns)
    return f"SELECT {names} FROM dataset JOIN sides ON row = {ROW} WHERE side = '{side}' ORDER BY {ROW}"  # noqa: S608 - quoted


def _left_out(sided: Sided, wanted: Wanted) -> tuple[str, ...]:
    """What is on neither side, and why."""
    why: Mapping[Side, Callable[[], str]] = {
        Side.INCOMPLETE: lambda: f"without {_needed(wanted)}",
        Side.OLD: lambda: f"older than {wanted.spec.history:g} seconds",
        Side.SEEN: lambda: f"that would be held out, but {_sealing(wanted)}",
        Side.DOUBLE: lambda: f"of which a copy (by {', '.join(wanted.identity)}) is held out",
    }
    return tuple(
        f"{count(sided.count(side), 'row')} {text()}: on neither side"
        for side, text in why.items()
        if sided.count(side)
    )


def _needed(wanted: Wanted) -> str:
    more = wanted.spec.column or wanted.time
    return f"{wanted.label} or {more}" if more and more != wanted.label else wanted.label


def _sealing(wanted: Wanted) -> str:
    return f"the model in the stage may have seen what is from before {wanted.sealed_from:%Y-%m-%d %H:%M:%S} UTC"
