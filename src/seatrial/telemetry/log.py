"""A prediction log opened for questions: views over the segments that can be read.

    predictions   one row an answered row; `time` is UTC without a zone, so that it compares with plain dates
    labels        what came in later
    labelled      predictions that have a label, with the latest one
    requests      the gateway's access log, where it is kept in the same place

A server may be writing, compacting and deleting meanwhile, and any file may be damaged. So whatever goes wrong in a
question, the segments are listed again and, if that changes nothing, each is read alone: what can't be read is left out
and named, and the question is put once more.
"""

# ruff: noqa: S608 - names are quoted by `name`, values by `text`; a view takes no parameters

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import duckdb

from seatrial.records import UsageError
from seatrial.records.telemetry import (
    INPUT_PREFIX,
    LABEL_COLUMNS,
    LABELS,
    PREDICTION_COLUMNS,
    PREDICTIONS,
    REQUEST_COLUMNS,
    REQUESTS,
    visible,
)
from seatrial.telemetry.footers import why_unreadable
from seatrial.telemetry.storage import Storage, open_storage
from seatrial.telemetry.window import Selection

T = TypeVar("T")

_TYPES = {
    "timestamp[us, UTC]": "TIMESTAMP",
    "string": "VARCHAR",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
}
_ATTEMPTS = 4
_LATEST = """
    CREATE OR REPLACE VIEW latest AS
    SELECT request_id, row, unnest(newest) FROM (
        SELECT request_id, row, arg_max({label: label, label_text: label_text, label_time: time}, time) AS newest
        FROM labels GROUP BY request_id, row
    )
"""
_LABELLED = """
    CREATE OR REPLACE VIEW labelled AS
    SELECT predictions.*, label, label_text, label_time FROM predictions JOIN latest USING (request_id, row)
    WHERE label IS NOT NULL OR label_text IS NOT NULL
"""


