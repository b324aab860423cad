"""The folder that the workers of one server share, and what it says as a whole.

    owner        the process that made the folder
    worker-NAME  written by that worker alone
    past         counters of the workers that are gone, written by `fold` alone

Nobody waits for anybody, and yet no reader ever sees a worker's counts twice or not at all while they move into the past.
`fold` first renames a new `past` into place, which holds the counts and says so (`Header.folded`), and only then removes
the worker's file. A reader reads the workers first and the past last, and leaves out the workers that this past holds.
So a count is taken from the worker's file exactly if the past that was read does not have it, and in that case the file
was still there when the reader looked.
"""

import fcntl
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from seatrial.records import UsageError
from seatrial.serve.metrics.processes import Process, namespace, this_process, usage
from seatrial.serve.metrics.slots import Header, Series, Sheet, SlotFile, read, write
from seatrial.serve.metrics.sums import condense

PASSING = frozenset({"started", "open", "info", "waiting"})
"""Kinds of blocks that are true of a living process only."""

REMEMBERED = 1000
"""How many folds a reader may be late before it could count a worker twice."""

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, with mode 0700
_ROOM = 4 * 1024 * 1024
_PREFIX = "seatrial-metrics-"
_WORKER = "worker-"
_PAST = "past"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The process that made the folder; `namespace` says among which processes its number means anything."""

    pid: int
    started: int
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker's file, and whose it is."""

    name: str
    process: Process
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a folder holds: each count in exactly one place."""

    owner: Process | None
    workers: tuple[Worker, ...]
    past: tuple[Series, ...]


def make_folder(under: Path | None = None) -> Path:
    """A new folder of mode 0700, made by the server's parent process before its workers start.

    Folders beside it that were left by a server which was killed are removed.

    Args:
        under: where; by default in memory (`/dev/shm`) where that has room, else in the folder for temporary files.
    """
    place = under or _place()
    for left in place.glob(f"{_PREFIX}*"):
        _remove_if_left(left)
    process = this_process()
    owner = Owner(pid=process.pid, started=process.started, namespace=namespace())
    # Only a folder with its owner in it has a name that the next server looks for.
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=place))
    (made / "owner").write_bytes(msgspec.json.encode(owner))
    return made.rename(made.with_name(made.name.removeprefix(".")))


def remove_folder(folder: Path) -> None:
    """Remove it with all that is in it; workers that still run keep counting for nobody."""
    shutil.rmtree(folder, ignore_errors=True)


def open_file(folder: Path, worker: str) -> SlotFile:
    """A new file for this process.

    Raises:
        UsageError: the name is not fit for a file, or a worker of that name was not folded yet.
        PermanentError: no room.
    """
    if not _NAME.fullmatch(worker):
        raise UsageError(
            f"{worker!r} cannot be the name of a worker",
            where=str(folder),
            remedy="use up to 64 letters, digits, dots, dashes and underscores",
        )
    process = this_process()
    header = Header(id=uuid.uuid4().hex, worker=worker, pid=process.pid, started=process.started)
    try:
        return SlotFile(folder / f"{_WORKER}{worker}", header)
    except FileExistsError:
        raise UsageError(
            f"the metrics of a worker {worker!r} are here already",
            where=str(folder),
            remedy="fold the one that ended, or take another name",
        ) from None


def read_folder(folder: Path) -> View:
    """Everything, at almost one moment; see the module for what a reader may rely on."""
    workers = read_workers(folder)
    return combine(folder, workers, read(folder / _PAST))


def read_workers(folder: Path) -> tuple[Sheet, ...]:
    """The first half of `read_folder`: the workers' files."""
    sheets = (read(path) for path in sorted(folder.glob(f"{_WORKER}*")))
    return tuple(sheet for sheet in sheets if sheet is not None)


def combine(folder: Path, workers: Iterable[Sheet], past: Sheet | None) -> View:
    """The second half of `read_folder`: `past` was read after `workers`."""
    folded = frozenset(past.header.folded) if past else frozenset()
    return View(
        owner=_owner(folder),
        workers=tuple(_worker(sheet) for sheet in workers if sheet.header.id not in folded),
        past=past.series if past else (),
    )


def fold(folder: Path, worker: str) -> None:
    """Move what `worker` counted into the past, and drop what was true of it only while it lived.

    Called by the parent after the worker has ended; what a worker counts afterwards is lost. May be called again.
    """
    gone = folder / f"{_WORKER}{worker}"
    with _alone(folder):
        sheet = read(gone)
        past = read(folder / _PAST) or Sheet(header=Header(id=_PAST), series=())
        if sheet is not None and sheet.header.id not in past.header.folded:
            _replace(folder / _PAST, _with(past, sheet))
        gone.unlink(missing_ok=True)


def _with(past: Sheet, gone: Sheet) -> Sheet:
    lasting = [series for series in gone.series if series.block.kind not in PASSING]
    folded = (*past.header.folded, gone.header.id)[-REMEMBERED:]
    return Sheet(header=Header(id=_PAST, folded=folded), series=condense([*past.series, *lasting]))


def _replace(path: Path, sheet: Sheet) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    write(fresh, sheet)
    fresh.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # Readers never take this lock; it keeps two folds from writing over each other.
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _worker(sheet: Sheet) -> Worker:
    header = sheet.header
    return Worker(name=header.worker, process=Process(pid=header.pid, started=header.started), series=sheet.series)


def _owner(folder: Path) -> Process | None:
    owner = _read_owner(folder)
    return Process(pid=owner.pid, started=owner.started) if owner else None


def _read_owner(folder: Path) -> Owner | None:
    try:
        return msgspec.json.decode((folder / "owner").read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError):
        return None


def _remove_if_left(folder: Path) -> None:
    # Another container may share this place and see other processes: only judge those that this one can see.
    with suppress(OSError):
        folder.rmdir()  # one that a killed server had emptied; any other is not empty
    with suppress(OSError):
        owner = _read_owner(folder)
        if owner is None or not owner.started or owner.namespace != namespace():
            return
        if usage(Process(pid=owner.pid, started=owner.started)) is None:
            remove_folder(folder)


def _place() -> Path:
    with suppress(OSError):
        room = os.statvfs(_MEMORY)
        if os.access(_MEMORY, os.W_OK | os.X_OK) and room.f_bavail * room.f_frsize >= _ROOM:
            return _MEMORY
    return Path(tempfile.gettempdir())
