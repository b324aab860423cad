"""Where a trial keeps its files, and how the next trial knows what a crashed one left behind.

.seatrial/
├── journal.db          every run and what happened in it
├── store/              artifacts by digest
├── builds/             which build products belong to which inputs
└── runs/<id>/
    ├── lock            held (flock) by the process that runs it; free means that process is gone
    ├── report.json, report.md, report.html, junit.xml
    ├── blocks.jsonl    every finished turn of every cell, appended as it ends
    ├── samples.parquet the same, one row a request, once the trial has ended
    ├── logs/, junit/   of the cells and their tests
    └── trees/          checkouts, removed at the end
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seatrial.ports import Clock
from seatrial.records import PermanentError

FOLDER = ".seatrial"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The `.seatrial` folder of a project."""

    root: Path

    @property
    def runs(self) -> Path:
        """Where the runs are."""
        return self.root / "runs"

    @property
    def store(self) -> Path:
        """Where artifacts are."""
        return self.root / "store"

    @property
    def builds(self) -> Path:
        """Where the index of build products is."""
        return self.root / "builds"

    def run(self, run: str) -> "RunFolder":
        """The folder of one run."""
        return RunFolder(self.runs / run)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    root: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.root.name

    @property
    def mark(self) -> str:
        """The run's name among all runs of this machine: two projects may begin a run in the same second."""
        return f"{self.id}-{hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:12]}"

    @property
    def blocks(self) -> Path:
        """Finished turns, appended."""
        return self.root / "blocks.jsonl"

    @property
    def samples(self) -> Path:
        """One row a request."""
        return self.root / "samples.parquet"

    @property
    def trees(self) -> Path:
        """Checkouts."""
        return self.root / "trees"

    def log(self, cell: str, kind: str = "log") -> Path:
        """A log of one cell; its folder exists afterwards."""
        folder = self.root / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{_as_file_name(cell)}.{kind}"

    def is_abandoned(self) -> bool:
        """Whether no living process holds it."""
        try:
            with (self.root / "lock").open("r") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


def _as_file_name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "._-+@" else "_" for char in text)


def open_workspace(project: Path) -> Workspace:
    """The workspace of a project, created where needed; git leaves it alone. Raises PermanentError if it can't be written."""
    root = project.resolve() / FOLDER
    try:
        root.mkdir(parents=True, exist_ok=True)
        ignore = root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise PermanentError(
            f"the workspace can't be written: {error.strerror}",
            where=str(root),
            remedy="make the folder writable, or free disk space",
        ) from None
    return Workspace(root)


@contextmanager
def new_run(workspace: Workspace, clock: Clock) -> Iterator[RunFolder]:
    """A folder for a new run, held by this process until the block ends. Its name sorts by time."""
    with hold_run(create_run(workspace, clock)) as folder:
        yield folder


def create_run(workspace: Workspace, clock: Clock, mark: str = "") -> RunFolder:
    """A folder for a new run, which nobody holds yet. Its name sorts by time; `mark` tells it from other machines' runs."""
    stamp = clock.now().strftime("%Y%m%d-%H%M%S")
    return RunFolder(_create(workspace.runs, f"{stamp}-{mark}" if mark else stamp))


@contextmanager
def hold_run(folder: RunFolder) -> Iterator[RunFolder]:
    """A run's folder, made where it is missing, held by this process until the block ends."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with (folder.root / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield folder


def _create(runs: Path, stamp: str) -> Path:
    """The first free name; making a folder is atomic, so two trials that begin in one second get two."""
    runs.mkdir(parents=True, exist_ok=True)
    for suffix in range(1, 1000):
        folder = runs / (stamp if suffix == 1 else f"{stamp}-{suffix}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise PermanentError(f"a thousand runs began at {stamp}", where=str(runs), remedy="try again in a second")
