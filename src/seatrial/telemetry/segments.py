"""What lies in a log: every file, whether it can be read, and what it holds."""

# ruff: noqa: S608 - files are quoted by `text`

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from seatrial.records.telemetry import LABELS, PREDICTIONS, REQUESTS, Segment, visible
from seatrial.telemetry.footers import why_unreadable
from seatrial.telemetry.log import first_line, of_files
from seatrial.telemetry.storage import File, open_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """One file of a log.

    Attributes:
        name: below the target.
        kind: `predictions`, `labels` or `requests`.
        worker: who wrote it; empty for a file that is no segment.
        bytes: its length.
        rows: that it holds; None if it can't be read.
        first, last: time of its earliest and latest row.
        problem: why it is not read: damaged, unfinished, held by a larger one, no segment; empty if it is read.
    """

    name: str
    kind: str
    worker: str
    bytes: int
    rows: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsReport:
    """All files of a log, by name."""

    target: str
    segments: tuple[SegmentFacts, ...]


def list_segments(target: str) -> SegmentsReport:
    """Every file of the log in a directory or at `s3://bucket/prefix`."""
    storage = open_storage(target)
    with TemporaryDirectory(prefix="seatrial-telemetry-") as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = []
        for kind in (PREDICTIONS, LABELS, REQUESTS):
            files = storage.files(kind)
            read = {segment.path for segment in visible(file.name for file in files)}
            paths = storage.local([file.name for file in files if file.name in read], Path(folder))
            found += [_facts(connection, kind, file, file.name in read, paths.get(file.name)) for file in files]
    return SegmentsReport(target=target, segments=tuple(found))


def _facts(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    file: File,
    read: bool,  # noqa: FBT001 - a fact, no switch
    path: Path | None,
) -> SegmentFacts:
    segment = Segment.parse(file.name)
    worker = segment.worker if segment else ""
    rows, first, last, problem = _content(connection, path) if path else (None, None, None, _why(file, segment, read))
    return SegmentFacts(
        name=file.name, kind=kind, worker=worker, bytes=file.size, rows=rows, first=first, last=last, problem=problem
    )


def _why(file: File, segment: Segment | None, read: bool) -> str:  # noqa: FBT001 - a fact, no switch
    """Why a file was not even opened."""
    if segment is not None:
        return "it is gone meanwhile" if read else "a compacted segment holds it"
    return "it is unfinished" if Path(file.name).name.startswith(".") else "it is no segment"


def _content(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> tuple[int | None, datetime | None, datetime | None, str]:
    """Rows, times of the first and the last, and what keeps it from being read."""
    if problem := why_unreadable(path):
        return None, None, None, problem
    query = f"SELECT count(*), epoch_us(min(time)) / 1e6, epoch_us(max(time)) / 1e6 FROM {of_files([path])}"
    try:
        ((rows, first, last),) = connection.execute(query).fetchall()
    except duckdb.Error as error:
        return None, None, None, first_line(error)
    return rows, _moment(first), _moment(last), ""


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
