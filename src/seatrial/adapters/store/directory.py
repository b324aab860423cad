"""Artifacts in a directory, by the sha256 of their bytes: the embedded default of the Store port.

A directory needs no server, survives kill -9 at any point (a file appears under its digest only once it is whole and
on disk) and may be shared by any number of processes, because writing the same bytes twice is the same as writing them
once. Layout: `ROOT/ab/cdef…` for `sha256:abcdef…`; `ROOT/incoming/` holds files that are still being written.
"""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO

from seatrial.records import PermanentError

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_CHUNK = 1 << 20
_ABANDONED_AFTER = 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DirectoryStore:
    """Implements `seatrial.ports.Store` on the directory `root`, which is made at the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, data: bytes) -> str:
        """Store bytes, return their digest. Raises PermanentError if the disk is full or can't be written."""
        hexdigest = hashlib.sha256(data).hexdigest()
        if self._holds(hexdigest, len(data)):
            return f"sha256:{hexdigest}"
        with self._incoming() as file:
            file.write(data)
            self._keep(file, hexdigest)
        return f"sha256:{hexdigest}"

    def put_file(self, path: Path) -> str:
        """Store a file's bytes, return their digest. Raises PermanentError if it can't be read or stored."""
        with _readable(path) as source:
            hexdigest = hashlib.file_digest(source, "sha256").hexdigest()
            if self._holds(hexdigest, source.tell()):
                return f"sha256:{hexdigest}"
            source.seek(0)
            with self._incoming() as file:
                # The file may have changed since it was hashed, so what is stored is hashed again on its way.
                hexdigest = _copy(source, file)
                self._keep(file, hexdigest)
        return f"sha256:{hexdigest}"

    def get(self, digest: str) -> bytes:
        """The bytes. Raises PermanentError if there are none or if they no longer match their digest."""
        hexdigest = _hexdigest(digest)
        path = self._path(hexdigest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise PermanentError(
                f"there is no artifact {digest}",
                where=str(self._root),
                remedy="run again what made it; it was removed, or it belongs to another store",
            ) from None
        except OSError as error:
            raise _unreadable(path, error) from error
        if hashlib.sha256(data).hexdigest() != hexdigest:
            raise PermanentError(
                f"artifact {digest} is damaged: its bytes no longer match its digest",
                where=str(path),
                remedy="remove this file and run again what made it; check the disk",
            )
        return data

    def has(self, digest: str) -> bool:
        """Whether it is there; False for what is no digest at all."""
        match = _DIGEST.fullmatch(digest)
        return match is not None and self._path(match[1]).is_file()

    def _path(self, hexdigest: str) -> Path:
        return self._root / hexdigest[:2] / hexdigest[2:]

    def _holds(self, hexdigest: str, size: int) -> bool:
        """Whether the artifact is there in full; a file cut short by a broken disk is written anew."""
        try:
            return self._path(hexdigest).stat().st_size == size
        except OSError:
            return False

    @contextmanager
    def _incoming(self) -> Iterator[IO[bytes]]:
        """A new temporary file beside the artifacts; gone afterwards unless it was kept."""
        directory = self._root / "incoming"
        temporary: Path | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
                temporary = Path(file.name)
                yield file
        except OSError as error:
            raise _unwritable(self._root, error) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def _keep(self, file: IO[bytes], hexdigest: str) -> None:
        """Make the temporary file durable, then give it its name in one step."""
        file.flush()
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


def _hexdigest(digest: str) -> str:
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise PermanentError(
            f"{digest!r} is no digest of an artifact", remedy="digests look like sha256:<64 hex digits>"
        )
    return match[1]


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy all bytes, return the sha256 of what was copied."""
    hashed = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        hashed.update(chunk)
        target.write(chunk)
    return hashed.hexdigest()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _readable(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        yield file


def _unreadable(path: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"can't be read: {error.strerror}", where=str(path), remedy="check that it is there and its permissions"
    )


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
