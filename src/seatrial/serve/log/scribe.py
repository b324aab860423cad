"""From what was answered to the bytes of segments: the work of the log's thread, without its timing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from seatrial.records.serving import ModelInfo, Signature
from seatrial.records.telemetry import LABELS, PREDICTIONS
from seatrial.serve.log.answered import Answered, Label, Unanswered
from seatrial.serve.log.columns import PIECE, Dated, LabelColumns, PredictionColumns
from seatrial.serve.log.lane import Lane, Sealed
from seatrial.serve.log.sampling import sampled
from seatrial.serve.log.segments import Encoder
from seatrial.serve.options import LogOptions

BUFFER_BYTES = 512 * 1024 * 1024
"""Of rows that are columns already; they become so many only where the place can't be written."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A label and the unix seconds of its coming in."""

    time: float
    label: Label


Entry = Answered | Unanswered | Stamped
"""What becomes rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How many rows entries became, and how many were lost because they could not be converted or kept."""

    kept: int = 0
    lost: int = 0

    def __add__(self, other: "Converted") -> "Converted":
        """Both together."""
        return Converted(kept=self.kept + other.kept, lost=self.lost + other.lost)


Mark = Mapping[str, int]
"""A point in the log: how many rows of each kind came before it."""


class Scribe:
    """Converts and encodes; used by one thread. Where segments go, and when, is for others.

    Args:
        options: sample, redaction and rows of a segment.
        info: the model.
        signature: of the model.
        worker: in the names of the segments.
        rest: called between steps of about a millisecond.
    """

    def __init__(
        self, options: LogOptions, info: ModelInfo, signature: Signature, *, worker: str, rest: Callable[[], None]
    ) -> None:
        redacted, piece = frozenset(options.redact), min(PIECE, options.segment_rows)
        self._options, self._rest = options, rest
        self._predictions = PredictionColumns(info, signature, redacted, piece)
        self._labels = LabelColumns(redacted, piece)
        self._lanes = {kind: Lane(kind, worker, options.segment_rows) for kind in (PREDICTIONS, LABELS)}
        schemas = {PREDICTIONS: self._predictions.schema, LABELS: self._labels.schema}
        self._encoders = {kind: Encoder(schema) for kind, schema in schemas.items()}
        self.unreadable: BaseException | None = None
        """Why entries could not be converted, last."""

    def convert(self, entries: Sequence[Entry]) -> Converted:
        """Turns entries into rows that wait; those outside the sample are left out."""
        answered = [one for one in entries if isinstance(one, Answered)]
        unanswered = [one for one in entries if isinstance(one, Unanswered) and self._keeps(one.request_id)]
        labels = [one for one in entries if isinstance(one, Stamped) and self._keeps(one.label.request_id)]
        keep = None if self._options.sample >= 1 else self._keeps
        return (
            self._add(PREDICTIONS, partial(self._predictions.of_answered, keep=keep), answered)
            + self._add(PREDICTIONS, self._predictions.of_unanswered, unanswered)
            + self._add(LABELS, self._labels.of_labels, [(one.time, one.label) for one in labels])
        )

    def mark(self) -> Mark:
        """The point behind the last row that was converted."""
        return {kind: lane.added for kind, lane in self._lanes.items()}

    def reached(self, mark: Mark) -> bool:
        """Whether all rows before a point are in their place."""
        return all(lane.written >= mark[kind] for kind, lane in self._lanes.items())

    def next(self, goal: Mark) -> Sealed | None:
        """What is to be written next: whole segments, and all rows before `goal`. The same until it is `done`."""
        for kind, lane in self._lanes.items():
            if lane.full or lane.written < goal[kind]:
                return lane.head()
        return None

    def encode(self, sealed: Sealed) -> memoryview:
        """The bytes of its file."""
        return self._encoders[sealed.kind].encode(sealed.batches, sealed.rows, self._rest)

    def done(self, sealed: Sealed) -> None:
        """What was next is in its place, or given up."""
        self._lanes[sealed.kind].done()

    def _add(self, kind: str, make: Callable[[Sequence[T]], Iterator[Dated]], ones: Sequence[T]) -> Converted:
        if not ones:
            return Converted()
        made = []
        try:
            for dated in make(ones):
                made.append(dated)
                self._rest()
        except BaseException as error:  # noqa: BLE001 - one answer of an unheard-of kind must not cost the others their rows
            self.unreadable = error
            if len(ones) > 1:
                return sum((self._add(kind, make, [one]) for one in ones), Converted())
            return Converted(lost=_rows(ones[0]))
        return sum((self._keep(kind, dated) for dated in made), Converted())

    def _keep(self, kind: str, dated: Dated) -> Converted:
        if sum(lane.bytes for lane in self._lanes.values()) > BUFFER_BYTES:
            return Converted(lost=dated.rows)
        self._lanes[kind].add(dated)
        return Converted(kept=dated.rows)

    def _keeps(self, request_id: str) -> bool:
        return sampled(request_id, self._options.sample)


def _rows(one: object) -> int:
    return sum(each.count for each in one.requests) if isinstance(one, Answered) else 1
