"""Puts files on a disk without ever replacing one, and leaves nothing half-made when something goes wrong.

A new project is made beside its place and moved there once it is whole. In an existing one each file is opened for
creation only, and what was added is taken away again if a later one can't be.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from seatrial.records import PermanentError, UsageError
from seatrial.scaffold.files import File

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of each file in an existing folder: written, or left because there is one already."""

    added: tuple[str, ...]
    left: tuple[str, ...]


def create_project(folder: Path, files: Mapping[str, File], finish: Callable[[Path], T]) -> T:
    """Make a folder of files.

    Args:
        folder: must not exist, or be empty.
        files: by path relative to it.
        finish: is called with the folder when all files are in it, before it stands at its place.

    Returns:
        What `finish` returned.

    Raises:
        UsageError: there is something at the place already, or the folder above it is missing.
        PermanentError: the disk refused. Nothing is left behind, as after any error of `finish`.
    """
    place = folder.parent.resolve() / folder.name if folder.name else folder.resolve()
    _check_free(place)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as above:
            made = Path(above) / place.name
            made.mkdir()
            for path, file in files.items():
                _write(made / path, file)
            result = finish(made)
            _move(made, place)
    except OSError as error:
        raise _refused(error, place) from error
    return result


def _check_free(place: Path) -> None:
    if not place.parent.is_dir():
        raise UsageError("there is no such folder", where=str(place.parent), remedy="make it first")
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise UsageError("there is a file of this name", where=str(place), remedy="choose another name")
    if any(place.iterdir()):
        raise UsageError(
            "the folder is not empty",
            where=str(place),
            remedy="choose another name; in an existing repository, `seatrial init --here` adds what is missing",
        )


def _move(made: Path, place: Path) -> None:
    """One rename; into a folder that is there already (somebody may stand in it), one for each entry."""
    if not place.exists():
        made.rename(place)
        return
    with ExitStack() as undo:
        for entry in sorted(made.iterdir()):
            entry.rename(place / entry.name)
            undo.callback((place / entry.name).rename, entry)
        undo.pop_all()


def add_missing(folder: Path, files: Mapping[str, File]) -> Added:
    """Add to an existing folder the files that it lacks; what is there stays as it is, a broken link too.

    Raises:
        UsageError: no such folder, or something that is no folder stands where one is needed.
        PermanentError: the disk refused; what had been added is taken away again.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), remedy="leave --here out to make a new project")
    left = tuple(path for path in files if os.path.lexists(folder / path))
    wanted = {path: file for path, file in files.items() if path not in left}
    for path in wanted:
        _check_way(folder, path)
    with ExitStack() as undo:
        for path, file in wanted.items():
            try:
                for made in _make_folders(folder, path):
                    undo.callback(made.rmdir)
                _write(folder / path, file)
            except OSError as error:
                raise _refused(error, folder / path) from error
            undo.callback((folder / path).unlink)
        undo.pop_all()
    return Added(added=tuple(wanted), left=left)


def _check_way(folder: Path, path: str) -> None:
    """Raise UsageError where a file would land behind a link, outside of the project, or below a file."""
    for above in reversed(Path(path).parents[:-1]):
        there = folder / above
        if there.is_symlink() or (there.exists() and not there.is_dir()):
            raise UsageError(
                f"{path} can't be added: {above} is no folder of its own", where=str(there), remedy="move it away first"
            )


def _make_folders(folder: Path, path: str) -> Iterable[Path]:
    for above in reversed(Path(path).parents[:-1]):
        if not (folder / above).is_dir():
            (folder / above).mkdir()
            yield folder / above


def _write(path: Path, file: File) -> None:
    """Write a file that must not be there yet; the user's umask decides who may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o777 if file.executable else 0o666)
    try:
        with os.fdopen(opened, "wb") as target:
            target.write(file.content)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _refused(error: OSError, place: Path) -> PermanentError:
    return PermanentError(
        f"it can't be written: {error.strerror or error}", where=str(error.filename or place), remedy="nothing was left"
    )
