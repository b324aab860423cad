"""A stream that lives in memory, shipped for tests: it loses, gaps, takes away and falls silent when it is told to.

stream = MemoryStream("ratings/0", "ratings/1", clock=FakeClock())
stream.put("ratings/0", [b"1,7,5", b"2,7,3"])
with closing(stream.read({})) as reading:
    batches = reading.poll(1.0)
"""

import zlib
from collections.abc import Mapping, Sequence

from seatrial.adapters.stream.beginning import First, beyond_its_end
from seatrial.adapters.stream.memory_log import Log, Shelf
from seatrial.ports import Clock, EventBatch, LostEvents
from seatrial.records import PermanentError


class MemoryStream:
    """Partitions of events in memory; safe to use from many threads.

    Args:
        partitions: their names, by default `events/0`; more come by `put`.
        first: where a topic begins that nothing is known of.
        clock: that a wait for events sleeps by, and that stamps them; None: it really waits, and events have no time.
    """

    def __init__(self, *partitions: str, first: First = "earliest", clock: Clock | None = None) -> None:
        self._shelf = Shelf(logs={name: Log() for name in partitions or ("events/0",)}, first=first, clock=clock)
        self._turn = 0

    @property
    def committed(self) -> Mapping[str, int]:
        """What the group was told last, by partition."""
        return dict(self._shelf.committed)

    def answer(self, *, answering: bool) -> None:
        """Fall silent, or come back: while silent, all calls of the port raise TemporaryError at once."""
        self._shelf.answering = answering

    def put(
        self,
        partition: str,
        values: Sequence[bytes],
        *,
        keys: Sequence[bytes | None] = (),
        times: Sequence[int] = (),
    ) -> None:
        """Write events to one partition; `times` in milliseconds since 1970, by default the clock's."""
        shelf = self._shelf
        stamp = -1 if shelf.clock is None else int(shelf.clock.now().timestamp() * 1000)
        with shelf.changed:
            log = shelf.logs.setdefault(partition, Log())
            log.add(values, keys or [None] * len(values), times or [stamp] * len(values))
            shelf.changed.notify_all()

    def skip(self, partition: str, count: int = 1) -> None:
        """Use up offsets that are an event for nobody, as a transaction's end does."""
        with self._shelf.changed:
            self._shelf.logs[partition].high += count
            self._shelf.changed.notify_all()

    def compact(self, partition: str) -> None:
        """Keep only the last event of each key, as a compacted topic does; those without a key stay."""
        with self._shelf.changed:
            log = self._shelf.logs[partition]
            last = {key: index for index, key in enumerate(log.keys)}
            keys = list(log.keys)
            log.keep(lambda index: keys[index] is None or last[keys[index]] == index)

    def truncate(self, partition: str, before: int) -> None:
        """Forget every event before an offset, as retention does."""
        with self._shelf.changed:
            log = self._shelf.logs[partition]
            offsets = list(log.offsets)
            log.keep(lambda index: offsets[index] >= before)
            log.low = max(log.low, min(before, log.high))

    def make_anew(self, partition: str) -> None:
        """Delete a partition and make it again, empty."""
        with self._shelf.changed:
            self._shelf.logs[partition] = Log()

    def take_away(self, partition: str) -> None:
        """Give a partition to another member of the group; whoever reads here now is told, and reads no more of it."""
        with self._shelf.changed:
            self._shelf.theirs.add(partition)
            self._shelf.moves[partition] = self._shelf.moves.get(partition, 0) + 1

    def give_back(self, partition: str) -> None:
        """Let the present readers have it again; each begins it once more where it had begun it."""
        with self._shelf.changed:
            self._shelf.theirs.discard(partition)
            self._shelf.changed.notify_all()

    def read(self, offsets: Mapping[str, int]) -> "MemoryReading":
        """Begin to read; see `seatrial.ports.Stream`."""
        self._shelf.check()
        return MemoryReading(self._shelf, offsets)

    def waiting(self, offsets: Mapping[str, int]) -> int:
        """Events after these offsets."""
        shelf = self._shelf
        shelf.check()
        with shelf.changed:
            known = shelf.committed | dict(offsets)
            return sum(log.after(shelf.start(name, known)) for name, log in shelf.logs.items())

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Remember them in `committed`."""
        self._shelf.check()
        with self._shelf.changed:
            self._shelf.committed.update(offsets)

    def append(self, values: Sequence[bytes], keys: Sequence[bytes | None] = ()) -> None:
        """Write events: to the partition that their key is of, or to each in turn."""
        self._shelf.check()
        names = sorted(self._shelf.logs)
        for value, key in zip(values, keys or [None] * len(values), strict=True):
            which = self._turn if key is None else zlib.crc32(key)
            self._turn += key is None
            self.put(names[which % len(names)], [value], keys=[key])


class MemoryReading:
    """One reader of a MemoryStream; made by `MemoryStream.read`."""

    def __init__(self, shelf: Shelf, offsets: Mapping[str, int]) -> None:
        self._shelf = shelf
        self._known = shelf.committed | dict(offsets)
        self._begun: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._moves = dict(shelf.moves)
        self._told: list[str] = []
        self._lost: list[LostEvents] = []
        self._open = True
        with shelf.changed:
            self._mine()
            self._known |= self._begun

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come; see `seatrial.ports.StreamReading`."""
        batches = self._take(most)
        if batches or seconds <= 0:
            return batches
        self._shelf.wait(seconds, self._behind)
        return self._take(most)

    def ends(self) -> Mapping[str, int]:
        """Offset after the last event of each partition."""
        self._shelf.check()
        with self._shelf.changed:
            return {name: self._shelf.logs[name].high for name in self._mine()}

    def positions(self) -> Mapping[str, int]:
        """Where each partition is read on."""
        with self._shelf.changed:
            return {name: self._positions[name] for name in self._mine()}

    def taken_away(self) -> Sequence[str]:
        """Partitions that were taken away since it was asked last."""
        with self._shelf.changed:
            self._mine()
            told, self._told = self._told, []
        return told

    def lost(self) -> Sequence[LostEvents]:
        """What was truncated before it was read."""
        return tuple(self._lost)

    def close(self) -> None:
        """Read no more."""
        self._open = False

    def _behind(self) -> bool:
        return any(self._shelf.logs[name].high > self._positions[name] for name in self._mine())

    def _take(self, most: int) -> list[EventBatch]:
        if not self._open:
            raise PermanentError("the reading is closed", where="stream", remedy="read again")
        self._shelf.check()
        found: list[EventBatch] = []
        with self._shelf.changed:
            for name in self._mine():
                if most <= 0:
                    break
                log = self._shelf.logs[name]
                batch = log.batch(name, self._positions[name], most)
                self._positions[name] = log.high if batch is None else batch.following
                if batch is not None:
                    found.append(batch)
                    most -= len(batch.offsets)
        return found

    def _mine(self) -> list[str]:
        """Partitions that are read here, after a look at what happened to them; the caller holds the lock."""
        for name in sorted(self._shelf.logs):
            self._look_after(name)
        return [name for name in sorted(self._positions) if name not in self._shelf.theirs]

    def _look_after(self, name: str) -> None:
        log = self._shelf.logs[name]
        if name not in self._begun:
            self._begun[name] = self._positions[name] = self._shelf.start(name, self._known)
        moves = self._shelf.moves.get(name, 0)
        if moves != self._moves.get(name, 0):
            self._moves[name] = moves
            self._told.append(name)
            self._positions[name] = self._begun[name]
        position = self._positions[name]
        if position > log.high:
            raise beyond_its_end(name, position, log.high)
        if position < log.low:
            self._lost.append(LostEvents(partition=name, start=position, end=log.low))
            self._positions[name] = log.low
