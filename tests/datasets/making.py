"""Datasets for tests: columns, files of rows, books, stores, and versions with all of that."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.datasets.book import DatasetBook, open_dataset_book
from seatrial.datasets.build import FileForm, build
from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.rows import literal
from seatrial.datasets.segments import write_quarantine, write_segment
from seatrial.records import ColumnKind, ColumnSpec, DatasetDraft, DatasetVersion, Segment, Span

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
COLUMNS = (
    ColumnSpec(name="time", kind=ColumnKind.TIME),
    ColumnSpec(name="user", kind=ColumnKind.INTEGER, low=0),
    ColumnSpec(name="movie", kind=ColumnKind.TEXT, optional=True),
    ColumnSpec(name="rating", kind=ColumnKind.NUMBER, low=1, high=5),
    ColumnSpec(name="liked", kind=ColumnKind.BOOLEAN, optional=True),
)
TYPES = {"time": "TIMESTAMPTZ", "user": "BIGINT", "movie": "VARCHAR", "rating": "DOUBLE", "liked": "BOOLEAN"}
Row = tuple[int, int, str | None, float, bool | None]
"""Microseconds after noon, user, movie, rating, liked."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a test keeps its datasets."""

    book: DatasetBook
    store: DirectoryStore
    files: SegmentCache
    folder: Path

    def segment(self, rows: Sequence[Row]) -> Segment:
        """Rows in the store, written from a file that has two more columns."""
        file = write_rows(self.folder, rows, _partition="'t/0'", _offset="1")
        return write_segment(file, COLUMNS, "time", self.store)

    def quarantine(self, rows: Sequence[Row], why: str = "late") -> Segment:
        """Rows that were refused."""
        file = write_rows(self.folder, rows, _why=literal(why))
        return write_quarantine(file, "time", self.store)

    def append(self, rows: Sequence[Row] | None = None, *, dataset: str = "ratings", **fields: Any) -> DatasetVersion:
        """The next version, with these rows; it goes on 10 offsets."""
        head = self.book.head(dataset)
        added = {"added": self.segment(rows)} if rows else {}
        return self.book.append(draft(head, dataset=dataset, **(added | fields)))

    def built(self, version: DatasetVersion, form: FileForm = FileForm.PARQUET) -> bytes:
        """A version's file."""
        target = self.folder / "built"
        segments = self.book.segments(version.dataset, version.number)
        rows = build(segments, self.files, target, columns=version.columns, form=form)
        assert version.rows == rows
        return target.read_bytes()


@contextmanager
def place_in(folder: Path, url: str | None = None) -> Iterator[Place]:
    """A place: book and store in a folder, the book in the database of `sql_url` where one is given."""
    store = DirectoryStore(folder / "store")
    book = open_dataset_book(folder, url)
    try:
        yield Place(book=book, store=store, files=SegmentCache(store, folder / "segments"), folder=folder)
    finally:
        book.close()


def database_of(url: str, folder: Path) -> sa.URL:
    """The URL of the database that the book is in."""
    if sa.make_url(url).get_backend_name() == "postgresql":
        return sa.make_url(url).set(drivername="postgresql+psycopg")
    return sa.make_url(f"sqlite:///{folder / 'retrain.db'}")


def draft(head: DatasetVersion | None = None, **fields: Any) -> DatasetDraft:
    """A draft on top of a version that goes on 10 offsets in one partition, or whatever `fields` say."""
    start = 0 if head is None else head.offsets.get("t/0", 0)
    known: dict[str, Any] = {
        "dataset": "ratings",
        "parent": None if head is None else head.number,
        "run": f"run-{next(_NUMBERS)}",
        "created": NOON,
        "columns": COLUMNS,
        "spans": {"t/0": Span(start=start, end=start + 10)},
        "counts": {"lines": 10, "parsed": 10},
    }
    return DatasetDraft(**(known | fields))


def segment(number: int = 1, rows: int = 10) -> Segment:
    """A segment that no store has."""
    return Segment(digest=f"sha256:{number:064x}", rows=rows, size=100, earliest=NOON, latest=NOON + timedelta(hours=1))


def write_rows(folder: Path, rows: Sequence[Row], *, group: int = 122_880, **more: str) -> Path:
    """A Parquet file of rows, as a collection or a check leaves one; `more` are columns of SQL."""
    file = folder / f"rows-{next(_NUMBERS)}.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        connection.execute(f"CREATE TABLE given ({columns})")
        moments = [(NOON + timedelta(microseconds=row[0]), *row[1:]) for row in rows]
        if moments:
            connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?)", moments)
        added = "".join(f", {value} AS {name}" for name, value in more.items())
        connection.execute(f"COPY (SELECT *{added} FROM given) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {group})")
    return file


def rows_in(data: bytes, folder: Path) -> list[Row]:
    """The rows of a Parquet file, in its order."""
    file = folder / "read.parquet"
    file.write_bytes(data)
    with duckdb.connect() as connection:
        since = f"epoch_us(time) - {round(NOON.timestamp() * 1e6)}"
        found: list[Row] = connection.sql(f"SELECT {since}, user, movie, rating, liked FROM '{file}'").fetchall()
    return found
