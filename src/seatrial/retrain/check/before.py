"""What is known of a dataset's earlier versions when a new batch is checked, without reading more of them than a check needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import duckdb

from seatrial.records import DatasetVersion, Segment
from seatrial.retrain.rows import moment
from seatrial.telemetry.log import name, text

_HOUR: Final = 3600.0
VOLUME: Final = "volume"
"""Key of a version's counts, where its good rows per hour were recorded; rounded."""


class Before(Protocol):
    """The earlier versions of a dataset."""

    @property
    def segments(self) -> Sequence[Segment]:
        """Of all their rows, the oldest first."""
        ...

    @property
    def volumes(self) -> Sequence[float]:
        """Good rows per hour of each version that has such a figure, the oldest first."""
        ...

    def file(self, segment: Segment) -> Path:
        """A segment's Parquet file, fetched when it is asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Earlier versions whose segments are fetched one by one; nothing, for the first batch.

    Attributes:
        fetch: gives the file of a digest.
    """

    segments: Sequence[Segment] = ()
    volumes: Sequence[float] = ()
    fetch: Callable[[str], Path] = Path

    def file(self, segment: Segment) -> Path:
        """A segment's Parquet file."""
        return self.fetch(segment.digest)


def before_versions(versions: Iterable[DatasetVersion], fetch: Callable[[str], Path]) -> Earlier:
    """What versions of one dataset tell, in whatever order they come; `fetch` gives a local file by digest (`SegmentCache.file`)."""
    ordered = sorted(versions, key=lambda version: version.number)
    return Earlier(
        segments=tuple(version.added for version in ordered if version.added is not None and version.added.rows),
        volumes=tuple(volume for version in ordered if (volume := _volume(version)) is not None),
        fetch=fetch,
    )


def before_files(files: Iterable[Path], time: str = "") -> Earlier:
    """What Parquet files tell, each the added rows of a version, the oldest first; `time` is their time column, if any."""
    read = {str(file): _segment(file, time) for file in files}
    segments = tuple(segment for segment in read.values() if segment.rows)
    volumes = tuple(volume for segment in segments if (volume := rows_per_hour(segment)) is not None)
    return Earlier(segments=segments, volumes=volumes)


def rows_per_hour(segment: Segment) -> float | None:
    """Rows per hour between a segment's earliest and latest moment; None where these are one, or not known."""
    if segment.earliest is None or segment.latest is None:
        return None
    return per_hour(segment.rows, (segment.latest - segment.earliest).total_seconds())


def per_hour(rows: float, seconds: float) -> float | None:
    """Rows per hour; None of no time."""
    return rows / seconds * _HOUR if seconds > 0 else None


def _volume(version: DatasetVersion) -> float | None:
    """Of a version whose rows counted: a batch that was refused tells nothing of what is usual."""
    if version.added is None or not version.added.rows:
        return None
    return float(version.counts.get(VOLUME, 0)) or rows_per_hour(version.added)


def _segment(file: Path, time: str) -> Segment:
    span = f"epoch_us(min({name(time)})), epoch_us(max({name(time)}))" if time else "NULL, NULL"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT count(*), {span} FROM read_parquet({text(str(file))})"  # noqa: S608 - quoted
        ((rows, first, last),) = connection.execute(query).fetchall()
    return Segment(
        digest=str(file),
        rows=rows,
        size=file.stat().st_size,
        earliest=None if first is None else moment(first),
        latest=None if last is None else moment(last),
    )
