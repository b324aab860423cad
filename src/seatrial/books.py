"""What the books of several rooms have in common: where they are, and how they are read and written.

A book keeps what somebody was promised to be kept, for many threads and processes: beside the project on SQLite, or in
the PostgreSQL that several machines share.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from seatrial.database import Schema, open_database
from seatrial.records import TemporaryError


class SqlBook:
    """A book on SQLite or PostgreSQL. Every method of a book raises TemporaryError if the database does not answer.

    Args:
        engine: of `open_book`.
        name: for messages: `the bot's database`.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """One that knows what to do where the row is there already."""
        return sqlite.insert(table) if self._engine.dialect.name == "sqlite" else postgresql.insert(table)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            said = str(error.orig).strip().partition("\n")[0] or type(error.orig).__name__
            raise TemporaryError(
                f"{self._name} does not answer: {said}",
                where=self._engine.url.render_as_string(hide_password=True),
                remedy="try again in a moment",
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction; on SQLite it has the lock from its begin."""
        with self._reading() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()


def open_book(file: Path, url: str | None, schema: Schema) -> sa.Engine:
    """The database of a book, made or migrated where needed.

    Args:
        file: that it is in, which nobody else may read, unless several machines share a database.
        url: of the registry's database. One that several machines can share holds the book too; None or one on SQLite
            does not.
        schema: the book's tables.

    Raises:
        UsageError: it is newer than this seatrial.
        PermanentError: the database does not answer.
    """
    if url is not None and url.startswith("postgres"):
        return open_database(url, schema)
    file.touch(mode=0o600)
    engine = open_database(f"sqlite:///{file}", schema)
    # What somebody was told to be kept is on the disk, whatever happens to the machine's power.
    sa.event.listen(engine, "connect", _careful)
    engine.dispose()
    return engine


def _careful(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    connection.execute("PRAGMA synchronous=FULL")
