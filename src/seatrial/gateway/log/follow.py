"""Reads the access log as it grows: each whole line once, whatever happens to its files.

A file is known by its first line (its time and request id make it one of a kind) and not by its name or inode: so it
may be renamed, copied or rotated by whoever does that, and a new file that gets an old one's inode is a new file. Where
the reading stands is for the caller to keep, together with what became of the lines.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Final

MOST: Final = 4 << 20
"""Bytes that are read at once: about ten thousand lines, a tenth of a second."""
LONGEST: Final = 1 << 20
"""A line of more bytes is none."""
_HEAD: Final = 512
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bunch:
    """What was read at once.

    Attributes:
        lines: whole lines without their line breaks, the oldest first.
        caught_up: whether nothing was left to read.
        skipped: bytes that are no line: longer than any can be.
    """

    lines: tuple[bytes, ...]
    caught_up: bool
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole lines of one file, and whether there are more."""

    lines: list[bytes]
    more: bool
    skipped: int = 0


class Follower:
    """Reads on where it left off.

    Args:
        positions: bytes of each file that were read, as `positions` said.
    """

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = dict(positions)
        self._ends: dict[Path, tuple[str, int]] = {}

    @property
    def positions(self) -> dict[str, int]:
        """Bytes of each file that were read; of files that are gone for long, nothing."""
        return dict(self._positions)

    def read(self, files: Iterable[Path], most: int = MOST) -> Bunch:
        """What came since the last time, from the oldest file on.

        Args:
            files: the oldest first; one that is gone is left out.
            most: bytes at once; the rest is for the next time.
        """
        lines: list[bytes] = []
        caught_up, skipped = True, 0
        present = list(files)
        for path in present:
            piece = self._read(path, most) if most > 0 else _Piece([], more=True)
            lines += piece.lines
            most -= sum(map(len, piece.lines))
            skipped += piece.skipped
            caught_up = caught_up and not piece.more
            if piece.more:
                break
        self._ends = {path: end for path, end in self._ends.items() if path in present}
        if caught_up:
            self._forget()
        return Bunch(lines=tuple(lines), caught_up=caught_up, skipped=skipped)

    def name_of(self, path: Path) -> str:
        """What a file is known by among the positions, if all of it has been read; else empty."""
        name, end = self._ends.get(path, ("", -1))
        with suppress(OSError):
            return name if path.stat().st_size == end else ""
        return ""

    def _read(self, path: Path, most: int) -> _Piece:
        try:
            with path.open("rb", buffering=0) as file:
                return self._read_open(path, file, most)
        except FileNotFoundError:
            return _Piece([], more=False)

    def _read_open(self, path: Path, file: IO[bytes], most: int) -> _Piece:
        name = _name(os.pread(file.fileno(), _HEAD, 0))
        if not name:
            return _Piece([], more=False)
        begin, size = self._positions.get(name, 0), os.fstat(file.fileno()).st_size
        if size <= begin:
            self._note(path, name, begin)
            return _Piece([], more=False)
        data = os.pread(file.fileno(), min(max(most, LONGEST), size - begin), begin)
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) >= LONGEST:
            self._note(path, name, begin + len(data))
            return _Piece([], more=True, skipped=len(data))
        self._note(path, name, begin + whole)
        return _Piece(data[:whole].split(b"\n")[:-1], more=begin + len(data) < size)

    def _note(self, path: Path, name: str, position: int) -> None:
        # The last ones that were read stand last, and the first of the others are forgotten.
        self._positions.pop(name, None)
        self._positions[name] = position
        self._ends[path] = name, position

    def _forget(self) -> None:
        present = {name for name, _ in self._ends.values()}
        for name in list(self._positions)[:-_REMEMBERED]:
            if name not in present:
                del self._positions[name]


def _name(head: bytes) -> str:
    """What a file is known by; empty before its first line is whole."""
    first, found, _ = head.partition(b"\n")
    return blake2b(first, digest_size=12).hexdigest() if found or len(head) == _HEAD else ""
