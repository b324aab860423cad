"""Objects in a directory: a file each, its path is the key.

A file appears under its name only once it is whole. Writers take turns by a lock of the kernel's (`ROOT/.lock`), which a
killed one gives back; readers need none. Names that begin with a dot are none of ours: files still being written have some.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seatrial.adapters.objects.keys import checked
from seatrial.files import write_whole
from seatrial.ports import StoredObject
from seatrial.records import PermanentError


class DirectoryObjects:
    """Implements `seatrial.ports.Objects` on the directory `root`, which is made at the first writing."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none. Its stamp is the SHA-256 of its bytes."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise _broken("read", path, error) from error
        return StoredObject(data=data, stamp=_stamp(data))

    def keys(self, below: str) -> Sequence[str]:
        """The keys that begin with `below/`, sorted."""
        return sorted(self._below(self._path(below), below))

    def put(self, key: str, data: bytes, *, content_type: str = "") -> None:  # noqa: ARG002 - files have names
        """Write it. Raises PermanentError if the disk is full or can't be written."""
        path = self._path(key)
        with self._turn():
            self._write(path, data)

    def replace(self, key: str, data: bytes, *, instead: str | None) -> bool:
        """Write it if what is there has the stamp `instead`. Raises as `put`."""
        path = self._path(key)
        with self._turn():
            there = self.get(key)
            if (there.stamp if there else None) != instead:
                return False
            self._write(path, data)
        return True

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _below(self, folder: Path, key: str) -> Iterator[str]:
        try:
            with os.scandir(folder) as found:
                entries = [each for each in found if not each.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _broken("read", folder, error) from error
        for each in entries:
            if each.is_dir(follow_symlinks=False):
                yield from self._below(folder / each.name, f"{key}/{each.name}")
            elif each.is_file(follow_symlinks=False):
                yield f"{key}/{each.name}"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data, durable=True)
        except OSError as error:
            raise _broken("written", path, error) from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Nobody else writes here meanwhile."""
        lock = self._root / ".lock"
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            handle = lock.open("ab")
        except OSError as error:
            raise _broken("written", lock, error) from error
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _stamp(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _broken(what: str, path: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"an object could not be {what}: {error.strerror}",
        where=str(path),
        remedy="free space on that disk, or make the folder readable and writable for the user that runs seatrial",
    )
