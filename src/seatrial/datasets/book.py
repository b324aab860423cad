"""Which versions a dataset has, on disk: they are appended, and never changed.

SQLite (`.seatrial/retrain.db`) for one machine; the registry's PostgreSQL where there is one, for several. What counts of
a stream is in here: the offsets of the newest version are where the next collection begins, so that a version is on the
disk before anybody is told that it is there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from seatrial.books import SqlBook, open_book
from seatrial.datasets.grow import ParentMovedError, next_version
from seatrial.datasets.tables import BODIES, SCHEMA, VERSIONS
from seatrial.records import DatasetDraft, DatasetVersion, PermanentError, Segment, UsageError

FILE: Final = "retrain.db"
_VERSION = msgspec.json.Decoder(DatasetVersion)
_SHOWN = 10


class Ancestor(NamedTuple):
    """A version in a lineage: what is worth a line. `added`: rows that it brought; `rows`: all."""

    number: int
    digest: str
    created: datetime
    run: str
    rows: int
    added: int
    note: str


class DatasetBook(SqlBook):
    """Versions of datasets (`open_dataset_book`). Safe to use from many threads and processes.

    Every method raises TemporaryError if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine, "the dataset book")

    def append(self, draft: DatasetDraft) -> DatasetVersion:
        """Append a version; it is on the disk when this returns.

        The same run again changes nothing, and gives the version that it made.

        Raises:
            ParentMovedError: the parent is not the newest version any more (a TemporaryError).
            PermanentError: the draft does not go on where its parent ends, or its run made a version of another dataset.
        """
        with self._writing() as connection:
            # In this order: on PostgreSQL another process may append in between, also for the same run.
            head = _head(connection, draft.dataset)
            version = _by_run(connection, draft.run)
            if version is None:
                version = self._entered(connection, next_version(draft, head))
        if version.dataset != draft.dataset:
            raise PermanentError(
                f"run {draft.run} made {version.id} already, and can't make a version of {draft.dataset}",
                where=draft.dataset,
                remedy="give each its own run",
            )
        return version

    def head(self, dataset: str) -> DatasetVersion | None:
        """The newest version; None before the first."""
        with self._reading() as connection:
            return _head(connection, dataset)

    def version(self, dataset: str, number: int) -> DatasetVersion:
        """One version. Raises UsageError if there is no such dataset or version; it says which there are."""
        query = sa.select(BODIES.c.body).where(BODIES.c.dataset == dataset, BODIES.c.number == number)
        with self._reading() as connection:
            body = connection.execute(query).scalar()
            if body is None:
                raise _unknown(connection, dataset, number)
        return _VERSION.decode(body)

    def versions(self, dataset: str, limit: int | None = None) -> Sequence[DatasetVersion]:
        """Versions of a dataset, newest first; none where there is no such dataset."""
        query = sa.select(BODIES.c.body).where(BODIES.c.dataset == dataset)
        with self._reading() as connection:
            bodies = connection.execute(query.order_by(BODIES.c.number.desc()).limit(limit)).scalars().all()
        return [_VERSION.decode(body) for body in bodies]

    def datasets(self) -> Sequence[str]:
        """Names of all datasets, sorted."""
        with self._reading() as connection:
            return _names(connection)

    def by_run(self, run: str) -> DatasetVersion | None:
        """The version that a run made."""
        with self._reading() as connection:
            return _by_run(connection, run)

    def by_digest(self, digest: str) -> DatasetVersion | None:
        """The version of a digest, as a model's lineage names it."""
        with self._reading() as connection:
            return _of_line(connection, VERSIONS.c.digest == digest)

    def segments(self, dataset: str, number: int, since: int = 0) -> Sequence[Segment]:
        """The segments that a version consists of, oldest first: those of all its ancestors and its own.

        Args:
            dataset: its name.
            number: of the version.
            since: only segments that were added after version `since`.
        """
        columns = (
            VERSIONS.c.segment,
            VERSIONS.c.segment_rows,
            VERSIONS.c.segment_size,
            VERSIONS.c.earliest,
            VERSIONS.c.latest,
        )
        query = sa.select(*columns).where(
            VERSIONS.c.dataset == dataset,
            VERSIONS.c.number.between(since + 1, number),
            VERSIONS.c.segment.is_not(None),
        )
        with self._reading() as connection:
            rows = connection.execute(query.order_by(VERSIONS.c.number)).all()
        return [
            Segment(digest=digest, rows=count, size=size, earliest=_moment(earliest), latest=_moment(latest))
            for digest, count, size, earliest, latest in rows
        ]

    def lineage(self, dataset: str, number: int, limit: int | None = None) -> Sequence[Ancestor]:
        """A version and its ancestors, newest first; none where there is no such dataset.

        A dataset is one line, because only the newest version can be appended to.
        """
        added = VERSIONS.c.segment_rows.label("added")
        columns = (VERSIONS.c.number, VERSIONS.c.digest, VERSIONS.c.created, VERSIONS.c.run, VERSIONS.c.rows)
        query = sa.select(*columns, added, VERSIONS.c.note)
        query = query.where(VERSIONS.c.dataset == dataset, VERSIONS.c.number <= number)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(VERSIONS.c.number.desc()).limit(limit)).all()
        read = datetime.fromisoformat
        return [
            Ancestor(number, digest, read(created), run, rows_, added_, note)
            for number, digest, created, run, rows_, added_, note in rows
        ]

    def _entered(self, connection: sa.Connection, version: DatasetVersion) -> DatasetVersion:
        """Enter a version; gives the one of its run, and changes nothing, if that was entered in this very moment."""
        is_sqlite = self._engine.dialect.name == "sqlite"
        insert = sqlite.insert(VERSIONS) if is_sqlite else postgresql.insert(VERSIONS)
        taken = insert.values(**_row(version)).on_conflict_do_nothing().returning(VERSIONS.c.number)
        if connection.execute(taken).scalar() is not None:
            body = msgspec.json.encode(version).decode()
            connection.execute(BODIES.insert().values(dataset=version.dataset, number=version.number, body=body))
            return version
        made = _by_run(connection, version.run)
        if made is None:
            raise _overtaken(version)
        return made


