"""What a stream in memory holds: a log for each partition, and what its readers and writers have in common."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.adapters.stream.beginning import First, beyond_its_end, start_of
from seatrial.ports import Clock, EventBatch
from seatrial.records import TemporaryError


@dataclass(slots=True)
class Log:
    """One partition. `low` and `high` are as of Kafka: of the first event that may be there, and after the last one."""

    offsets: list[int] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    low: int = 0
    high: int = 0

    def add(self, values: Sequence[bytes], keys: Sequence[bytes | None], times: Sequence[int]) -> None:
        """Write events behind the last one."""
        self.offsets.extend(range(self.high, self.high + len(values)))
        self.values.extend(values)
        self.keys.extend(keys)
        self.times.extend(times)
        self.high += len(values)

    def keep(self, wanted: Callable[[int], bool]) -> None:
        """Forget every event whose index isn't wanted."""
        kept = [index for index in range(len(self.offsets)) if wanted(index)]
        self.offsets = [self.offsets[index] for index in kept]
        self.values = [self.values[index] for index in kept]
        self.times = [self.times[index] for index in kept]
        self.keys = [self.keys[index] for index in kept]

    def after(self, offset: int) -> int:
        """How many events there are from an offset on."""
        return len(self.offsets) - bisect_left(self.offsets, offset)

    def batch(self, partition: str, start: int, most: int) -> EventBatch | None:
        """At most `most` events from `start` on; None if there are none."""
        begin = bisect_left(self.offsets, start)
        cut = slice(begin, begin + most)
        offsets = self.offsets[cut]
        if not offsets:
            return None
        last = begin + len(offsets) == len(self.offsets)
        return EventBatch(
            partition=partition,
            offsets=offsets,
            values=self.values[cut],
            times=self.times[cut],
            keys=self.keys[cut],
            following=self.high if last else offsets[-1] + 1,
        )


@dataclass(slots=True, kw_only=True)
class Shelf:
    """All partitions; who reads or changes them holds `changed`.

    Attributes:
        theirs: partitions that another member of the group reads.
        moves: how often each was taken away.
        committed: what the group was told last.
    """

    logs: dict[str, Log]
    first: First
    clock: Clock | None
    answering: bool = True
    committed: dict[str, int] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)
    moves: dict[str, int] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def check(self) -> None:
        """Raise TemporaryError while the stream does not answer."""
        if not self.answering:
            raise TemporaryError("the stream does not answer", where="stream", remedy="set answering, and try again")

    def start(self, name: str, known: Mapping[str, int]) -> int:
        """Where a partition is begun to be read. Raises PermanentError if that lies beyond its end."""
        log = self.logs[name]
        start = start_of(name, known, self.first, low=log.low, high=log.high)
        if start > log.high:
            raise beyond_its_end(name, start, log.high)
        return start

    def wait(self, seconds: float, come: Callable[[], bool]) -> None:
        """Wait until something has come; by the clock, if there is one, the whole time."""
        if self.clock is not None:
            self.clock.sleep(seconds)
            return
        with self.changed:
            self.changed.wait_for(come, timeout=seconds)
