"""The rows of one kind that wait to be written, in the order in which they came, and the numbers of their segments."""

from collections import deque
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from seatrial.records.telemetry import segment_name
from seatrial.serve.log.columns import Dated
from seatrial.serve.log.compaction import folder_of

if TYPE_CHECKING:
    from arro3.core import RecordBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What becomes one segment. It never changes, so that writing it again after an error is writing the same."""

    kind: str
    day: date
    number: int
    worker: str
    batches: "tuple[RecordBatch, ...]"
    rows: int

    @property
    def path(self) -> str:
        """Where it goes, below the target."""
        return f"{folder_of(self.kind, self.day)}/{segment_name(self.worker, self.number, self.number)}"


class Lane:
    """Rows of one kind. Used by one thread.

    Args:
        kind: `predictions` or `labels`.
        worker: in the names of its segments.
        segment_rows: in one segment at most.
    """

    def __init__(self, kind: str, worker: str, segment_rows: int) -> None:
        self._kind = kind
        self._worker = worker
        self._segment_rows = segment_rows
        self._waiting: deque[Dated] = deque()
        self._sealed: Sealed | None = None
        self._number = 0
        self.added = 0
        """Rows that ever came."""
        self.written = 0
        """Rows of these that are in their place: always the first ones."""
        self.bytes = 0
        """Of those that aren't."""

    @property
    def rows(self) -> int:
        """How many wait."""
        return self.added - self.written

    @property
    def full(self) -> bool:
        """Whether a whole segment waits."""
        return self.rows >= self._segment_rows

    def add(self, dated: Dated) -> None:
        """Takes rows in."""
        self._waiting.append(dated)
        self.added += dated.rows
        self.bytes += dated.batch.nbytes

    def head(self) -> Sealed:
        """What is to be written next: always the same until it is `done`. There has to be a row."""
        if self._sealed is None:
            self._sealed = self._seal()
        return self._sealed

    def done(self) -> None:
        """The head is in its place."""
        if self._sealed is not None:
            self.written += self._sealed.rows
            self.bytes -= sum(batch.nbytes for batch in self._sealed.batches)
            self._sealed = None

    def _seal(self) -> Sealed:
        batches: list[RecordBatch] = []
        day, rows = self._waiting[0].day, 0
        while self._waiting and self._waiting[0].day == day:
            if batches and rows + self._waiting[0].rows > self._segment_rows:
                break
            dated = self._waiting.popleft()
            rows += dated.rows
            batches.append(dated.batch)
        self._number += 1
        return Sealed(
            kind=self._kind, day=day, number=self._number, worker=self._worker, batches=tuple(batches), rows=rows
        )
