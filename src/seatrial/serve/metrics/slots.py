"""One file of numbers that one process adds to and any process reads, without a lock, a system call or a copy between.

prometheus_client's own multiprocess mode looks a key up and packs two numbers at each step; here the hot path adds to a
`memoryview` of float64 in shared memory, about 50 ns. What a process has counted stays in the file when it is killed.

A file is a header and then blocks, only ever appended:

    8 bytes     size of the JSON (low 32 bits) and number of slots (high 32 bits); zero where nothing follows
    JSON        `Header` or `Block`, zeros up to the next multiple of 8
    slots       float64 each, in this machine's byte order

The first 8 bytes are written last, so that a block is either whole or not there (a processor that shows stores in another
order shows JSON with zeros in it, which is not JSON: not there yet). A slot is one aligned store, so that it
is never half written; two slots of one block are not a unit, and a reader may see the one without the other.
"""

import array
import logging
import mmap
import os
import struct
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from seatrial.records import PermanentError

Slots: TypeAlias = "memoryview[float]"
"""Numbers in shared memory (or private, in tests); assigning to one is a single store."""

FIRST_SIZE = 64 * 1024
"""Bytes of a new file: enough for some thirty routes and a model."""

_LOG = logging.getLogger(__name__)
_FRAME = struct.Struct("=Q")
_SLOT = 8


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose file it is.

    Attributes:
        id: differs for every file that was ever made.
        worker: name that the parent gave; empty in the file of the past.
        pid, started: of the process, `started` in clock ticks since boot; 0 where unknown.
        folded: ids of the files whose numbers are in this one.
    """

    id: str
    worker: str = ""
    pid: int = 0
    started: int = 0
    folded: tuple[str, ...] = ()


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run of slots means: one slot for each of `names`, then `len(edges) + 1` buckets if there are edges.

    Attributes:
        kind: which room of the exposition it belongs to.
        labels: as rendered.
        names: of the single slots.
        edges: upper ends (included) of all buckets but the last; ascending.
        born: Unix time at which it was made; of blocks with the same labels, the edges of the newest are shown.
    """

    kind: str
    labels: Mapping[str, str] = {}
    names: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    born: float = 0.0

    @property
    def slots(self) -> int:
        """How many numbers it holds."""
        return len(self.names) + (len(self.edges) + 1 if self.edges else 0)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for blocks whose slots may be added one by one."""
        return (self.kind, tuple(sorted(self.labels.items())), self.names, self.edges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A block and its numbers at the moment of reading, one for each slot."""

    block: Block
    values: tuple[float, ...]

    @property
    def named(self) -> dict[str, float]:
        """The single slots."""
        return dict(zip(self.block.names, self.values, strict=False))

    @property
    def buckets(self) -> tuple[float, ...]:
        """How many fell into each bucket, not cumulated; empty without edges."""
        return self.values[len(self.block.names) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one file held at the moment of reading."""

    header: Header
    series: tuple[Series, ...]


class SlotFile:
    """The writing side: one file, made here, for one process.

    Room is taken from the file system before it is used, because a write into a mapped page that cannot be backed kills
    the process (SIGBUS). A file that cannot grow any more loses what is added later, never the server.

    Args:
        path: must not exist yet; gets mode 0600.
        header: of the file.
        size: bytes to begin with.

    Raises:
        FileExistsError: `path` exists.
        PermanentError: no room.
    """

    def __init__(self, path: Path, header: Header, size: int = FIRST_SIZE) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self._fd)
        self._lock = threading.Lock()
        self._size = 0
        self._end = 0
        encoded = msgspec.json.encode(header)
        try:
            self._grow(max(size, _needed(encoded, 0)))
        except OSError as error:
            path.unlink()
            raise PermanentError(
                f"there is no room for the metrics: {error.strerror}",
                where=str(path),
                remedy="free some of that file system, or give the container more (--shm-size)",
            ) from error
        self._append(encoded, 0)

    def add(self, block: Block) -> Slots:
        """Append a block; its slots, all zero."""
        encoded = msgspec.json.encode(block)
        with self._lock:
            try:
                self._make_room(_needed(encoded, block.slots))
            except OSError as error:
                _LOG.warning("no room for further metrics (%s): %s is not shown", error.strerror, block.kind)
                return private(block)
            return self._append(encoded, block.slots)

    def _make_room(self, wanted: int) -> None:
        if self._end + wanted > self._size:
            self._grow(max(2 * self._size, self._end + wanted))

    def _grow(self, size: int) -> None:
        # Earlier mappings stay alive through the views that were given out; they show the same pages.
        os.posix_fallocate(self._fd, self._size, size - self._size)
        self._map = memoryview(mmap.mmap(self._fd, size))
        self._size = size

    def _append(self, encoded: bytes, slots: int) -> Slots:
        start, first = self._end, self._end + _padded(_FRAME.size + len(encoded))
        self._end = first + slots * _SLOT
        self._map[start + _FRAME.size : start + _FRAME.size + len(encoded)] = encoded
        _FRAME.pack_into(self._map, start, len(encoded) | slots << 32)
        return self._map[first : self._end].cast("d")


def private(block: Block) -> Slots:
    """Slots that nobody else sees."""
    return memoryview(bytearray(block.slots * _SLOT)).cast("d")


def read(path: Path) -> Sheet | None:
    """What the file holds now.

    Returns:
        None where the file is gone, or its maker got no further than opening it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    frames = _frames(data)
    first = next(frames, None)
    if first is None:
        return None
    try:
        header = msgspec.json.decode(first[0], type=Header)
    except msgspec.DecodeError:
        return None
    return Sheet(header=header, series=tuple(_series(frames)))


def write(path: Path, sheet: Sheet) -> None:
    """Make a whole file of `sheet`; `path` must not exist."""
    size = _needed(msgspec.json.encode(sheet.header), 0)
    size += sum(_needed(msgspec.json.encode(series.block), series.block.slots) for series in sheet.series)
    file = SlotFile(path, sheet.header, size)
    for series in sheet.series:
        file.add(series.block)[:] = array.array("d", series.values)


def _series(frames: Iterator[tuple[bytes, tuple[float, ...]]]) -> Iterator[Series]:
    for encoded, values in frames:
        try:
            block = msgspec.json.decode(encoded, type=Block)
        except msgspec.DecodeError:
            return
        yield Series(block=block, values=values)


def _frames(data: bytes) -> Iterator[tuple[bytes, tuple[float, ...]]]:
    start = 0
    while start + _FRAME.size <= len(data):
        (frame,) = _FRAME.unpack_from(data, start)
        length, slots = frame & 0xFFFFFFFF, frame >> 32
        first = start + _padded(_FRAME.size + length)
        if not length or first + slots * _SLOT > len(data):
            return
        encoded = data[start + _FRAME.size : start + _FRAME.size + length]
        yield encoded, tuple(memoryview(data)[first : first + slots * _SLOT].cast("d"))
        start = first + slots * _SLOT


def _needed(encoded: bytes, slots: int) -> int:
    return _padded(_FRAME.size + len(encoded)) + slots * _SLOT


def _padded(size: int) -> int:
    return -(-size // _SLOT) * _SLOT
