"""`seatrial server`: one process a project that keeps its deployments running, and does what else has to be done.

It may end at any time, in any way: what it started runs on, and the next one takes it over.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seatrial.deployments.supervisor import Supervisor
from seatrial.records import UsageError

LOCK = "server.lock"
LOG = "server.log"
# What workflows need to put down their trials, and a little more.
_LEAVING = 75.0
log = logging.getLogger("seatrial.server")

Duty = Callable[[threading.Event], None]
"""Something else that the server does, in a thread of its own: it returns soon after the event is set."""


@contextmanager
def only_server(root: Path) -> Iterator[None]:
    """Be the project's server until the block ends.

    Raises:
        UsageError: another process is; it says which.
    """
    with (root / LOCK).open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = server_pid(root)
            raise UsageError(
                f"a server of this project runs already{f', as process {pid}' if pid else ''}",
                where=str(root),
                remedy="seatrial deployments list shows what it does" + (f"; kill {pid} ends it" if pid else ""),
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def server_pid(root: Path) -> int | None:
    """The process that is the project's server; None if there is none. 0: there is one, and it has not said which."""
    try:
        with (root / LOCK).open() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = handle.read().strip()
                return int(said) if said.isdigit() else 0
    except OSError:
        return None
    return None


def serve(
    supervisor: Supervisor, stop: threading.Event, *, duties: Sequence[Duty] = (), stop_models: bool = False
) -> None:
    """Supervise until `stop` is set.

    Args:
        supervisor: of the project's deployments.
        stop: set by a signal.
        duties: what else to do meanwhile.
        stop_models: at the end stop everything that runs, and wait for that; otherwise it all runs on.
    """
    threads = [
        threading.Thread(target=_dutiful, args=(duty, stop), name=getattr(duty, "__name__", "duty"), daemon=True)
        for duty in duties
    ]
    for thread in threads:
        thread.start()
    log.info("supervising, as process %d", os.getpid())
    while not stop.wait(supervisor.turn()):
        pass
    if stop_models:
        log.info("stopping what runs")
        again = threading.Event()
        while not supervisor.empty:
            again.wait(supervisor.turn(stop_all=True))
    supervisor.leave()
    end = time.monotonic() + _LEAVING
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _dutiful(duty: Duty, stop: threading.Event) -> None:
    try:
        duty(stop)
    except Exception:
        log.exception("a duty of the server broke; deployments are looked after all the same")
