"""Transactions on the registry's database: one snapshot for readers, one lock for writers, errors in our words.

Writers wait for each other before they read anything, so that what they decide still holds when they write it: SQLite
begins with `IMMEDIATE`, PostgreSQL locks the row of the ledger's head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from seatrial.adapters.registry.tables import HEADS
from seatrial.records import PermanentError, SeatrialError, TemporaryError, UsageError

_REPAIR = "run seatrial ledger verify to see what was changed by hand"
_DENIED = "42501"


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which everything that is read is of one moment."""
    with _in_our_words(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction, committed at the end of the block unless that raises."""
    with _in_our_words(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # A move that people were told of is on the disk, whatever happens to the machine's power.
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.commit()
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


@contextmanager
def writing_ledger(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which no other writes to the ledger."""
    with writing(engine) as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(sa.select(HEADS.c.seq).with_for_update())
        yield connection


def insert_into(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what happens on conflict."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


@contextmanager
def _in_our_words(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _translated(error, engine.url.render_as_string(hide_password=True)) from error


def _translated(error: sa.exc.DBAPIError, where: str) -> SeatrialError:
    message = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    code: Any = getattr(error.orig, "sqlstate", None)
    if code == _DENIED or "readonly database" in message:
        return UsageError(
            f"the registry's database does not allow this: {message}",
            where=where,
            remedy="use an account that may do it (for a promotion: that of the pipeline)",
        )
    if isinstance(error, sa.exc.IntegrityError):
        return PermanentError(f"the registry's tables contradict each other: {message}", where=where, remedy=_REPAIR)
    if isinstance(error, sa.exc.OperationalError):
        return TemporaryError(
            f"the registry's database does not answer: {message}", where=where, remedy="try again in a moment"
        )
    return PermanentError(f"the registry's database refused this: {message}", where=where, remedy=_REPAIR)
