"""Reading a stream in tests, until what is wanted is there."""

from collections.abc import Mapping, Sequence

from seatrial.ports import EventBatch, StreamReading
from tests.waiting import wait_until

PATIENCE = 40.0


def read_to_end(reading: StreamReading, *, most: int = 10_000) -> list[EventBatch]:
    """Everything that is there now; fails after a while if the positions don't come to the ends."""
    ends = reading.ends()
    found: list[EventBatch] = []

    def arrived() -> bool:
        positions = reading.positions()
        if all(positions.get(name, -1) >= end for name, end in ends.items()):
            return True
        found.extend(reading.poll(0.1, most))
        return False

    wait_until(arrived, PATIENCE)
    return found


def read_some(reading: StreamReading, count: int, *, most: int = 10_000) -> list[EventBatch]:
    """Batches until at least so many events are there."""
    found: list[EventBatch] = []

    def enough() -> bool:
        found.extend(reading.poll(0.1, most))
        return sum(len(batch.offsets) for batch in found) >= count

    wait_until(enough, PATIENCE)
    return found


def values_of(batches: Sequence[EventBatch], partition: str | None = None) -> list[bytes]:
    """The lines in the order in which they came."""
    return [value for batch in batches if partition in {None, batch.partition} for value in batch.values]


def offsets_of(batches: Sequence[EventBatch], partition: str | None = None) -> list[int]:
    """Their offsets."""
    return [offset for batch in batches if partition in {None, batch.partition} for offset in batch.offsets]


def followings_of(batches: Sequence[EventBatch]) -> Mapping[str, int]:
    """Where each partition goes on."""
    return {batch.partition: batch.following for batch in batches}
