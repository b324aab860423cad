"""Copies a file and hashes the copy, at about the price of the hash alone.

What is hashed is the copy and never the source, so that a source that changes meanwhile can't give the copy a wrong
digest. The kernel copies (`copy_file_range`: on Btrfs and XFS both files then share their blocks, so nothing is
written) while a thread hashes what is there already: hashlib works without Python's lock.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.adapters.store.digests import unreadable, unwritten

if TYPE_CHECKING:
    from hashlib import _Hash

_STEP = 8 << 20
_CHUNK = 1 << 20


def copy_hashed(source: FileIO, copy: FileIO) -> str:
    """Copy everything from the source's position on into an empty file.

    Args:
        source: unbuffered, open for reading.
        copy: unbuffered, open for reading and writing.

    Returns:
        sha256 of what `copy` holds now, as 64 hex digits.

    Raises:
        PermanentError: the source can't be read.
        OSError: the copy can't be written.
    """
    follower = _Follower(copy.fileno())
    with ThreadPoolExecutor(1) as thread:
        hashed = [thread.submit(follower.advance, count) for count in _copied(source, copy)]
    for each in hashed:
        each.result()
    return follower.hexdigest()


@dataclass(slots=True)
class _Follower:
    """Hashes a file that grows."""

    descriptor: int
    hashed: "_Hash" = field(default_factory=hashlib.sha256)
    position: int = 0
    buffer: bytearray = field(default_factory=lambda: bytearray(_CHUNK))

    def advance(self, count: int) -> None:
        """Take in the next `count` bytes, which are there."""
        view = memoryview(self.buffer)
        end = self.position + count
        while self.position < end:
            read = os.preadv(self.descriptor, [view[: min(_CHUNK, end - self.position)]], self.position)
            if read == 0:
                raise OSError(errno.EIO, "the copy was cut short")
            self.hashed.update(view[:read])
            self.position += read

    def hexdigest(self) -> str:
        return self.hashed.hexdigest()


def hash_file(file: FileIO) -> str:
    """The sha256 of a file from its position on, as 64 hex digits. Raises PermanentError if it can't be read."""
    try:
        return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(Path(str(file.name)), error) from error


def read_chunk(file: FileIO) -> bytes:
    """The next bytes, at most 1 MiB; empty at the end. Raises PermanentError if they can't be read."""
    try:
        return file.read(_CHUNK) or b""
    except OSError as error:
        raise unreadable(Path(str(file.name)), error) from error


def write_all(file: FileIO, data: bytes) -> None:
    """Write all bytes, however few the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


@contextmanager
def readable(path: Path) -> Iterator[FileIO]:
    """A file, unbuffered, for reading. Raises PermanentError if it can't be."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        yield file


@contextmanager
def new_file(path: Path) -> Iterator[FileIO]:
    """A new file, unbuffered, for writing and reading; it stays only if the block ends well.

    Raises:
        PermanentError: there is a file already, or it can't be written.
    """
    try:
        file = path.open("x+b", buffering=0)
    except OSError as error:
        raise unwritten(path, error) from error
    try:
        with file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritten(path, error) from error
        raise


def _copied(source: FileIO, copy: FileIO) -> Iterator[int]:
    """Copy step by step; how many bytes each step brought."""
    while count := _by_kernel(source, copy) or _by_hand(source, copy):
        yield count


def _by_kernel(source: FileIO, copy: FileIO) -> int:
    """Bytes that the kernel copied; 0 at the end and where it can't: then the other way shows why."""
    try:
        return os.copy_file_range(source.fileno(), copy.fileno(), _STEP)
    except OSError:
        return 0


def _by_hand(source: FileIO, copy: FileIO) -> int:
    chunk = read_chunk(source)
    write_all(copy, chunk)
    return len(chunk)
