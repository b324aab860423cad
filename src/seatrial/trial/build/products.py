"""What a build made: the files that are new or changed after it, packed so that they can be put back.

The archive goes into the store and may come from a store that others write to, so unpacking trusts nothing: only plain
files, folders and links that stay inside the project's folder are taken.
"""

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from seatrial.records import PermanentError

_LEFT_OUT: Final = frozenset({".git", ".seatrial", "__pycache__"})
# Python before 3.11.4 has no filters; the checks here are at least as strict.
_FILTER: Final[dict[str, Any]] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
_NO_STAMP: Final = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, link or folder. `digest` is the sha256 of a file, the target of a link, empty for a folder.

    `stamp` changes with every write; it says that a file needs reading again and is no part of its content.
    """

    kind: Literal["file", "link", "folder"]
    digest: str = ""
    executable: bool = False
    stamp: tuple[int, int, int, int] = _NO_STAMP

    @property
    def content(self) -> tuple[str, str, bool]:
        """What makes two entries the same."""
        return self.kind, self.digest, self.executable


Snapshot = Mapping[str, Entry]


def take_snapshot(folder: Path, before: Snapshot | None = None) -> dict[str, Entry]:
    """Every file, link and folder below `folder`, by its relative path with slashes.

    `.git`, `.seatrial` and `__pycache__` are left out, links are not followed. Files that have not been written since
    `before` are not read again.

    Raises:
        PermanentError: a file can't be read.
    """
    known = before or {}
    try:
        return dict(_walk(folder, "", known))
    except OSError as error:
        raise PermanentError(f"can't be read: {error.strerror}", where=str(error.filename)) from error


def _walk(folder: Path, prefix: str, known: Snapshot) -> Iterator[tuple[str, Entry]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + entry.name
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_symlink():
            yield name, Entry("link", str(Path(entry.path).readlink()), stamp=_stamp(entry.stat(follow_symlinks=False)))
        elif entry.is_dir():
            yield name, Entry("folder")
            yield from _walk(Path(entry.path), f"{name}/", known)
        elif entry.is_file():
            yield name, _file(entry, known.get(name))


def _file(entry: os.DirEntry[str], before: Entry | None) -> Entry:
    status = entry.stat()
    stamp = _stamp(status)
    if before is not None and before.stamp == stamp:
        return before
    with Path(entry.path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry("file", digest, bool(status.st_mode & stat.S_IXUSR), stamp)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def written_since(before: Snapshot, after: Snapshot) -> list[str]:
    """The paths in `after` that are new or were written since `before`, whether or not the bytes differ."""
    return [path for path, entry in after.items() if before.get(path) != entry]


def pack(folder: Path, names: Iterable[str], target: Path) -> None:
    """Write an uncompressed tar of these paths (folders without what is in them) to `target`.

    Raises:
        PermanentError: a link among them leads out of the folder, or the disk is full.
    """
    try:
        with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                member = _member(name, folder / name)
                _check(member, folder)
                _add(archive, member, folder / name)
    except OSError as error:
        raise PermanentError(f"the products can't be packed: {error.strerror}", where=str(target)) from error


def _member(name: str, path: Path) -> tarfile.TarInfo:
    """A member without owner, so that it unpacks as whoever restores it."""
    status = path.lstat()
    member = tarfile.TarInfo(name)
    member.mode = stat.S_IMODE(status.st_mode)
    member.mtime = status.st_mtime
    if stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
    else:
        member.size = status.st_size
    return member


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if not member.isreg():
        archive.addfile(member)
        return
    with path.open("rb") as content:
        archive.addfile(member, content)


def unpack(data: bytes, folder: Path) -> None:
    """Put packed products back into `folder`, over what is there.

    Raises:
        PermanentError: the archive is damaged, or a member is no plain file, folder or link, or would land outside;
            what came before it is then in place, nothing outside was touched.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                _check(member, folder)
                _make_room(folder / member.name, is_folder=member.isdir())
                member.mode &= 0o777
                archive.extract(member, folder, **_FILTER)
    except tarfile.TarError as error:
        raise _refused(str(error)) from error
    except OSError as error:
        raise PermanentError(f"the products can't be put back: {error.strerror}", where=str(folder)) from error


def _check(member: tarfile.TarInfo, folder: Path) -> None:
    """Refuse whatever isn't a plain file, folder or link inside the folder, looking through links on the way."""
    name = PurePosixPath(member.name)
    root = folder.resolve()
    if name.is_absolute() or ".." in name.parts or not name.parts:
        raise _refused(f"{member.name!r} leads out of the project")
    if not (member.isreg() or member.isdir() or member.issym()):
        raise _refused(f"{member.name!r} is no plain file")
    parent = (root / name).parent.resolve()
    if not parent.is_relative_to(root):
        raise _refused(f"{member.name!r} leads out of the project through a link")
    if member.issym() and not _lands_in(root, parent, member.linkname):
        raise _refused(f"the link {member.name!r} leads out of the project, to {member.linkname!r}")


def _lands_in(root: Path, parent: Path, target: str) -> bool:
    return not PurePosixPath(target).is_absolute() and (parent / target).resolve().is_relative_to(root)


def _make_room(path: Path, *, is_folder: bool) -> None:
    """Remove what is in the way: an old file (which may be read-only or linked elsewhere) or a folder in a file's place."""
    if path.is_dir() and not path.is_symlink():
        if not is_folder:
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _refused(what: str) -> PermanentError:
    return PermanentError(
        f"the build's products are refused: {what}",
        remedy="remove this artifact from the store, or keep products inside the project's folder",
    )