def text(value: str) -> str:
    """An SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """An SQL identifier."""
    return '"' + value.replace('"', '""') + '"'


def of_files(paths: Sequence[Path]) -> str:
    """SQL: the rows of Parquet files, columns by name."""
    files = ", ".join(text(str(path)) for path in paths)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


class PredictionLog:
    """A log opened by `open_log`.

    Attributes:
        target: as it was named.
        selection: what is looked at.
        inputs: names of the input columns that the selected segments have, without their prefix, and their DuckDB types.
        warnings: one sentence for each file that was left out.
    """

    def __init__(self, target: str, selection: Selection, scratch: Path) -> None:
        self.target = target
        self.selection = selection
        self.inputs: dict[str, str] = {}
        self.warnings: list[str] = []
        self._storage: Storage = open_storage(target)
        self._scratch = scratch
        self._paths: dict[str, Path] = {}
        self._damaged: dict[str, str] = {}
        self._listed: list[str] = []
        self._views: list[str] = []
        self._connection = self._connected()
        self._list()
        self._mount()

    def run(self, question: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Put a question; if a segment vanished or can't be read, put it again without."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return question(self._connection)
            except duckdb.Error:
                if not self._repaired():
                    raise
        return question(self._connection)

    def locked(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own with the same views that can read nothing else, and whose settings can't be changed."""
        connection = self._connected()
        for view in self._views:
            connection.execute(view)
        connection.execute(f"SET allowed_paths = [{', '.join(text(str(path)) for path in self._paths.values())}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def close(self) -> None:
        """No more questions."""
        self._connection.close()

    def _connected(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET autoinstall_known_extensions = false")
        connection.execute(f"SET temp_directory = {text(str(self._scratch / 'spill'))}")
        return connection

    def _list(self) -> None:
        """Name the segments to read: of those selected, without the damaged ones, and without parts of compacted ones."""
        wanted = {folder: self._selected(folder) for folder in (PREDICTIONS, LABELS, REQUESTS)}
        self._listed = [segment.path for folder in wanted for segment in visible(wanted[folder])]

    def _selected(self, folder: str) -> list[str]:
        fits = self.selection.may_label if folder == LABELS else self.selection.may_hold
        names = self._names(folder)
        if folder == PREDICTIONS and not visible(names) and not visible(self._names(REQUESTS)):
            raise UsageError(
                "no prediction was logged here",
                where=self.target,
                remedy="name the directory or bucket that `seatrial serve --log` writes to; its first segment is there "
                "after a few seconds",
            )
        return [one for one in names if fits(one) and one not in self._damaged]

    def _names(self, folder: str) -> list[str]:
        # Prediction logs of models lie beside the gateway's requests, and one may be called so.
        below = f"{folder}/date=" if folder == REQUESTS else f"{folder}/"
        return [file.name for file in self._storage.files(folder) if file.name.startswith(below)]

    def _mount(self) -> None:
        """Make the views of what was listed; segments that can't be opened are left out."""
        while True:
            self._paths = self._storage.local(self._listed, self._scratch)
            bad = {segment: reason for segment, path in self._paths.items() if (reason := why_unreadable(path))}
            if not bad:
                try:
                    return self._make_views()
                except duckdb.Error:
                    if not self._examined():
                        raise
            self._leave_out(bad)
            self._list()

    def _make_views(self) -> None:
        predictions = self._columns(PREDICTIONS)
        self.inputs = {
            column.removeprefix(INPUT_PREFIX): kind
            for column, kind in predictions.items()
            if column.startswith(INPUT_PREFIX)
        }
        self._views = [
            self._view(PREDICTIONS, PREDICTION_COLUMNS, predictions, _condition(self.selection)),
            self._view(LABELS, LABEL_COLUMNS, self._columns(LABELS), "true"),
            self._view(REQUESTS, REQUEST_COLUMNS, self._columns(REQUESTS), _span(self.selection)),
            _LATEST,
            _LABELLED,
        ]
        for view in self._views:
            self._connection.execute(view)

    def _of(self, folder: str) -> list[Path]:
        return [self._paths[segment] for segment in _below(self._paths, folder)]

    def _columns(self, folder: str) -> dict[str, str]:
        """Names and types of the columns that a folder's segments have."""
        paths = self._of(folder)
        if not paths:
            return {}
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {of_files(paths)}").fetchall()
        return {row[0]: row[1] for row in described}

    def _view(self, folder: str, contract: dict[str, str], found: dict[str, str], condition: str) -> str:
        """SQL of a view with all columns of the contract, whatever the files have, and the others after them."""
        columns = [_as_contracted(column, kind, found) for column, kind in contract.items()]
        columns += [name(column) for column in found if column not in contract]
        source = f"FROM {of_files(self._of(folder))} WHERE {condition}" if found else "WHERE false"
        return f"CREATE OR REPLACE VIEW {folder} AS SELECT {', '.join(columns)} {source}"

    def _repaired(self) -> bool:
        """Whether anything was found that can explain an error, and has been set right."""
        before = self._listed
        self._list()
        if self._listed == before:
            if not self._examined():
                return False
            self._list()
        self._mount()
        return True

    def _examined(self) -> bool:
        """Read every segment alone and leave out those that can't be read or are gone; whether there were any."""
        bad = {segment: reason for segment, path in self._paths.items() if (reason := self._unreadable(path))}
        self._leave_out(bad)
        return bool(bad)

    def _unreadable(self, path: Path) -> str:
        try:
            self._connection.execute(f"SELECT bit_xor(hash(rows)) FROM {of_files([path])} AS rows").fetchall()
        except duckdb.Error as error:
            return first_line(error)
        return ""

    def _leave_out(self, bad: Mapping[str, str]) -> None:
        self._damaged |= bad
        self.warnings += [f"{segment} is left out: {reason}" for segment, reason in bad.items()]


@contextmanager
def open_log(target: str, selection: Selection | None = None) -> Iterator[PredictionLog]:
    """Open the log in a directory or at `s3://bucket/prefix`.

    Raises:
        UsageError: there is no log, or nothing was logged yet.
        TemporaryError: the bucket doesn't answer.
    """
    with TemporaryDirectory(prefix="seatrial-telemetry-") as folder:
        log = PredictionLog(target, selection or Selection(), Path(folder))
        try:
            yield log
        finally:
            log.close()


def first_line(error: Exception) -> str:
    """What an error of DuckDB says, on one line."""
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def _below(names: Iterable[str], folder: str) -> list[str]:
    return [one for one in names if one.startswith(f"{folder}/")]


def _as_contracted(column: str, kind: str, found: dict[str, str]) -> str:
    wanted = _TYPES[kind]
    if column not in found:
        return f"NULL::{wanted} AS {name(column)}"
    if wanted == "TIMESTAMP":
        return f"make_timestamp(epoch_us({name(column)})) AS {name(column)}"
    return name(column) if found[column] == wanted else f"TRY_CAST({name(column)} AS {wanted}) AS {name(column)}"


def _condition(selection: Selection) -> str:
    parts = [_span(selection)]
    if selection.version is not None:
        parts.append(f"version = {text(selection.version)}")
    if selection.route is not None:
        parts.append(f"route = {text(selection.route)}")
    return " AND ".join(parts)


def _span(selection: Selection) -> str:
    parts = ["true"]
    if selection.since:
        parts.append(f"time >= TIMESTAMPTZ {text(selection.since.isoformat())}")
    if selection.until:
        parts.append(f"time < TIMESTAMPTZ {text(selection.until.isoformat())}")
    return " AND ".join(parts)
