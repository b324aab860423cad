"""A folder of files as a stream: the queue of a team that has none.

Each file is a partition, each line an event, and an offset is the byte that a line begins at. Files only grow; a program
that writes them adds whole lines at the end. A last line without a line break is not an event yet: somebody is writing it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.stream.beginning import First, start_of
from seatrial.adapters.stream.lines import (
    check_offset,
    count_lines,
    last_break,
    lines_of,
    partitions_of,
    size_of,
)
from seatrial.adapters.stream.lines_append import append_lines
from seatrial.ports import Clock, EventBatch, LostEvents
from seatrial.records import PermanentError

_LOOK_AGAIN = 0.05
_LOOK_AT_LEAST = 0.5
ROTATE_BYTES = 64 << 20


class FileStream:
    """Lines of the files in one folder.

    Args:
        folder: need not be there yet; files in it whose names begin with a dot or end as temporary ones do are not read.
        first: where the folder begins if nothing was taken of it yet: `latest` leaves out what is there now. A file that
            comes later is read from its beginning.
        clock: that a wait for events sleeps by.
        rotate: bytes of a file after which `append` begins the next one.
    """

    def __init__(
        self, folder: Path, *, first: First = "earliest", clock: Clock | None = None, rotate: int = ROTATE_BYTES
    ) -> None:
        self._folder = folder
        self._first: First = first
        self._clock = clock or SystemClock()
        self._rotate = rotate

    def read(self, offsets: Mapping[str, int]) -> "FileReading":
        """Begin to read; see `seatrial.ports.Stream`."""
        return FileReading(self._folder, offsets, self._first, self._clock)

    def waiting(self, offsets: Mapping[str, int]) -> int:
        """Lines after these offsets: exact for the first 64 MiB of a file, and by their usual length after that."""
        total = 0
        for name in partitions_of(self._folder):
            path = self._folder / name
            start = start_of(name, offsets, self._first, low=0, high=last_break(path, 0))
            total += count_lines(path, start)
        return total

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Nothing: a folder has nobody to tell."""

    def append(self, values: Sequence[bytes], keys: Sequence[bytes | None] = ()) -> None:
        """Write lines to the newest `events-000001.jsonl`, and return when they are on the disk.

        Args:
            values: none of them with a line break.
            keys: not kept; a file has no place for them.

        Raises:
            UsageError: a value has a line break in it.
            TemporaryError: they could not be written; then none of them was.
        """
        del keys
        append_lines(self._folder, values, rotate=self._rotate)


class FileReading:
    """A folder while it is read; made by `FileStream.read`."""

    def __init__(self, folder: Path, offsets: Mapping[str, int], first: First, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._positions: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._lost: list[LostEvents] = []
        self._open = True
        there = partitions_of(folder)
        for name in there:
            path = folder / name
            self._begin(name, start_of(name, offsets, first, low=0, high=last_break(path, 0)))
        self._gone = {name: offset for name, offset in offsets.items() if name not in there}
        self._lost += [LostEvents(partition=name, start=at, end=at) for name, at in sorted(self._gone.items())]

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come; see `seatrial.ports.StreamReading`. Files are read in the order of their names."""
        until = self._clock.monotonic() + seconds
        pause = _LOOK_AGAIN
        while True:
            found = self._take(most)
            left = until - self._clock.monotonic()
            if found or left <= 0:
                return found
            self._clock.sleep(min(left, pause))
            pause = min(2 * pause, _LOOK_AT_LEAST)

    def ends(self) -> Mapping[str, int]:
        """Byte after the last line break of each file."""
        self._look()
        return {name: last_break(self._folder / name, at) for name, at in self._positions.items()}

    def positions(self) -> Mapping[str, int]:
        """Byte that each file is read on from."""
        return dict(self._positions)

    def taken_away(self) -> Sequence[str]:
        """Nothing: a folder has no group."""
        return ()

    def lost(self) -> Sequence[LostEvents]:
        """Files that vanished: how many lines were left in one that was gone already is not known, so its span is empty."""
        return tuple(self._lost)

    def close(self) -> None:
        """Read no more."""
        self._open = False

    def _take(self, most: int) -> list[EventBatch]:
        if not self._open:
            raise PermanentError("the reading is closed", where=str(self._folder), remedy="read again")
        self._look()
        found: list[EventBatch] = []
        for name, position in list(self._positions.items()):
            if most <= 0:
                break
            batch = lines_of(self._folder / name, position, most) if self._sizes[name] > position else None
            if batch is not None:
                found.append(batch)
                self._positions[name] = batch.following
                most -= len(batch.offsets)
        return found

    def _look(self) -> None:
        """Find new files, files that grew, and those that are gone."""
        there = partitions_of(self._folder)
        for name in there:
            if name not in self._positions:
                self._begin(name, self._gone.pop(name, 0))
            self._sizes[name] = size_of(self._folder / name, self._positions[name])
        for name in self._positions.keys() - set(there):
            self._forget(name)
        self._positions = dict(sorted(self._positions.items()))

    def _begin(self, name: str, offset: int) -> None:
        check_offset(self._folder / name, offset)
        self._positions[name] = offset
        self._sizes[name] = size_of(self._folder / name, offset)

    def _forget(self, name: str) -> None:
        at = self._gone[name] = self._positions.pop(name)
        end = self._sizes.pop(name)
        if end > at:
            self._lost.append(LostEvents(partition=name, start=at, end=end))
