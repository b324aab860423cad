"""One at a time, across threads and processes: a lock file that the system releases when its holder dies."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.ports import Clock
from seatrial.records import PermanentError

_PAUSE = 0.05


@contextmanager
def hold(path: Path, clock: Clock, check: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Hold the lock `path` (made if missing); yields its descriptor.

    A child process that inherits the descriptor keeps holding the lock if this process dies before it, so nobody touches
    what it still writes.

    Args:
        path: the lock file.
        clock: sleeps between two tries.
        check: called before each try; raises to give up waiting.

    Raises:
        PermanentError: the file can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise PermanentError(
            f"the lock can't be made: {error.strerror}", where=str(path), remedy="make its folder writable"
        ) from error
    try:
        check()
        while not _taken(descriptor):
            clock.sleep(_PAUSE)
            check()
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
