"""The sessions that the server keeps: a file for each release, so that a restart in between loses nothing.

A release is named by the caller. A name becomes the name of a file, hence only harmless ones are taken; and one release is
judged by one request at a time, whichever process answers, since two that learn from the same window would count it twice.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.ports import Clock
from seatrial.records import PermanentError, TemporaryError, UsageError
from seatrial.web.session import Session, dump_session, keep, load_session

MOST_RELEASES: Final = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,149}")
_PATIENCE = 8.0
_PAUSE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A folder of sessions.

    Attributes:
        forget: a release that nobody asked for during so many seconds begins anew when its name comes up again.
    """

    folder: Path
    clock: Clock
    forget: float = 3600.0

    def knows(self, release: str) -> bool:
        """Whether anything is kept of it, forgotten or not. Raises UsageError for a name that can't be one."""
        check_name(release)
        return self._file(release).exists()

    @contextmanager
    def held(self, release: str) -> Iterator["Entry"]:
        """Nobody else judges this release meanwhile.

        Raises UsageError for a name that can't be one, TemporaryError if another request takes too long with it.
        """
        check_name(release)
        lock = self.folder / f"{release}.lock"
        if not lock.exists() and sum(1 for _ in self.folder.glob("*.lock")) >= MOST_RELEASES:
            raise PermanentError(
                f"{MOST_RELEASES:,} releases are kept already",
                where=str(self.folder),
                remedy="delete the files of those that are over",
            )
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(descriptor, release)
            yield Entry(path=self._file(release), kept=self)
        finally:
            os.close(descriptor)

    def _file(self, release: str) -> Path:
        return self.folder / f"{release}.json"

    def _lock(self, descriptor: int, release: str) -> None:
        deadline = self.clock.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.clock.monotonic() >= deadline:
                    raise TemporaryError(
                        "another request is still judging this release", where=release, remedy="ask again"
                    ) from None
                self.clock.sleep(_PAUSE)
            else:
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The file of one release, held."""

    path: Path
    kept: Kept

    def load(self) -> Session | None:
        """What is kept of it; None if there is nothing, or it was forgotten."""
        if not self.path.exists():
            return None
        session = load_session(self.path.read_bytes(), where=self.path.stem)
        silent = 0.0 if session.asked is None else (self.kept.clock.now() - session.asked).total_seconds()
        return None if silent > self.kept.forget else session

    def save(self, session: Session) -> None:
        """Keep it, whole or not at all. Raises PermanentError if the disk does not take it."""
        session.asked = self.kept.clock.now()
        try:
            keep(self.path, dump_session(session))
        except OSError as error:
            raise PermanentError(
                f"the judge's state can't be written: {error.strerror}", where=str(self.path.parent), remedy="make room"
            ) from None

    def delete(self) -> bool:
        """Forget the release; whether there was one."""
        existed = self.path.exists()
        self.path.unlink(missing_ok=True)
        return existed


def check_name(release: str) -> None:
    """Raises UsageError for a name that can't be a file's."""
    if _NAME.fullmatch(release) is None:
        raise UsageError(
            f"{release[:80]!r} can't name a release",
            where="release",
            remedy="take letters, digits, and . _ @ - , at most 150 of them, a letter or digit first",
        )
