"""What keeps a log tidy while it is written: compaction, retention, and clearing up after crashes.

It has a thread of its own, so that none of it delays a segment: what kill -9 can lose stays the time between two
segments, however slow a listing of the bucket is.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from seatrial.records.telemetry import Segment
from seatrial.serve.log.compaction import compact_files, folder_of
from seatrial.serve.log.places import Place
from seatrial.serve.log.retention import expire

BLOCK = 32
"""Segments that are merged at once; and as many of the merged ones again, and so on."""

_LEFT_BEHIND_SECONDS = 60.0
_RETENTION_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker's numbers of one kind and date that are complete: a block, or all of a date that is over (None)."""

    kind: str
    day: date
    block: range | None


class Upkeep:
    """Tidies up behind one worker. What fails is told by `failure`, and done with the next block or hour.

    Args:
        place: the log.
        worker: whose segments are merged.
        target_rows: no merged segment has more.
        retain_days: as in `LogOptions`.
        clock: unix seconds.
        rest: lets the server's event loop run.
    """

    def __init__(
        self,
        place: Place,
        *,
        worker: str,
        target_rows: int,
        retain_days: float | None,
        clock: Callable[[], float],
        rest: Callable[[], None],
    ) -> None:
        self._place = place
        self._worker = worker
        self._target_rows = target_rows
        self._retain_days = retain_days
        self._clock = clock
        self._rest = rest
        self._failures: dict[str, BaseException] = {}
        self._expiry_due = 0.0
        self._days: dict[str, date] = {}
        self._finished: deque[Finished] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="seatrial-log-upkeep", daemon=True)

    @property
    def failure(self) -> BaseException | None:
        """Why a step did not succeed when it was last tried."""
        return next(iter(list(self._failures.values())), None)

    def start(self) -> None:
        """Starts the thread, which first clears up what others left."""
        self._thread.start()

    def wrote(self, kind: str, day: date, number: int) -> None:
        """Tells that a segment is in its place; merging begins where a block or a date is over."""
        before, self._days[kind] = self._days.get(kind, day), day
        if before != day:
            self._hand(Finished(kind, before, None))
        block = _largest_block(number)
        if block is not None:
            self._hand(Finished(kind, day, block))

    def stop(self, timeout: float) -> None:
        """Ends after the step at hand; what is left to merge is for `compact`."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)

    def _hand(self, finished: Finished) -> None:
        self._finished.append(finished)
        self._wake.set()

    def _run(self) -> None:
        self._try("sweep", lambda: self._place.sweep(self._clock() - _LEFT_BEHIND_SECONDS))
        while not self._stopping:
            if not self._finished:
                self._try("expire", self._expire)
                self._wake.wait(_RETENTION_SECONDS)
                self._wake.clear()
            while self._finished and not self._stopping:
                self._try("merge", partial(self._merge, self._finished.popleft()))

    def _try(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
            self._failures.pop(name, None)
        except BaseException as error:  # noqa: BLE001 - a panic of arro3 is no Exception, and must not end the thread
            self._failures[name] = error

    def _expire(self) -> None:
        now = self._clock()
        if self._retain_days is not None and now >= self._expiry_due:
            self._expiry_due = now + _RETENTION_SECONDS
            expire(self._place, self._retain_days, now)

    def _merge(self, finished: Finished) -> None:
        folder = folder_of(finished.kind, finished.day)
        files = [one for one in self._place.list(folder) if self._is_own(one.path)]
        compact_files(
            self._place,
            folder,
            files,
            target_rows=self._target_rows,
            final=finished.block is None,
            block=finished.block,
            rest=self._rest,
        )

    def _is_own(self, path: str) -> bool:
        segment = Segment.parse(path)
        return segment is not None and segment.worker == self._worker


def _largest_block(number: int) -> range | None:
    """The largest block of BLOCK, BLOCK², … numbers that ends with this one."""
    size = 1
    while number % (size * BLOCK) == 0:
        size *= BLOCK
    return range(number - size + 1, number + 1) if size > 1 else None
