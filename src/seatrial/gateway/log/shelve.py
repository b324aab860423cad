"""Puts complete files of the access log away, one after another, in a thread of its own.

What can't be put away stays and is tried again. If that goes on, the oldest are given up and counted, or the log itself
would fill the disk.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from seatrial.gateway.log.archive import Read, Retention, archive, expire, files_bytes
from seatrial.ports import Clock

MOST_WAITING: Final = 512 << 20
"""Bytes of complete files that wait to be put away."""
RETRY_SECONDS: Final = 30.0
EXPIRE_SECONDS: Final = 600.0
log = logging.getLogger("seatrial.server")


class Shelver:
    """Puts files away below a directory.

    Args:
        target: directory of the telemetry.
        clock: the machine's.
        retention: what is kept there.

    Attributes:
        trouble: why the last file could not be put away, in a sentence; empty while all is well.
        lost: requests in files that were given up.
    """

    def __init__(self, target: Path, clock: Clock, retention: Retention | None = None) -> None:
        self._target, self._clock = target, clock
        self._retention = retention or Retention()
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        self._closing = threading.Event()
        self._next = self._expired = float("-inf")
        self.trouble = ""
        self.lost = 0

    def shelve(self, files: Sequence[Path], read: Read, settle: Callable[[], None]) -> None:
        """Begin to put these files away, unless that is under way or failed a moment ago.

        Args:
            files: complete ones that are counted, the oldest first.
            read: understands their lines.
            settle: makes sure that what was counted of them survives a power cut.
        """
        if (self._under_way and not self._under_way.done()) or self._clock.monotonic() < self._next:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "seatrial-log-archive")
        self._under_way = self._thread.submit(self._run, list(files), read, settle)

    def wait(self) -> None:
        """Until what is under way is done."""
        if self._under_way is not None:
            self._under_way.result()

    def close(self) -> None:
        """End after the file at hand."""
        self._closing.set()
        if self._thread is not None:
            self._thread.shutdown()

    def _run(self, files: Sequence[Path], read: Read, settle: Callable[[], None]) -> None:
        try:
            settle()
            for path in files:
                if not self._closing.is_set():
                    archive(path, self._target, read)
            self._expire()
            self._tell("")
        except Exception as error:  # noqa: BLE001 - the files stay, and are tried again
            self._tell(f"requests can't be kept in {self._target}: {error}")
            self._next = self._clock.monotonic() + RETRY_SECONDS
            self.bound(files)

    def _expire(self) -> None:
        if self._clock.monotonic() - self._expired >= EXPIRE_SECONDS:
            self._expired = self._clock.monotonic()
            expire(self._target, self._retention, self._clock.now())

    def bound(self, files: Sequence[Path]) -> None:
        """Remove the oldest of files that can't be put away, where they are too much."""
        waiting = [path for path in files if path.exists()]
        while len(waiting) > 1 and files_bytes(waiting) > MOST_WAITING:
            path = waiting.pop(0)
            with path.open("rb") as file:
                self.lost += sum(1 for _ in file)
            path.unlink(missing_ok=True)

    def _tell(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("%s", trouble)
        elif self.trouble and not trouble:
            log.warning("requests are kept again in %s", self._target)
        self.trouble = trouble
