"""The book of windows: what the access log said, with the place up to which it was read, kept together.

Positions, windows that are over and those that aren't are one transaction. So after kill -9 the log is read again from
the last commit, and no line counts twice or not at all. Only what is committed is shown, so that whoever asks again gets
the same. On a full disk windows are shown from memory and written once there is room; a sentence says so.
"""

import logging
import sqlite3
import threading
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from seatrial.gateway.log import tables
from seatrial.gateway.log.failing import Failing, shown
from seatrial.gateway.log.moments import milliseconds
from seatrial.gateway.log.tally import NEVER, Open, Tally
from seatrial.records import Arm

FILE: Final = "windows.db"
KEEP_SECONDS: Final = 24 * 3600
LARGEST: Final = 1 << 30
"""Bytes of the book; of more the oldest windows go first."""
MOST_WAITING: Final = 20_000
"""Windows, and users in thousands, that are held in memory while they can't be written."""
_HORIZON: Final = "horizon"
_PRUNE_EVERY: Final = 64
_WINDOW = msgspec.msgpack.Decoder(list[Tally])
_OPEN = msgspec.msgpack.Decoder(Open)
_FAILING = msgspec.msgpack.Decoder(Failing)
log = logging.getLogger("seatrial.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where the reading of the log stands.

    Attributes:
        positions: bytes that were counted, by file.
        opened: windows that weren't over.
        horizon: milliseconds since 1970; windows that end by then are over.
    """

    positions: Mapping[str, int] = field(default_factory=dict)
    opened: Sequence[Open] = ()
    horizon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A window that is over; milliseconds."""

    start: int
    length: int
    tallies: list[Tally]


@dataclass(slots=True)
class _Waiting:
    """What was committed and isn't on the disk."""

    windows: dict[tables.WindowKey, bytes] = field(default_factory=dict)
    users: dict[int, int] = field(default_factory=dict)
    failures: list[tuple[Failing, bytes]] = field(default_factory=list)

    def shorten(self) -> int:
        """Drop the oldest of what is too much; how many windows that were."""
        lost = sorted(self.windows, key=lambda key: key[1])[: max(0, len(self.windows) - MOST_WAITING)]
        for key in lost:
            del self.windows[key]
        if len(self.users) > MOST_WAITING * 10:
            self.users.clear()
        del self.failures[: -MOST_WAITING // 10]
        return len(lost)


class Book:
    """The windows of a project's services. Safe to use from many threads of one process; one process writes.

    Args:
        folder: made if it isn't there.

    Attributes:
        trouble: why nothing can be written, in a sentence; empty while all is well.
        lost: windows that were dropped because they could not be written for too long.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.RLock()
        self._waiting = _Waiting()
        self._turns = 0
        self._in_memory = False
        self.trouble = ""
        self.lost = 0
        self._connection = self._open()
        self._state = self._read_state()

    @property
    def state(self) -> State:
        """As of the last commit."""
        with self._lock:
            return self._state

    @property
    def horizon(self) -> int:
        """Windows that end by then are over and all here; milliseconds since 1970."""
        return self.state.horizon

    def commit(self, state: State, over: Sequence[Open], failures: Sequence[Failing] = ()) -> None:
        """Keep windows that are over, together with where the reading stands. Never raises; see `trouble`.

        Args:
            state: where it stands now.
            over: windows that are over since the last commit, by begin.
            failures: requests that went wrong since then.
        """
        with self._lock:
            for window in over:
                self._resolve(window)
                body = zlib.compress(msgspec.msgpack.encode(window.tallies), 1)
                self._waiting.windows[window.service, window.start, window.length] = body
            self._waiting.failures += [(one, msgspec.msgpack.encode(one)) for one in failures]
            self._write(state)
            self._state = state

    def windows(self, service: str, since: int, until: int) -> list[Kept]:
        """Windows with requests that begin at `since` or later and before `until` and are over, by begin; milliseconds."""
        with self._lock:
            found = {
                (start, length): body
                for start, length, body in tables.read_windows(self._connection, service, since, until)
            }
            found |= {
                (start, length): body
                for (name, start, length), body in self._waiting.windows.items()
                if name == service and since <= start < until
            }
            horizon = self._state.horizon
        return [
            Kept(start=start, length=length, tallies=_WINDOW.decode(zlib.decompress(body)))
            for (start, length), body in sorted(found.items())
            if start + length <= horizon
        ]

    def failing(self, service: str, arm: Arm, since: datetime, until: datetime, *, count: int = 20) -> tuple[str, ...]:
        """The last requests of a side that went wrong in a span, one line each, the oldest first."""
        begin, end = milliseconds(since), milliseconds(until)
        with self._lock:
            bodies = tables.read_failing(self._connection, service, arm.value, begin, end, count)
            kept = [_FAILING.decode(body) for body in bodies]
            kept += [
                one
                for one, _ in self._waiting.failures
                if one.service == service and one.arm == arm.value and begin <= one.at < end
            ]
        return shown(sorted(kept, key=lambda one: one.at)[-count:])

    def settle(self) -> None:
        """Bring everything that was committed so far to where a power cut leaves it: log files may go after that.

        Raises sqlite3.Error, or OSError if something still waits.
        """
        with self._lock:
            if self.trouble:
                raise OSError(self.trouble)
            self._connection.execute("PRAGMA wal_checkpoint(FULL)")

    def close(self) -> None:
        """No more questions."""
        with self._lock:
            self._connection.close()

    def _resolve(self, window: Open) -> None:
        """Say of each of a window's users when they were seen before, and note that they were seen now."""
        for tally, users in zip(window.tallies, window.users, strict=True):
            keys = [_key(window.service, user) for user in users]
            seen = self._seen(keys)
            for key in keys:
                before = seen.get(key, NEVER)
                tally.fresh[before] = tally.fresh.get(before, 0) + 1
                self._waiting.users[key] = max(window.start, before)

    def _seen(self, keys: Sequence[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        with suppress(sqlite3.Error):
            found = tables.read_users(self._connection, keys)
        waiting = self._waiting.users
        return found | {key: waiting[key] for key in keys if key in waiting} if waiting else found

    def _write(self, state: State) -> None:
        try:
            tables.write(
                self._connection,
                marks={_HORIZON: state.horizon},
                positions=state.positions,
                windows=self._waiting.windows,
                opened=[msgspec.msgpack.encode(window) for window in state.opened],
                users=self._waiting.users,
                failures=self._waiting.failures,
            )
        except sqlite3.Error as error:
            self._failed(error)
            return
        self._waiting = _Waiting()
        if self.trouble and not self._in_memory:
            log.warning("the gateway's windows are written again")
            self.trouble = ""
        self._prune(state.horizon)

    def _failed(self, error: sqlite3.Error) -> None:
        self.lost += self._waiting.shorten()
        if not self.trouble:
            log.error("the gateway's windows can't be written, and are kept in memory: %s (%s)", error, self._path)
        self.trouble = f"the gateway's windows can't be written, and are kept in memory: {error}"
        if not isinstance(error, sqlite3.OperationalError):
            self._connection.close()
            self._connection = self._open()

    def _prune(self, horizon: int) -> None:
        """Forget what is older than a day, a part at a time."""
        self._turns += 1
        oldest = horizon - KEEP_SECONDS * 1000
        with suppress(sqlite3.Error):
            tables.forget_users(self._connection, before=oldest, turn=self._turns)
            if self._turns % _PRUNE_EVERY == 1:
                tables.forget(self._connection, before=oldest, after=horizon + KEEP_SECONDS * 1000)
                tables.shrink(self._connection, LARGEST)

    def _open(self) -> sqlite3.Connection:
        """The database; a damaged one is set aside, and without any there is one in memory."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return tables.connect(self._path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                log.warning("the gateway's windows can't be read and are begun anew: %s (%s)", error, self._path)
                tables.set_aside(self._path)
                return tables.connect(self._path)
        except (OSError, sqlite3.Error) as error:
            self.trouble = f"the gateway's windows can't be written, and are kept in memory: {error}"
            self._in_memory = True
            log.error("%s (%s)", self.trouble, self._path)  # noqa: TRY400 - what it says is enough
            return tables.connect(":memory:")

    def _read_state(self) -> State:
        try:
            return State(
                positions=tables.read_positions(self._connection),
                opened=[_OPEN.decode(body) for body in tables.read_opened(self._connection)],
                horizon=tables.read_marks(self._connection).get(_HORIZON, 0),
            )
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            log.warning("the gateway's windows can't be read and are begun anew: %s (%s)", error, self._path)
            self._connection.close()
            tables.set_aside(self._path)
            self._connection = self._open()
            return State()


def _key(service: str, user: str) -> int:
    digest = blake2b(f"{service}\0{user}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
