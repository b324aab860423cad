"""Which processes run workflows here, and which of them are gone.

The engine recovers workflows by the name of the process that ran them and takes its caller's word that it is dead. So
every process has a name of its own and holds the lock of that name (`flock`) for as long as it lives: the kernel frees
it however the process ends, and two processes can't both believe that a third one is dead.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".lock"


class Executors:
    """The processes of one project on this machine.

    Args:
        folder: where their locks are; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def hold(self) -> Iterator[str]:
        """A name that no other process has, held until the block ends."""
        while True:
            handle, name = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=_SUFFIX, dir=self._folder)
            path = Path(name)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_open_at(handle, path):  # not taken for dead before it was locked
                    yield path.name.removesuffix(_SUFFIX)
                    return
            finally:
                path.unlink(missing_ok=True)
                os.close(handle)

    @contextmanager
    def bury(self, name: str) -> Iterator[bool]:
        """Whether the process of this name is gone; while the block runs, nobody else is told so.

        A name without a lock is that of a process whose lock was already taken away.
        """
        path = self._folder / f"{name}{_SUFFIX}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(handle) or not _is_open_at(handle, path):
                yield False
                return
            yield True
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)

    def lives(self, name: str) -> bool:
        """Whether the process of this name is still there."""
        try:
            handle = os.open(self._folder / f"{name}{_SUFFIX}", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def sweep(self) -> None:
        """Take away the locks of processes that are gone."""
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with self.bury(path.name.removesuffix(_SUFFIX)):
                pass


def _lock(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_open_at(handle: int, path: Path) -> bool:
    """Whether the open file is the one that is at `path` now."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(handle)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)
