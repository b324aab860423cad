"""Keeps the files of a model version in a store, and lays them out again where they are needed.

Every adapter of the registry that keeps files itself does it here, so that the same files have the same digest, and are
stored once, whichever of them is used.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from seatrial.ports import Store
from seatrial.records import Artifact, PermanentError, TemporaryError, UsageError
from seatrial.registry.listing import digest_of_path, files_of, read_listing, write_listing

Given = TypeVar("Given")
Made = TypeVar("Made")

_Marks = dict[str, tuple[int, int, int]]
_AT_ONCE = 8


def keep_artifact(path: Path, store: Store) -> Artifact:
    """Store a file, or a folder with all its files; what is already there is not stored again.

    Args:
        path: of the model; links are followed.
        store: where the files go, and the listing of a folder.

    Returns:
        What leads to it again. Its digest is that of the bytes that were stored, whatever happened to the files
        meanwhile.

    Raises:
        UsageError: there is nothing at `path`, the folder is empty, or something in it can't be listed.
        TemporaryError: a file changed while it was being stored.
        PermanentError: a file can't be read, or the store can't take it.
    """
    name = _name_of(path)
    before = _marks(path)
    digest = _keep_folder(path, store) if path.is_dir() else store.put_file(path)
    if _marks(path) != before:
        raise TemporaryError(
            "the model's files changed while they were being stored",
            where=str(path),
            remedy="register it again once nothing writes there any more",
        )
    return Artifact(
        digest=digest,
        name=name,
        folder=path.is_dir(),
        size=sum(size for size, _, _ in before.values()),
        files=len(before),
    )


def check_model(path: Path) -> None:
    """Raises UsageError if there is neither a file nor a folder at `path`."""
    if not path.is_file() and not path.is_dir():
        raise UsageError("there is no model", where=str(path), remedy="name the file or folder that was trained")


def lay_artifact(artifact: Artifact, store: Store, folder: Path) -> Path:
    """Put an artifact's files below `folder` under the artifact's name: whole and verified, or not at all.

    Args:
        artifact: what `keep_artifact` gave.
        store: where its files are.
        folder: made, with its parents, if it is not there.

    Returns:
        The file's or folder's path. What is there already with the same content is left as it is.

    Raises:
        UsageError: something else is there.
        PermanentError: the store has not all of it, its bytes no longer match, or `folder` can't be written.
    """
    final = folder / _safe_name(artifact.name)
    if os.path.lexists(final):
        return _same(final, artifact)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _laying(folder) as room:
            laid = room / final.name
            _lay(artifact, store, laid)
            _finish(laid, final, artifact)
    except OSError as error:
        raise PermanentError(
            f"a model's files can't be written: {error.strerror}",
            where=str(error.filename or folder),
            remedy="free space there, or make the folder writable for the user that runs seatrial",
        ) from error
    return final


def _name_of(path: Path) -> str:
    check_model(path)
    name = path.name if path.name not in {"", ".."} else path.resolve().name
    if not name:
        raise UsageError("the root folder is no model", where=str(path), remedy="name the model's own folder")
    return name


def _marks(path: Path) -> _Marks:
    """Size, time of change and inode of every file: what betrays that one was written meanwhile."""
    files = files_of(path) if path.is_dir() else {path.name: path}
    if not files:
        raise UsageError("the model's folder holds no files", where=str(path), remedy="name a folder with files in it")
    marks = {}
    for name, file in files.items():
        try:
            found = file.stat()
        except OSError as error:
            raise UsageError(f"a file can't be read: {error.strerror}", where=str(file)) from error
        marks[name] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return marks


def _keep_folder(folder: Path, store: Store) -> str:
    files = files_of(folder)
    digests = _at_once(store.put_file, files.values())
    return store.put(write_listing(dict(zip(files, digests, strict=True))))


def _safe_name(name: str) -> str:
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise PermanentError(f"{name!r} can't be the name of a model's file", remedy="register the model again")
    return name


def _same(final: Path, artifact: Artifact) -> Path:
    if final.is_dir() == artifact.folder and digest_of_path(final) == artifact.digest:
        return final
    raise UsageError(
        "something else is already there", where=str(final), remedy="remove it, or choose another folder for the model"
    )


def _lay(artifact: Artifact, store: Store, target: Path) -> None:
    if not artifact.folder:
        store.get_file(artifact.digest, target)
        return
    files = read_listing(store.get(artifact.digest))
    for folder in {(target / name).parent for name in files}:
        folder.mkdir(parents=True, exist_ok=True)
    _at_once(lambda name: store.get_file(files[name], target / name), files)


def _at_once(work: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    """Do something to each, several at a time; the first error ends it.

    A disk makes many small files durable in one go, and a bucket answers many requests in the time of one.
    """
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(laid: Path, final: Path, artifact: Artifact) -> None:
    """Give what was laid its name in one step; another process may have been faster."""
    try:
        laid.rename(final)
    except OSError:
        if not os.path.lexists(final):
            raise
        _same(final, artifact)


@contextmanager
def _laying(folder: Path) -> Iterator[Path]:
    """A room of our own in `folder`, so that the last step is a rename; cleared also of what killed processes left."""
    _clear_abandoned(folder)
    while True:
        room = Path(tempfile.mkdtemp(prefix=".laying-", dir=folder))
        try:
            descriptor = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another process took it for abandoned before it was opened
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if room.exists():
            break
        os.close(descriptor)  # another process took it for abandoned before it was locked
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        os.close(descriptor)


def _clear_abandoned(folder: Path) -> None:
    """Remove rooms that nobody holds a lock on."""
    for room in folder.glob(".laying-*"):
        with suppress(OSError):
            descriptor = os.open(room, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(room, ignore_errors=True)
            finally:
                os.close(descriptor)
