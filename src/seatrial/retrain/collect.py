"""Collect: what came in on a stream becomes a file of rows, and of every line it is known what became of it.

Nothing is committed here. A collection that was cut off is begun again at the same offsets and overwrites what it left.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.ports import Clock, EventBatch, Stream, StreamReading
from seatrial.records import Collected, CollectSpec, Span, TemporaryError
from seatrial.retrain.bounds import DEAD_LINES, Bounds, hopeless, relevant
from seatrial.retrain.parse import Parser
from seatrial.retrain.spool import Spool, natural
from seatrial.wording.text import count

ROWS_FILE: Final = "rows.parquet"
DEAD_FILE: Final = "dead.jsonl"

_POLL: Final = 0.5
_TELL: Final = 1.0
_PATIENCE: Final = 60.0
_FIRST_POLL: Final = 2_000
_LARGEST_POLL: Final = 20_000
_POLL_BYTES: Final = 16 << 20
_REASONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectProgress:
    """One moment of a collection.

    Attributes:
        lines, rows, dead: so far.
        rate: lines a second, lately.
        seconds_left: until its end, as far as it is known: of the window, or at that rate; None where it is not.
    """

    lines: int
    rows: int
    dead: int
    rate: float
    seconds_left: float | None = None


class Stopped(Exception):  # noqa: N818 - not an error: somebody wanted it
    """The collection was told to stop; nothing of it is left."""


def unwatched(_: CollectProgress) -> None:
    """Nobody watches."""


def collect(
    stream: Stream,
    start: Mapping[str, int],
    spec: CollectSpec,
    parser: Parser,
    *,
    folder: Path,
    clock: Clock,
    most_dead: float,
    to: Mapping[str, int] | None = None,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[CollectProgress], None] = unwatched,
) -> Collected:
    """Read a stream until the collection ends, and keep the rows as one Parquet file.

    It ends with whichever comes first of what `spec` says and the offsets `to`. Rows are in the order of partitions and
    offsets, so that the same offsets give the same file.

    Args:
        stream: where the lines come from.
        start: offset of each partition that lines were taken of before.
        spec: when it ends.
        parser: makes rows of lines.
        folder: gets `rows.parquet` and, where lines are dead, `dead.jsonl`; what an earlier collection left there is overwritten.
        clock: the only time there is.
        most_dead: share of the lines that may be dead. With more it may end early (`ended_by` is `dead lines` then);
            ask `too_many_dead` of what it brought in any case.
        to: offsets to collect to, by partition; nothing is taken of others then.
        stop: asked at least every half second.
        watch: told once a second, and at the end.

    Raises:
        Stopped: because `stop` said so.
        TemporaryError, PermanentError: as the stream does; a partition of `to` is not read here for a minute.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spool = Spool(folder / ".collecting", parser.schema)
    try:
        reading = stream.read(start)
        try:
            collection = _Collection(
                reading, start, Bounds(spec, to or {}, reading.ends()), parser, spool, clock, watch
            )
            ended_by = collection.run(most_dead, stop)
        finally:
            reading.close()
        return collection.keep(folder, ended_by)
    finally:
        spool.close()


def too_many_dead(collected: Collected, most_dead: float) -> str:
    """A sentence if more than the share of lines that may be dead are; else empty. Lines of others and empty ones don't count."""
    own, dead = relevant(collected.counts), collected.counts.get("dead", 0)
    if not dead or dead <= most_dead * own:
        return ""
    most = f"; most often: {collected.reasons[0][0]}" if collected.reasons else ""
    return (
        f"{dead:,} of {count(own, 'line')} did not parse ({dead / own:.1%}; at most {most_dead:.1%} may): "
        f"nothing was taken from the stream{most}"
    )


