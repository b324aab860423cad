"""Lines of a growing file by the bytes that they begin at: read in blocks, so that a million takes under a second."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, count
from operator import add
from pathlib import Path

from seatrial.ports import EventBatch
from seatrial.records import PermanentError, TemporaryError

_LEAST_BLOCK = 64 << 10
_BLOCK = 1 << 20
_USUAL_LINE = 256
_COUNTED_BYTES = 64 << 20
_UNFINISHED = ("~", ".tmp", ".temp", ".part", ".partial", ".swp", ".crdownload")
_GROW = (
    "files of a stream only grow: give new lines a file of a new name, and begin a new dataset if these were replaced"
)


def partitions_of(folder: Path) -> tuple[str, ...]:
    """Names of the files that are partitions, sorted; none if it isn't there."""
    with _in_our_words(folder):
        try:
            with os.scandir(folder) as entries:
                found = sorted(entry.name for entry in entries if _counts(entry.name) and entry.is_file())
        except FileNotFoundError:
            return ()
    for name in found:
        if not name.isprintable():
            raise PermanentError(
                f"a file has a name that can't be shown: {name!r}", where=str(folder), remedy="rename it"
            )
    return tuple(found)


def size_of(path: Path, offset: int) -> int:
    """Bytes of a file that was read up to `offset`; that offset if it has just vanished.

    Raises:
        PermanentError: it has become shorter than that.
    """
    with _in_our_words(path):
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return offset
    if size < offset:
        raise PermanentError(
            f"the file was read up to byte {offset} and has only {size}", where=str(path), remedy=_GROW
        )
    return size


def check_offset(path: Path, offset: int) -> None:
    """Raise PermanentError unless a line begins there, or will."""
    if size_of(path, offset) and offset and _block(path, offset - 1, 1) not in {b"\n", b""}:
        raise PermanentError(
            f"no line begins at byte {offset}, up to which the file was read: it is another one by now",
            where=str(path),
            remedy=_GROW,
        )


def lines_of(path: Path, start: int, most: int) -> EventBatch | None:
    """At most `most` whole lines from a byte on; None if there are none."""
    block = _with_a_break(path, start, min(_BLOCK, max(_LEAST_BLOCK, most * _USUAL_LINE)))
    values = block.split(b"\n", most)
    rest = values.pop()
    if not values:
        return None
    begins = accumulate(map(len, values[:-1]), initial=start)
    offsets = list(map(add, begins, count()))
    if b"\r" in block:
        values = [value.removesuffix(b"\r") for value in values]
    return EventBatch(
        partition=path.name,
        offsets=offsets,
        values=values,
        times=[-1] * len(values),
        following=start + len(block) - len(rest),
    )


def last_break(path: Path, start: int) -> int:
    """Byte after the last line break of a file, or `start` if there is none from there on."""
    end = size_of(path, start)
    while end > start:
        begin = max(start, end - _LEAST_BLOCK)
        found = _block(path, begin, end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return start


def count_lines(path: Path, start: int) -> int:
    """Lines from a byte on: counted for 64 MiB, and estimated by those after that."""
    left = size_of(path, start) - start
    lines = seen = 0
    while seen < min(left, _COUNTED_BYTES):
        block = _block(path, start + seen, _BLOCK)
        if not block:
            break
        lines, seen = lines + block.count(b"\n"), seen + len(block)
    return lines if seen >= left else round(lines * left / max(1, seen))


def _counts(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(_UNFINISHED)


def _with_a_break(path: Path, start: int, size: int) -> bytes:
    """A block that ends behind a line break somewhere, if one comes; longer than `size` only for the sake of that."""
    block = _block(path, start, size)
    pieces = [block]
    while b"\n" not in block and len(block) == size:
        start, size = start + size, size * 2
        block = _block(path, start, size)
        pieces.append(block)
    return b"".join(pieces)


def _block(path: Path, start: int, size: int) -> bytes:
    """Bytes of the file; fewer at its end, none if it vanished."""
    with _in_our_words(path):
        try:
            with path.open("rb", buffering=0) as file:
                return os.pread(file.fileno(), size, start)
        except FileNotFoundError:
            return b""


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except (PermissionError, NotADirectoryError) as error:
        raise PermanentError(
            f"can't be read: {error.strerror}", where=str(path), remedy="give a folder that this user may read"
        ) from error
    except OSError as error:
        raise TemporaryError(f"can't be read: {error.strerror}", where=str(path)) from error