def open_dataset_book(root: Path, url: str | None) -> DatasetBook:
    """The book, made or migrated where needed.

    Args:
        root: the project's `.seatrial`.
        url: of the registry's database. One that several machines can share holds the book too; where it is None or on
            SQLite, the book is a file in `root`.

    Raises:
        UsageError: it is newer than this seatrial.
        PermanentError: the database does not answer.
    """
    return DatasetBook(open_book(root / FILE, url, SCHEMA))


def _head(connection: sa.Connection, dataset: str) -> DatasetVersion | None:
    query = sa.select(BODIES.c.body).where(BODIES.c.dataset == dataset)
    return _decoded(connection.execute(query.order_by(BODIES.c.number.desc()).limit(1)).scalar())


def _by_run(connection: sa.Connection, run: str) -> DatasetVersion | None:
    return _of_line(connection, VERSIONS.c.run == run)


def _of_line(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> DatasetVersion | None:
    same = sa.and_(BODIES.c.dataset == VERSIONS.c.dataset, BODIES.c.number == VERSIONS.c.number)
    return _decoded(connection.execute(sa.select(BODIES.c.body).join(VERSIONS, same).where(condition)).scalar())


def _names(connection: sa.Connection) -> Sequence[str]:
    query = sa.select(VERSIONS.c.dataset).where(VERSIONS.c.number == 1)
    return sorted(connection.execute(query).scalars())


def _decoded(body: str | None) -> DatasetVersion | None:
    return None if body is None else _VERSION.decode(body)


def _unknown(connection: sa.Connection, dataset: str, number: int) -> UsageError:
    head = _head(connection, dataset)
    if head is not None:
        return UsageError(
            f"there is no {dataset}@{number}", remedy=f"versions go from {dataset}@1 to {head.id}, the latest"
        )
    return unknown_dataset(dataset, _names(connection))


def unknown_dataset(dataset: str, known: Sequence[str]) -> UsageError:
    """There is no such dataset: says which there are."""
    if not known:
        return UsageError(f"there is no dataset {dataset!r}", remedy="none was collected here yet: seatrial retrain")
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return UsageError(f"there is no dataset {dataset!r}", remedy=f"known are {', '.join(known[:_SHOWN])}{more}")


def _overtaken(version: DatasetVersion) -> ParentMovedError:
    return ParentMovedError(
        "somebody else appended a version at the same moment: nothing was appended",
        where=version.dataset,
        remedy="run it again: it begins where the newest version ends",
    )


def _row(version: DatasetVersion) -> dict[str, Any]:
    added = version.added
    return {
        "dataset": version.dataset,
        "number": version.number,
        "run": version.run,
        "digest": version.digest,
        "created": version.created.isoformat(timespec="microseconds"),
        "rows": version.rows,
        "size": version.size,
        "segment": added and added.digest,
        "segment_rows": added.rows if added else 0,
        "segment_size": added.size if added else 0,
        "earliest": added and _text(added.earliest),
        "latest": added and _text(added.latest),
        "note": version.note,
    }


def _text(at: datetime | None) -> str | None:
    """Text that sorts as time does."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
