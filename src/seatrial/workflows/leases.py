"""Which processes run trials anywhere, where several machines share one PostgreSQL, and which of them are gone.

A lock file proves a death on one machine only (`executors.py`). So every process also holds an advisory lock of its name
in the database, on a connection of its own: PostgreSQL frees it when that connection ends, in whatever way, and two
processes can't both hold it. A machine that loses its power or its network is noticed by the server within a minute,
because a connection on which nothing is heard for so long is ended. A process that finds its own lock lost stops what it
runs at once: somebody else may have taken it over.

Needs a connection that stays the same: a pooler that hands out another for every transaction (pgbouncer's transaction
mode) breaks it.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import sqlalchemy as sa

from seatrial.records import PermanentError, TemporaryError

PING_SECONDS = 5.0
_SILENCE = "60s"
_KEEPING = {"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


class Deaths(Protocol):
    """Tells which processes are gone."""

    @contextmanager
    def bury(self, name: str) -> Iterator[bool]:
        """Whether the process of this name is gone; while the block runs, nobody else is told so."""
        ...

    def lives(self, name: str) -> bool:
        """Whether the process of this name is still there."""
        ...


class Leases:
    """The processes that share a PostgreSQL (implements `Deaths`). Safe to use from many threads.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        parts = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._engine = sa.create_engine(parts, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    @contextmanager
    def hold(self, name: str, lost: Callable[[], None], *, every: float = PING_SECONDS) -> Iterator[None]:
        """Hold the lock of a name until the block ends.

        Args:
            name: of this process, like no other's.
            lost: called once if the lock is lost meanwhile, from another thread.
            every: seconds between two looks whether it is still held.

        Raises:
            PermanentError: the database does not answer, or another process holds it.
        """
        try:
            connection = self._engine.connect()
        except sa.exc.DBAPIError as error:
            raise PermanentError(f"the workflows' database does not answer: {_first_line(error)}") from error
        with connection:
            for setting, value in {"idle_session_timeout": _SILENCE, **_KEEPING}.items():
                with suppress(sa.exc.DBAPIError):  # of newer servers, or of TCP alone
                    connection.exec_driver_sql(f"SET {setting} = '{value}'")
            if not _taken(connection, name):
                raise PermanentError(f"another process holds the name {name}")
            stop = threading.Event()
            keeper = threading.Thread(target=_keep, args=(connection, stop, lost, every), name="lease", daemon=True)
            keeper.start()
            try:
                yield
            finally:
                stop.set()
                keeper.join()

    @contextmanager
    def bury(self, name: str) -> Iterator[bool]:
        """As `Deaths.bury`. Raises TemporaryError if the database does not answer."""
        with self._connected() as connection:
            yield _taken(connection, name)

    def lives(self, name: str) -> bool:
        """As `Deaths.lives`. Raises TemporaryError if the database does not answer."""
        with self.bury(name) as gone:
            return not gone

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            connection = self._engine.connect()
        except sa.exc.DBAPIError as error:
            raise TemporaryError(f"the workflows' database does not answer: {_first_line(error)}") from error
        with connection:
            yield connection


def _keep(connection: sa.Connection, stop: threading.Event, lost: Callable[[], None], every: float) -> None:
    """Say something on the connection now and then, so that both sides know it is there."""
    while not stop.wait(every):
        try:
            connection.exec_driver_sql("SELECT 1")
        except sa.exc.DBAPIError:
            lost()
            return


def _taken(connection: sa.Connection, name: str) -> bool:
    """Whether the lock of a name is this session's now."""
    key = int.from_bytes(hashlib.sha256(f"seatrial {name}".encode()).digest()[:8], "big", signed=True)
    return bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar())


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]
