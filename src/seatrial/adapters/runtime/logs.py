"""Logs of deployments: bounded on disk.

A deployment writes its log itself (its standard output is the file), so that no log is lost when seatrial is killed and
none of its output passes through the process that measures. The price is that nothing limits it; a thread therefore
looks at the sizes and cuts a log that grows too long.
"""

import os
import threading
from pathlib import Path

KEPT_BYTES = 16 << 20


class LogKeeper:
    """Keeps watched logs below `kept` bytes (as far as the interval allows): their beginning and their newest end.

    Args:
        kept: a log longer than this is cut to a quarter of it from the beginning, a marker line that says how much was
            dropped, and a quarter of it from the end; so between half and all of it is there.
        interval: seconds between looks. A process that writes 1 GB/s holds at most 50 MB more than `kept` in between.
    """

    def __init__(self, kept: int = KEPT_BYTES, interval: float = 0.05) -> None:
        self._kept = kept
        self._interval = interval
        self._dropped: dict[Path, int] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, path: Path) -> None:
        """Look after this log from now on."""
        with self._changed:
            self._dropped.setdefault(path, 0)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_after, name="seatrial-logs", daemon=True)
                self._thread.start()

    def release(self, path: Path) -> None:
        """Cut it a last time if need be, then leave it alone. Nothing may write to it any more."""
        with self._changed:
            if path in self._dropped:
                self._cut_if_long(path)
                del self._dropped[path]
            self._changed.notify_all()

    def _look_after(self) -> None:
        with self._changed:
            while self._dropped:
                for path in self._dropped:
                    self._cut_if_long(path)
                self._changed.wait(self._interval)
            self._thread = None

    def _cut_if_long(self, path: Path) -> None:
        try:
            if path.stat().st_size > self._kept:
                self._dropped[path] = cut(path, keep=self._kept // 4, dropped=self._dropped[path])
        except OSError:
            # The log was removed, or its disk is full or gone: the deployment meets the same trouble and says so.
            return


def cut(path: Path, *, keep: int, dropped: int) -> int:
    """Cut a log that is still being appended to: its first and last `keep` bytes stay around a marker line.

    `dropped` is how many bytes earlier cuts of this log dropped; returns the new total, which the marker says too.
    What is written between the reading of the end and the cut is lost and counted.
    """
    with path.open("r+b") as log, path.open("ab") as end:
        size = os.fstat(log.fileno()).st_size
        tail = os.pread(log.fileno(), keep, size - keep)
        tail = tail[tail.find(b"\n") + 1 :]
        size = os.fstat(log.fileno()).st_size
        os.ftruncate(log.fileno(), keep)
        earlier = len(_marker(dropped)) if dropped else 0
        dropped += size - keep - earlier - len(tail)
        end.write(_marker(dropped) + tail)
    return dropped


def _marker(dropped: int) -> bytes:
    return f"\n[seatrial: {dropped} bytes of this log were dropped here]\n".encode()
