"""Code in a directory: of this machine, or a share that all machines see.

A file appears under its name only once it is whole (written beside, then renamed), so that a program that reads the
directory meanwhile never sees half a file. No symbolic link is ever followed on the way to a file: a link that somebody
put into the folder can't lead a sync, or a removal, out of it.
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seatrial.adapters.code.target import BOOKS
from seatrial.records import PermanentError, SeatrialError, UsageError
from seatrial.sync.paths import folders_above

if TYPE_CHECKING:
    from hashlib import _Hash

_UNFINISHED: Final = ".unfinished-"
_ABANDONED_AFTER: Final = 3600.0
_ATTEMPTS: Final = 20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCKED: Final = {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST}


class DirectoryPlace:
    """Implements `Place` on the directory `root`, which is made at the first writing."""

    largest: int | None = None

    def __init__(self, root: Path) -> None:
        self._root = root

    def stored_as(self, path: str, data: bytes) -> str:  # noqa: ARG002 - a file is a file here
        """The path."""
        return path

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:
        """All files, links among them; the stamp of a known one is the digest of its bytes and its permission."""
        wanted = frozenset(known)
        with self._explained("read", folder), self._open(folder) as top:
            return {} if top is None else dict(_walk(top, wanted))

    def read(self, name: str) -> bytes | None:
        """A whole file; None if there is none."""
        parent, _, base = name.rpartition("/")
        with self._explained("read", name), self._open(parent) as folder:
            return None if folder is None else _read(folder, base)

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:
        """Write each file beside the others and rename it."""
        stamps = {}
        for path, data in files.items():
            with self._explained("written", f"{folder}/{path}"):
                stamps[path] = self._put(folder, path, data, executable=path in executable)
        if folder.endswith(f"/{BOOKS}"):
            with self._explained("read", folder):
                self._sweep(folder)
        return stamps

    def delete(self, folder: str, names: Sequence[str]) -> None:
        """Unlink each file, and the folders above it that are empty then."""
        with self._explained("removed", folder):
            for name in names:
                self._unlink(f"{folder}/{name}")
            for parent in sorted({above for name in names for above in folders_above(name)}, key=len, reverse=True):
                self._remove_folder(f"{folder}/{parent}")

    def folders(self, above: str) -> Sequence[str]:
        """The folders directly below; links are none."""
        with self._explained("read", above), self._open(above) as top:
            return [] if top is None else [name for name in _names(top) if _is_folder(top, name)]

    def clear(self, folder: str, last: str) -> None:
        """Remove everything in the folder, then `last`, then the folder."""
        with self._explained("removed", folder):
            with self._open(folder) as top:
                if top is None:
                    return
                for name in sorted(_names(top), key=lambda each: each == last):
                    _remove(top, name)
            self._remove_folder(folder)

    def _put(self, folder: str, path: str, data: bytes, *, executable: bool) -> str:
        """Write a file; its stamp."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._replace(folder, path, data, 0o777 if executable else 0o666)
            except FileNotFoundError:
                # Another process removed a folder that was empty for a moment.
                if not left:
                    raise
            else:
                break
        return _stamp(hashlib.sha256(data), executable=executable)

    def _replace(self, folder: str, path: str, data: bytes, mode: int) -> None:
        books = folder if folder.endswith(f"/{BOOKS}") else f"{folder}/{BOOKS}"
        unfinished = f"{_UNFINISHED}{secrets.token_hex(8)}"
        with self._made(books) as beside:
            descriptor = os.open(unfinished, _NEW, mode, dir_fd=beside)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                self._rename(beside, unfinished, f"{folder}/{path}")
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(unfinished, dir_fd=beside)
                raise

    def _rename(self, beside: int, unfinished: str, name: str) -> None:
        parent, _, base = name.rpartition("/")
        with self._made(parent) as folder:
            try:
                os.rename(unfinished, base, src_dir_fd=beside, dst_dir_fd=folder)
            except IsADirectoryError:
                # Empty folders are nothing in git, so that one is not in the way.
                os.rmdir(base, dir_fd=folder)
                os.rename(unfinished, base, src_dir_fd=beside, dst_dir_fd=folder)

    def _sweep(self, folder: str) -> None:
        """Remove what killed syncs left unfinished, long before the newest note in this folder of notes."""
        with self._open(folder) as notes:
            if notes is None:
                return
            times = {}
            for name in _names(notes):
                # Another sync may have finished, or removed, what was there a moment ago.
                with suppress(FileNotFoundError):
                    times[name] = os.stat(name, dir_fd=notes, follow_symlinks=False).st_mtime
            for name, written in times.items():
                if name.startswith(_UNFINISHED) and max(times.values()) - written > _ABANDONED_AFTER:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=notes)

    def _unlink(self, name: str) -> None:
        parent, _, base = name.rpartition("/")
        with self._open(parent) as folder:
            if folder is not None:
                with suppress(FileNotFoundError):
                    os.unlink(base, dir_fd=folder)

    def _remove_folder(self, name: str) -> None:
        """Remove a folder if it is empty."""
        parent, _, base = name.rpartition("/")
        with self._open(parent) as folder:
            if folder is not None:
                with suppress(OSError):
                    os.rmdir(base, dir_fd=folder)

    @contextmanager
    def _open(self, folder: str) -> Iterator[int | None]:
        """A descriptor of a folder below the root, reached through no link; None if there is none."""
        with ExitStack() as opened:
            try:
                descriptor = _opened(opened, os.open(self._root, _FOLDER & ~os.O_NOFOLLOW))
                for part in _parts(folder):
                    descriptor = _opened(opened, os.open(part, _FOLDER, dir_fd=descriptor))
            except FileNotFoundError:
                descriptor = None
            yield descriptor

    @contextmanager
    def _made(self, folder: str) -> Iterator[int]:
        """A descriptor of a folder below the root, reached through no link, and made where it is missing."""
        with ExitStack() as opened:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor = _opened(opened, os.open(self._root, _FOLDER & ~os.O_NOFOLLOW))
            for part in _parts(folder):
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
                descriptor = _opened(opened, os.open(part, _FOLDER, dir_fd=descriptor))
            yield descriptor

    @contextmanager
    def _explained(self, what: str, name: str) -> Iterator[None]:
        """Turn the system's errors into ours."""
        try:
            yield
        except OSError as error:
            raise _error(error, what, str(self._root / name)) from error


