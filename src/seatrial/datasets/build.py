"""Makes one file of a version: all its segments, oldest first, exactly as they were stored.

The same version gives the same bytes each time, in Parquet and in CSV; rows are streamed, so that a dataset may be larger
than memory.
"""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import duckdb

from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.rows import (
    Within,
    batches_of,
    files_of,
    literal,
    reader,
    said_by_duckdb,
    schema_of,
    selection,
    write_rows,
)
from seatrial.records import ColumnSpec, PermanentError, Segment


class FileForm(StrEnum):
    """Of a file of rows. In CSV what is missing is empty and an empty text is `""`; times are `2026-05-01T14:30:00.000000Z`."""

    PARQUET = "parquet"
    CSV = "csv"


_TIMES = "%Y-%m-%dT%H:%M:%S.%fZ"


def build(
    segments: Sequence[Segment],
    files: SegmentCache,
    target: Path,
    *,
    columns: Sequence[ColumnSpec],
    form: FileForm = FileForm.PARQUET,
    within: Within | None = None,
) -> int:
    """Write the rows of segments into one file, and tell how many they are.

    Args:
        segments: `DatasetBook.segments` of a version, in their order.
        files: where they are read from; each is held against its digest.
        target: is replaced in one step; its folder exists.
        columns: of the version: older segments get what they lack as missing values, and lose what they have beside it.
        form: of the file.
        within: only rows of this time; one without a time is in no range.

    Raises:
        UsageError: an older segment's column can't become what it is now without loss.
        PermanentError: a segment is gone, damaged or has other rows than when it was stored, or the file can't be written.
    """
    wanted = [segment for segment in segments if segment.rows and _may_be(segment, within)]
    paths = [files.file(segment.digest) for segment in wanted]
    with reader() as connection, _replacing(target) as file:
        query = selection(connection, paths, columns, within)
        if form is FileForm.CSV:
            rows = _write_csv(connection, query, paths, file)
        else:
            rows = write_rows(batches_of(connection, query), schema_of(columns), file)
        expected = sum(segment.rows for segment in wanted)
        if rows != expected and (within is None or within.is_everything):
            raise PermanentError(
                f"segments hold {rows} rows, and {expected} were stored",
                where=str(target),
                remedy="the book and the store do not belong together; check: seatrial data verify",
            )
    return rows


def lay_aside(digest: str, files: SegmentCache, target: Path, form: FileForm = FileForm.PARQUET) -> None:
    """Write a kept file of rows (those in quarantine) as it is, or as CSV. Raises PermanentError as `build` does."""
    source = files.file(digest)
    with _replacing(target) as file:
        if form is FileForm.PARQUET:
            shutil.copyfile(source, file)
            return
        with reader() as connection:
            _write_csv(connection, f"SELECT * FROM {files_of([source])}", [source], file)  # noqa: S608 - quoted


def lay_file(digest: str, files: SegmentCache, target: Path) -> None:
    """Write a kept file (dead lines) as it is. Raises PermanentError as `build` does."""
    source = files.file(digest)
    with _replacing(target) as file:
        shutil.copyfile(source, file)


def _may_be(segment: Segment, within: Within | None) -> bool:
    """Whether a segment may have rows in a range."""
    if within is None or segment.earliest is None or segment.latest is None:
        return True
    ends_before = within.since is not None and segment.latest < within.since
    begins_after = within.until is not None and segment.earliest >= within.until
    return not (ends_before or begins_after)


def _write_csv(connection: duckdb.DuckDBPyConnection, query: str, paths: Sequence[Path], file: Path) -> int:
    options = f"FORMAT csv, HEADER, TIMESTAMPFORMAT {literal(_TIMES)}"
    with said_by_duckdb(paths):
        ((rows,),) = connection.execute(f"COPY ({query}) TO {literal(str(file))} ({options})").fetchall()
    return int(rows)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A file that takes the target's place if all went well, and is gone otherwise."""
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        yield unfinished
        unfinished.replace(target)
    except OSError as error:
        raise PermanentError(
            f"can't be written: {error.strerror}", where=str(target), remedy="check the folder, and free space there"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
