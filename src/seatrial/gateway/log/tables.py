"""The tables of the book of windows, as plain SQL: a cache of what the access log said, which may be made anew.

It is written several times a minute and read by one process, so that it needs neither migrations nor a server: of another
form, or damaged, it is set aside and begun again from the log files that are still there.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from seatrial.gateway.log.failing import MOST, Failing

FORM: Final = 1
_BUSY_SECONDS: Final = 0.5
_AT_ONCE: Final = 500
_SLICES: Final = 256
_KEYS: Final = 2**64
_FIRST_KEY: Final = -(2**63)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (file TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    service TEXT NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (service, start, length)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_start ON windows (start);
CREATE TABLE IF NOT EXISTS opened (place INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (key INTEGER PRIMARY KEY, seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS failing (
    id INTEGER PRIMARY KEY, service TEXT NOT NULL, arm TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_side ON failing (service, arm, at);
"""

WindowKey = tuple[str, int, int]
"""Service, start and length in milliseconds."""


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection with the tables made. Raises sqlite3.Error; sqlite3.DatabaseError where it is of another form."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # After a power cut the last windows may be gone, with the positions that they came from: they are read again.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        _check_form(connection)
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {FORM}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_form(connection: sqlite3.Connection) -> None:
    ((form,),) = connection.execute("PRAGMA user_version").fetchall()
    if form not in {0, FORM}:
        raise sqlite3.DatabaseError(f"its form is {form}, and {FORM} is known")


def set_aside(path: Path) -> None:
    """Rename a database that can't be read, and what belongs to it."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(path.with_name(f"{path.name}{suffix}.damaged"))


def read_marks(connection: sqlite3.Connection) -> dict[str, int]:
    """Numbers by name."""
    return dict(connection.execute("SELECT name, value FROM marks"))


def read_positions(connection: sqlite3.Connection) -> dict[str, int]:
    """Bytes of each file that were counted."""
    return dict(connection.execute("SELECT file, offset FROM positions"))


def read_opened(connection: sqlite3.Connection) -> list[bytes]:
    """Windows that weren't over."""
    return [body for (body,) in connection.execute("SELECT body FROM opened ORDER BY place")]


def read_windows(connection: sqlite3.Connection, service: str, since: int, until: int) -> list[tuple[int, int, bytes]]:
    """Start, length and body of the windows that begin at `since` or later and before `until`."""
    query = "SELECT start, length, body FROM windows WHERE service = ? AND start >= ? AND start < ? ORDER BY start"
    return connection.execute(query, (service, since, until)).fetchall()


def read_users(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[int, int]:
    """When these users were last seen, as far as they were."""
    found: dict[int, int] = {}
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        marks = ",".join("?" * len(some))
        found.update(connection.execute(f"SELECT key, seen FROM users WHERE key IN ({marks})", some))  # noqa: S608 - only question marks
    return found


def read_failing(
    connection: sqlite3.Connection, service: str, arm: str, since: int, until: int, count: int
) -> list[bytes]:
    """The last ones of a side in a span, the oldest first."""
    query = """SELECT body FROM failing WHERE service = ? AND arm = ? AND at >= ? AND at < ?
               ORDER BY at DESC, id DESC LIMIT ?"""
    return [body for (body,) in connection.execute(query, (service, arm, since, until, count))][::-1]


def write(
    connection: sqlite3.Connection,
    *,
    marks: Mapping[str, int],
    positions: Mapping[str, int],
    windows: Mapping[WindowKey, bytes],
    opened: Sequence[bytes],
    users: Mapping[int, int],
    failures: Sequence[tuple[Failing, bytes]],
) -> None:
    """Everything, or nothing of it. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", list(marks.items()))
        connection.execute("DELETE FROM positions")
        connection.executemany("INSERT INTO positions VALUES (?, ?)", list(positions.items()))
        rows = [(*key, body) for key, body in windows.items()]
        connection.executemany("INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?)", rows)
        connection.execute("DELETE FROM opened")
        connection.executemany("INSERT INTO opened (body) VALUES (?)", [(body,) for body in opened])
        connection.executemany("INSERT OR REPLACE INTO users VALUES (?, ?)", list(users.items()))
        _write_failing(connection, failures)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _write_failing(connection: sqlite3.Connection, failures: Sequence[tuple[Failing, bytes]]) -> None:
    rows = [(one.service, one.arm, one.at, body) for one, body in failures]
    connection.executemany("INSERT INTO failing (service, arm, at, body) VALUES (?, ?, ?, ?)", rows)
    for service, arm in {(one.service, one.arm) for one, _ in failures}:
        oldest = (
            """SELECT id FROM failing WHERE service = :service AND arm = :arm ORDER BY id DESC LIMIT 1 OFFSET :most"""
        )
        query = f"DELETE FROM failing WHERE service = :service AND arm = :arm AND id <= ({oldest})"  # noqa: S608 - parts of ours
        connection.execute(query, {"service": service, "arm": arm, "most": MOST})


def forget(connection: sqlite3.Connection, *, before: int, after: int) -> None:
    """Remove the windows that began before one moment or after another, and what failed then."""
    for table, column in (("windows", "start"), ("failing", "at")):
        connection.execute(f"DELETE FROM {table} WHERE {column} < ? OR {column} > ?", (before, after))  # noqa: S608 - names of ours


def forget_users(connection: sqlite3.Connection, *, before: int, turn: int) -> None:
    """Remove users last seen before a moment: a small part of them, another one each turn."""
    width = _KEYS // _SLICES
    low = _FIRST_KEY + width * (turn % _SLICES)
    connection.execute("DELETE FROM users WHERE key BETWEEN ? AND ? AND seen < ?", (low, low + width - 1, before))


def shrink(connection: sqlite3.Connection, most: int) -> None:
    """Remove the oldest tenth of the windows while there are more bytes of them than this."""
    ((pages,), (free,), (size,)) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * size > most:
        ((count,),) = connection.execute("SELECT count(*) FROM windows").fetchall()
        edge = connection.execute(
            "SELECT start FROM windows ORDER BY start LIMIT 1 OFFSET ?", (count // 10,)
        ).fetchone()
        if edge is not None:
            connection.execute("DELETE FROM windows WHERE start <= ?", edge)