def _parts(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part]


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _walk(top: int, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Every file below a folder, by its name from there, with its stamp if it is known; links are files."""
    for root, folders, names, descriptor in os.fwalk(".", dir_fd=top, onerror=_unless_gone):
        prefix = root.removeprefix(".").removeprefix("/")
        links = [name for name in folders if not _is_folder(descriptor, name)]
        for base in (*names, *links):
            name = f"{prefix}/{base}" if prefix else base
            yield name, _stamp_of(descriptor, base) if name in known else ""


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_folder(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _stamp_of(folder: int, name: str) -> str:
    """The stamp of what is there; that of nothing and of anything but a file is empty."""
    with _regular(folder, name) as file:
        if file is None:
            return ""
        mode = os.fstat(file.fileno()).st_mode
        return _stamp(hashlib.file_digest(file, "sha256"), executable=bool(mode & stat.S_IXUSR))


def _stamp(hashed: "_Hash", *, executable: bool) -> str:
    return f"{hashed.hexdigest()}{'+x' if executable else ''}"


def _read(folder: int, name: str) -> bytes | None:
    with _regular(folder, name) as file:
        return None if file is None else file.read()


@contextmanager
def _regular(folder: int, name: str) -> Iterator[BufferedReader | None]:
    """A file open for reading; None for nothing, a link, or what is no file."""
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO}:
            raise
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield file if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _remove(folder: int, name: str) -> None:
    """Remove a file, a link or a whole folder."""
    if _is_folder(folder, name):
        shutil.rmtree(name, dir_fd=folder)
    else:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _error(error: OSError, what: str, where: str) -> SeatrialError:
    if error.errno in _BLOCKED:
        return UsageError(
            f"it can't be {what}: a link or a file is where a folder has to be, or the other way round",
            where=where,
            remedy="move away what seatrial did not put there; links on the way to code are never followed",
        )
    return PermanentError(
        f"it can't be {what}: {error.strerror}",
        where=where,
        remedy="give the user that runs seatrial access to it, and the disk some space; sync again, which completes it",
    )
