"""Whole lines added to the end of a folder's newest file, safe on the disk, by any number of writers."""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seatrial.records import TemporaryError, UsageError

_LOCK = ".append.lock"
_NAME = re.compile(r"events-(\d{6,})\.jsonl")


def append_lines(folder: Path, values: Sequence[bytes], *, rotate: int) -> None:
    """Add lines to the newest `events-000001.jsonl` of a folder, which is made if need be.

    Args:
        folder: where.
        values: the lines, without line breaks.
        rotate: bytes after which a file gets no more of them, and the next one is begun.

    Raises:
        UsageError: a value has a line break.
        TemporaryError: they could not be written; then none was.
    """
    for value in values:
        if b"\n" in value:
            raise UsageError(
                f"an event has a line break in it: {value[:60]!r}",
                where=str(folder),
                remedy="write each event on one line (JSON does)",
            )
    if not values:
        return
    data = b"".join([value + b"\n" for value in values])
    try:
        with _alone(folder):
            _add(_current(folder, rotate), data)
    except OSError as error:
        raise TemporaryError(
            f"events could not be written: {error.strerror}",
            where=str(folder),
            remedy="make room or give the right to write",
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of several writers only one is in the block; the lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _current(folder: Path, rotate: int) -> Path:
    numbers = [int(found[1]) for each in folder.iterdir() if (found := _NAME.fullmatch(each.name))]
    newest = max(numbers, default=1)
    path = folder / f"events-{newest:06d}.jsonl"
    full = path.exists() and (path.stat().st_size >= rotate or _torn(path))
    return folder / f"events-{newest + 1:06d}.jsonl" if full else path


def _torn(path: Path) -> bool:
    """Whether a writer died in the middle of a line, which whatever comes next must not be joined to."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        return size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"


def _add(path: Path, data: bytes) -> None:
    new = not path.exists()
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), before)
            raise
    if new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