class _Collection:
    """A collection while it runs."""

    def __init__(
        self,
        reading: StreamReading,
        start: Mapping[str, int],
        bounds: Bounds,
        parser: Parser,
        spool: Spool,
        clock: Clock,
        watch: Callable[[CollectProgress], None],
    ) -> None:
        self._reading = reading
        self._bounds = bounds
        self._parser = parser
        self._spool = spool
        self._clock = clock
        self._watch = watch
        self._positions = dict(reading.positions())
        self._starts = self._positions | dict(start)
        self._most = _FIRST_POLL
        self._counts: Counter[str] = Counter()
        self._notes: list[str] = []
        self._theirs: set[str] = set()
        self._begun = clock.monotonic()
        self._started = clock.now()
        self._told = (self._begun, 0)

    def run(self, most_dead: float, stop: Callable[[], bool]) -> str:
        """Until it ends; what ended it."""
        while not (ended := self._ended(most_dead)):
            if stop():
                raise Stopped
            self._poll()
            self._require_read()
            if self._clock.monotonic() - self._told[0] >= _TELL:
                self._tell()
        self._tell()
        return ended

    def keep(self, folder: Path, ended_by: str) -> Collected:
        """The files, and what is to be said of them."""
        rows, dead = folder / ROWS_FILE, folder / DEAD_FILE
        self._spool.write_rows(rows)
        if self._counts["dead"]:
            self._spool.write_dead(dead)
        else:
            dead.unlink(missing_ok=True)
        spans = dict(sorted(self._spans(), key=lambda pair: natural(pair[0])))
        lost = self._lost(spans)
        names = ("lines", "parsed", "ignored", "dead", "empty")
        return Collected(
            file=str(rows),
            counts={**{name: self._counts[name] for name in names}, "lost": lost},
            spans=spans,
            started=self._started,
            ended=self._clock.now(),
            ended_by=ended_by,
            dead_file=str(dead) if self._counts["dead"] else "",
            reasons=tuple(sorted(self._spool.kinds().items(), key=lambda pair: (-pair[1], pair[0]))[:_REASONS]),
            notes=tuple(self._notes),
        )

    def _ended(self, most_dead: float) -> str:
        lines = self._counts["lines"]
        ended = self._bounds.ended(lines, self._clock.monotonic() - self._begun, self._positions)
        if ended:
            return ended
        known = (self._bounds.events_left(lines), self._bounds.offsets_left(self._positions))
        left = min((bound for bound in known if bound is not None), default=None)
        return DEAD_LINES if hopeless(self._counts, most_dead, left) else ""

    def _poll(self) -> None:
        """Take what comes; if nothing does, a while passes, whether the stream waits by itself or not."""
        before = self._clock.monotonic()
        left = self._bounds.seconds_left(before - self._begun)
        wait = _POLL if left is None else min(_POLL, left)
        batches = self._reading.poll(wait, self._bounds.most(self._counts["lines"], self._most))
        self._drop(self._reading.taken_away())
        now = self._reading.positions()
        for batch in batches:
            if now.get(batch.partition, -1) >= batch.following:  # else it was taken away after it was read
                self._take(batch)
        self._go_on_from(now)
        if batches:
            self._most = next_most(batches)
        else:
            self._clock.sleep(max(0.0, before + wait - self._clock.monotonic()))

    def _take(self, batch: EventBatch) -> None:
        first = batch.offsets[0] if len(batch.offsets) else batch.following
        self._starts.setdefault(batch.partition, first)
        own = self._bounds.cut(batch)
        if self._bounds.takes(batch.partition) and len(own.offsets):
            self._spool.add(self._parser.parse(own))

    def _go_on_from(self, positions: Mapping[str, int]) -> None:
        """Where it is now. While a group is dealt out anew the stream has no positions: what it had then is still so."""
        self._positions.update(positions)
        self._theirs -= positions.keys()
        for partition, position in positions.items():
            self._starts.setdefault(partition, position)
        if self._bounds.unknown(positions):
            self._bounds.learn(self._reading.ends())
        self._counts = self._spool.counts()

    def _drop(self, partitions: Sequence[str]) -> None:
        for partition in dict.fromkeys(partitions):
            lines = self._spool.drop(partition)
            self._positions.pop(partition, None)
            self._theirs.add(partition)
            self._notes.append(
                f"{partition} went to another member of the group: {count(lines, 'line')} that had been read of it were dropped"
            )

    def _require_read(self) -> None:
        missing = sorted(self._bounds.required - self._positions.keys())
        if missing and self._clock.monotonic() - self._begun > _PATIENCE:
            raise TemporaryError(
                f"{', '.join(missing)} is to be collected and is not read here",
                where="stream",
                remedy="stop the other members of the group, or collect to other offsets",
            )

    def _spans(self) -> Iterator[tuple[str, Span]]:
        for partition, position in self._positions.items():
            if not self._bounds.takes(partition):
                continue
            start, limit = self._starts[partition], self._bounds.limit(partition)
            yield partition, Span(start=start, end=max(start, position if limit is None else min(position, limit)))

    def _lost(self, spans: Mapping[str, Span]) -> int:
        """How many offsets of what was taken the stream no longer had; each is noted."""
        total = 0
        for lost in dict.fromkeys(self._reading.lost()):
            if lost.partition in self._theirs or not self._bounds.takes(lost.partition):
                continue
            span = spans.get(lost.partition)
            end = lost.end if span is None else max(lost.start, min(lost.end, span.end))
            offsets = end - lost.start
            total += offsets
            self._notes.append(_lost_note(lost.partition, lost.start, offsets))
        return total

    def _tell(self) -> None:
        now, lines = self._clock.monotonic(), self._counts["lines"]
        since, before = self._told
        rate = max(0.0, (lines - before) / (now - since)) if now > since else 0.0
        self._told = (now, lines)
        progress = CollectProgress(
            lines=lines,
            rows=self._counts["parsed"],
            dead=self._counts["dead"],
            rate=rate,
            seconds_left=self._seconds_left(now - self._begun, rate),
        )
        self._watch(progress)

    def _seconds_left(self, elapsed: float, rate: float) -> float | None:
        events, offsets = self._bounds.events_left(self._counts["lines"]), self._bounds.offsets_left(self._positions)
        passed = sum(position - self._starts[name] for name, position in self._positions.items())
        known = (
            self._bounds.seconds_left(elapsed),
            events / rate if events is not None and rate else None,
            offsets * elapsed / passed if offsets is not None and passed > 0 else None,
        )
        return min((seconds for seconds in known if seconds is not None), default=None)


def _lost_note(partition: str, start: int, offsets: int) -> str:
    if not offsets:
        return f"{partition} is gone from the stream; it was read up to offset {start}"
    return f"the stream had {count(offsets, 'offset')} of {partition} no more, from {start} on: they are lost"


def next_most(batches: Sequence[EventBatch]) -> int:
    """How many events to ask for, so that they take no more memory than is sensible, however long they are."""
    lines = sum(len(batch.values) for batch in batches)
    size = sum(sum(map(len, filter(None, batch.values))) for batch in batches)
    return max(1, min(_LARGEST_POLL, _POLL_BYTES * max(1, lines) // max(1, size)))
