"""Lays the files of a registered version over a checkout, where the deployment expects its model.

They are copied by the kernel (`copy_file_range`): on Btrfs and XFS nothing is written and the blocks are shared, elsewhere
a gibibyte takes about a second and no memory. A hard or symbolic link would be quicker still, but then a server that
writes into its own model would change the registered bytes for everybody, and one that looks at its path would see
another one than it was given. What was laid is hashed again: what is tried is what was registered.
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath

from seatrial.records import ModelVersion, PermanentError, UsageError
from seatrial.registry.listing import digest_of_path, files_of
from seatrial.trial.change import dvc
from seatrial.trial.change.checkout import Checkout
from seatrial.trial.change.git import shown

_STEP = 64 << 20
_CHUNK = 1 << 20
_FILE_ENDING = re.compile(r"\.[A-Za-z]{2,}\d?")
_KEPT_OUT = frozenset({".git", ".seatrial", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The files of a registered version, and where they belong.

    Attributes:
        path: the file or folder; it is only read.
        place: where they belong, counted from the project, as `plain_place` gives it.
    """

    version: ModelVersion
    path: Path
    place: str

    def laid(self, project: Path) -> Path:
        """Where the files are once they are laid in a checkout whose project is there."""
        return project / self.place


def plain_place(place: str, *, where: str) -> str:
    """A place in its plain form: relative, with slashes, without `.`, and inside the project. Raises UsageError."""
    plain = PurePosixPath(place)
    if plain.is_absolute() or not plain.parts or _KEPT_OUT & set(plain.parts) or "\0" in place:
        raise UsageError(
            f"a model can't be laid at {shown(place)!r}",
            where=where,
            remedy="name the file or folder that the deployment loads, relative to seatrial.yaml and below it",
        )
    return plain.as_posix()


def lay(layer: Layer, checkout: Checkout, check: Callable[[], None]) -> None:
    """Put the version's files in place of what is there.

    Args:
        layer: what goes where.
        checkout: of the version's code.
        check: called now and then; raises to give up.

    Raises:
        UsageError: a folder was registered and a file is expected, or the other way round; a link on the way leads out
            of the checkout; there is nothing to lay.
        PermanentError: the disk is full, or what was laid is not what was registered.
    """
    target = layer.laid(checkout.project)
    if not layer.path.exists():
        raise PermanentError(
            f"the files of {layer.version.id} are gone", where=str(layer.path), remedy="fetch them again"
        )
    _check_way(layer, checkout)
    _check_kind(layer, checkout.project)
    try:
        _clear(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(layer.path, target, check)
    except OSError as error:
        raise PermanentError(
            f"the files of {layer.version.id} can't be laid at {layer.place}: {error.strerror or error}",
            where=str(error.filename or target),
            remedy="free some space; a trial needs room for the files of both versions",
        ) from error
    found = digest_of_path(target)
    if found != layer.version.artifact.digest:
        raise PermanentError(
            f"the files of {layer.version.id} are no longer those that were registered: {found} instead of "
            f"{layer.version.artifact.digest}",
            where=str(layer.path),
            remedy="fetch the version again; if that doesn't help, register the model anew",
        )


def _check_way(layer: Layer, checkout: Checkout) -> None:
    """Refuse a way to the place that leaves the checkout through a link, or that a file blocks."""
    for above in reversed(PurePosixPath(layer.place).parents[:-1]):
        folder = checkout.project / above
        if not folder.resolve().is_relative_to(checkout.folder.resolve()):
            raise UsageError(
                f"{layer.place} can't be written: {above} is a link that leads out of the version's files",
                where=layer.version.id,
                remedy="commit a folder instead of the link, or name another path for the model in seatrial.yaml",
            )
        if os.path.lexists(folder) and not folder.is_dir():
            raise UsageError(
                f"{layer.place} can't be written: {above} is no folder in the version's files",
                where=layer.version.id,
                remedy="correct models.NAME.path in seatrial.yaml",
            )


def _check_kind(layer: Layer, project: Path) -> None:
    """Refuse a folder where the deployment expects a file, the reverse, and a file of another kind."""
    artifact, expected = layer.version.artifact, _expected(layer, project)
    given = "a folder" if artifact.folder else "a file"
    if expected is None:
        return
    if expected != given:
        raise UsageError(
            f"{layer.version.id} is {given} ({shown(artifact.name)}), but the deployment expects {expected} at {layer.place}",
            where=layer.version.id,
            remedy=f"register {expected}, or let models.{layer.version.model}.path name {given}",
        )
    ending, wanted = PurePosixPath(artifact.name).suffix, PurePosixPath(layer.place).suffix
    if not artifact.folder and ending != wanted and _FILE_ENDING.fullmatch(wanted):
        raise UsageError(
            f"{layer.version.id} is {shown(artifact.name)}, but the deployment loads {layer.place}, and loaders go by the "
            "ending",
            where=layer.version.id,
            remedy=f"register a {wanted} file, or change models.{layer.version.model}.path and what loads it",
        )


def _expected(layer: Layer, project: Path) -> str | None:
    """What the version's code expects at the place: `a file` or `a folder`; None where nothing tells."""
    target = layer.laid(project)
    if target.is_symlink():
        return None
    if target.exists():
        return "a folder" if target.is_dir() else "a file"
    pointed = _pointed(target)
    if pointed is not None:
        return "a folder" if pointed.folder else "a file"
    if _FILE_ENDING.fullmatch(target.suffix) and target.suffix != PurePosixPath(layer.version.artifact.name).suffix:
        return "a file"
    return None


def _pointed(target: Path) -> dvc.Target | None:
    """What DVC's pointer beside the place says of it."""
    pointer = target.with_name(f"{target.name}.dvc")
    with suppress(OSError, dvc.MalformedPointerError):
        found = dvc.targets(pointer.name, pointer.read_bytes())
        return next((each for each in found if each.path == target.name), None)
    return None


def _clear(target: Path) -> None:
    """Remove what is there; of a link the link itself, never what it leads to."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _copy(source: Path, target: Path, check: Callable[[], None]) -> None:
    if not source.is_dir():
        _copy_file(source, target, check)
        return
    target.mkdir()
    for name, file in files_of(source).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(file, path, check)


def _copy_file(source: Path, target: Path, check: Callable[[], None]) -> None:
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as written:
        with suppress(OSError):  # between two file systems the kernel may not: the rest is copied below
            while os.copy_file_range(read.fileno(), written.fileno(), _STEP):
                check()
        while chunk := read.read(_CHUNK):
            check()
            _write_all(written, chunk)


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]
