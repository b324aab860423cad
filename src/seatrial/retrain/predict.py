"""Asks a model about the held-out rows, by the project's own command, and makes sure that it answered each of them.

A row without a prediction would drop out of every metric, and the rows that a model can't answer are the hard ones.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from seatrial.records import ColumnKind, PermanentError, SplitResult, TrainSpec
from seatrial.retrain.commands import Job, Place, run_job
from seatrial.retrain.rows import opened
from seatrial.telemetry.log import name, text
from seatrial.wording.text import count, one_line

COLUMN: Final = "prediction"
_NUMBERS: Final = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.BOOLEAN})
_WORDS: Final = {"true": True, "false": False}
_FEW: Final = 8


def predict(spec: TrainSpec, split: SplitResult, model: Path, place: Place, *, whose: str, label: ColumnKind) -> Path:
    """Ask a model.

    Args:
        spec: the command, and the files' format.
        split: the rows.
        model: its file or folder.
        place: where the command is run.
        whose: `candidate` or `baseline`.
        label: what is predicted.

    Returns:
        The file of the predictions, one a row, none of them missing, not one NaN or infinite.

    Raises:
        UsageError: the stack or command can't be understood.
        PermanentError: the command failed, or its file is not what it has to be.
        TemporaryError: the stack can't be had for now, or it was to stop.
    """
    output = place.folder / f"predictions-{whose}.{spec.format}"
    output.unlink(missing_ok=True)
    run_job(
        Job(
            name=f"predict-{whose}",
            what="the predict command",
            command=spec.predict,
            spec=spec,
            told={"SEATRIAL_DATA": split.test_file, "SEATRIAL_MODEL": str(model), "SEATRIAL_OUTPUT": str(output)},
        ),
        place,
    )
    if not output.is_file():
        raise _wrong(output, "the predict command wrote no file", "have it write the file that SEATRIAL_OUTPUT names")
    _check(read_predictions(output, label), split.test_rows, output)
    return output


def read_predictions(file: Path, label: ColumnKind) -> NDArray[np.object_]:
    """The predictions in their order; in CSV, where everything is text, they are read as the label's kind.

    Raises PermanentError if the file can't be read, or has no column `prediction`.
    """
    with opened(file.parent) as connection:
        values = _values(connection, file)
    return _objects(_typed(values) if file.suffix == ".csv" and label in _NUMBERS else values)


def _values(connection: duckdb.DuckDBPyConnection, file: Path) -> list[Any]:
    source = f"read_parquet({text(str(file))})"
    if file.suffix == ".csv":
        source = f"read_csv({text(str(file))}, header = true, all_varchar = true, delim = ',', quote = '\"')"
    try:
        columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - a path, quoted
        kinds = {column: str(kind) for column, kind, *_ in columns}
        if COLUMN not in kinds:
            raise _wrong(
                file,
                f"it has no column {COLUMN}",
                f"its columns are {one_line(', '.join(kinds))}: rename the right one",
            )
        column = f"{name(COLUMN)}::DOUBLE" if kinds[COLUMN].startswith("DECIMAL") else name(COLUMN)
        return [value for (value,) in connection.execute(f"SELECT {column} FROM {source}").fetchall()]  # noqa: S608 - quoted
    except duckdb.Error as error:
        first = one_line(str(error).strip().partition("\n")[0])
        raise _wrong(file, f"it can't be read: {first}", f"have it write {file.suffix[1:]}") from error


def _typed(values: Sequence[str | None]) -> list[Any]:
    """Numbers where all are; else truth values where all are; else the texts as they are."""
    with suppress(ValueError):
        return [None if value is None else float(value) for value in values]
    words = [None if value is None else _WORDS.get(value.strip().lower()) for value in values]
    return words if words.count(None) == list(values).count(None) else list(values)


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _check(values: Iterable[Any], rows: int, file: Path) -> None:
    values = list(values)
    if len(values) != rows:
        raise _wrong(
            file,
            f"it holds {count(len(values), 'prediction')} for {count(rows, 'row')}",
            "write one for each row, in their order",
        )
    missing = [place for place, value in enumerate(values) if value is None]
    if missing:
        raise _wrong(
            file, f"{_places(missing, rows)} missing", "predict something for every row, also for what is new to it"
        )
    endless = [place for place, value in enumerate(values) if not _finite(value)]
    if endless:
        raise _wrong(
            file, f"{_places(endless, rows)} not finite", "find out what made the model answer NaN or infinity"
        )


def _places(places: Sequence[int], rows: int) -> str:
    shown = ", ".join(str(place + 1) for place in places[:_FEW])
    more = ", …" if len(places) > _FEW else ""
    return f"{len(places):,} of {count(rows, 'prediction')} (row {shown}{more}) {'is' if len(places) == 1 else 'are'}"


def _finite(value: object) -> bool:
    """Whether a prediction, or all numbers within it, are finite."""
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _wrong(file: Path, what: str, remedy: str) -> PermanentError:
    return PermanentError(f"the predictions are no answer: {what}", where=str(file), remedy=remedy)
