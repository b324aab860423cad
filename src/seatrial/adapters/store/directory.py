"""Artifacts in a directory, by the sha256 of their bytes: the embedded default of the Store port.

A directory needs no server, survives kill -9 at any point (a file appears under its digest only once it is whole and
on disk) and may be shared by any number of processes, because writing the same bytes twice is the same as writing them
once. Layout: `ROOT/ab/cdef…` for `sha256:abcdef…`; `ROOT/incoming/` holds files that are still being written;
`ROOT/known/` says which large files are here (see `known`).
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from seatrial.adapters.store.copying import copy_hashed, hash_file, new_file, readable, write_all
from seatrial.adapters.store.digests import damaged, hexdigest_of, is_digest, missing, place_of
from seatrial.adapters.store.known import LARGE, Known
from seatrial.records import PermanentError

_ABANDONED_AFTER = 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DirectoryStore:
    """Implements `seatrial.ports.Store` on the directory `root`, which is made at the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known = Known(root / "known")

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest. Raises PermanentError if the disk is full or can't be written."""
        hexdigest = hashlib.sha256(data).hexdigest()
        if self._holds(hexdigest, len(data)):
            return f"sha256:{hexdigest}"
        with self._incoming() as file:
            write_all(file, data)
            self._keep(file, hexdigest)
            self._known.note(file.fileno())
        return f"sha256:{hexdigest}"

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest. Raises PermanentError if it can't be read or stored.

        The digest is that of the bytes that were stored, whatever happens to the file meanwhile. What is there already
        is read and not written.
        """
        with readable(path) as source:
            hexdigest = self._found(source) or self._copied(source)
        return f"sha256:{hexdigest}"

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none or if they no longer match their digest."""
        with self._stored(digest) as source:
            data = source.readall()
        if hashlib.sha256(data).hexdigest() != hexdigest_of(digest):
            raise damaged(digest, str(source.name))
        return data

    def get_file(self, digest: str, path: Path) -> None:
        """Write the bytes to `path`, which must not exist; on Btrfs and XFS both then share their blocks.

        Raises PermanentError if there are none, if they no longer match their digest, or if `path` can't be written;
        then there is no file at `path`.
        """
        with self._stored(digest) as source, new_file(path) as copy:
            if copy_hashed(source, copy) != hexdigest_of(digest):
                raise damaged(digest, str(source.name))

    def has(self, digest: str) -> bool:
        """Whether it is there; False for what is no digest at all."""
        return is_digest(digest) and self._path(hexdigest_of(digest)).is_file()

    def _path(self, hexdigest: str) -> Path:
        return self._root / place_of(hexdigest)

    def _found(self, source: FileIO) -> str:
        """The hex digest of a file whose bytes are here already; empty if they are not, or probably not."""
        size = os.fstat(source.fileno()).st_size
        if size >= LARGE and not self._known.may_hold(source.fileno()):
            return ""
        hexdigest = hash_file(source)
        found = self._holds(hexdigest, source.tell())
        source.seek(0)
        return hexdigest if found else ""

    def _copied(self, source: FileIO) -> str:
        """Store a file that is new; its hex digest."""
        with self._incoming() as file:
            hexdigest = copy_hashed(source, file)
            if not self._holds(hexdigest, os.fstat(file.fileno()).st_size):
                self._keep(file, hexdigest)
            self._known.note(file.fileno())
        return hexdigest

    @contextmanager
    def _stored(self, digest: str) -> Iterator[FileIO]:
        """An artifact, opened."""
        path = self._path(hexdigest_of(digest))
        if not path.exists():
            raise missing(digest, str(self._root))
        with readable(path) as file:
            yield file

    def _holds(self, hexdigest: str, size: int) -> bool:
        """Whether the artifact is there in full; a file cut short by a broken disk is written anew."""
        try:
            return self._path(hexdigest).stat().st_size == size
        except OSError:
            return False

    @contextmanager
    def _incoming(self) -> Iterator[FileIO]:
        """A new temporary file beside the artifacts; gone afterwards unless it was kept."""
        directory = self._root / "incoming"
        temporary: Path | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=directory)
            os.close(descriptor)
            temporary = Path(name)
            with temporary.open("r+b", buffering=0) as file:
                yield file
        except OSError as error:
            raise _unwritable(self._root, error) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def _keep(self, file: FileIO, hexdigest: str) -> None:
        """Make the temporary file durable, then give it its name in one step."""
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
        path = self._path(hexdigest)
        path.parent.mkdir(exist_ok=True)
        Path(file.name).replace(path)
        _sync_directory(path.parent)
        self._clear_abandoned(os.fstat(file.fileno()).st_mtime)

    def _clear_abandoned(self, written: float) -> None:
        """Remove temporary files that a killed writer left; `written` is this file system's present time."""
        with suppress(OSError), os.scandir(self._root / "incoming") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if written - entry.stat().st_mtime > _ABANDONED_AFTER:
                        Path(entry.path).unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(root: Path, error: OSError) -> PermanentError:
    if error.errno in _FULL:
        return PermanentError(
            f"an artifact could not be stored: {error.strerror}{_free(root)}",
            where=str(root),
            remedy="free space on that disk (or raise the quota) and run again; nothing half-written was kept",
        )
    return PermanentError(
        f"an artifact could not be stored: {error.strerror}",
        where=str(root),
        remedy="make this directory writable for the user that runs seatrial",
    )


def _free(root: Path) -> str:
    try:
        return f" ({shutil.disk_usage(root).free >> 20} MiB free)"
    except OSError:
        return ""
