"""Programs and work that go on, or don't, when whoever began them ends."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from seatrial.adapters.detach import start_detached
from seatrial.adapters.runtime.loopback import is_free
from seatrial.adapters.threads import DaemonThreads
from seatrial.records import PermanentError
from tests.waiting import wait_until

TELL = "import os; print(os.getsid(0) == os.getpid(), sorted(n for n in os.environ if n.startswith('SEATRIAL')))"
STARTER = """
import os, sys
from pathlib import Path
from seatrial.adapters.detach import start_detached
folder = Path(sys.argv[1])
started = start_detached(["sleep", "1000"], cwd=folder, env=os.environ, log=folder / "log")
print(started.pid, flush=True)
os._exit(0)
"""


def test_it_runs_in_a_session_of_its_own_without_the_marks_of_a_run(tmp_path: Path) -> None:
    """A sweep of the run that we belong to leaves it alone; its output goes to the end of its log."""
    log = tmp_path / "log"
    log.write_text("before\n")
    env = {"PATH": os.environ["PATH"], "SEATRIAL_RUN": "r", "SEATRIAL_CELL": "c", "SEATRIAL_ACTOR": "ada"}

    with start_detached([sys.executable, "-c", TELL], cwd=tmp_path, env=env, log=log) as process:
        assert 0 == process.wait(30)

    assert "before\nTrue ['SEATRIAL_ACTOR']\n" == log.read_text()


def test_it_outlives_whoever_started_it(tmp_path: Path) -> None:
    """The command ends, and the server that it started doesn't."""
    done = subprocess.run(
        [sys.executable, "-c", STARTER, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    process = psutil.Process(int(done.stdout))

    assert process.is_running()
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    """With the program's name."""
    with pytest.raises(PermanentError, match="no-such-program can't be started"):
        start_detached(["no-such-program"], cwd=tmp_path, env={}, log=tmp_path / "log")


def test_each_call_has_a_thread_and_hands_back_what_came_of_it() -> None:
    """Results and exceptions alike; many can wait at the same time."""
    threads, go = DaemonThreads(), threading.Event()

    def wait(number: int) -> tuple[int, bool]:
        go.wait(30)
        return number, threading.current_thread().daemon

    def fail() -> None:
        raise ValueError("oh")

    futures = [threads.submit(wait, number) for number in range(50)]
    failed = threads.submit(fail)
    assert isinstance(failed.exception(30), ValueError)
    go.set()

    assert [(number, True) for number in range(50)] == [future.result(30) for future in futures]


def test_a_process_does_not_wait_for_work_in_other_threads() -> None:
    """A server ends at once, though a download goes on."""
    program = (
        "from seatrial.adapters.threads import DaemonThreads\nimport time\n"
        "DaemonThreads().submit(time.sleep, 1000)\nprint('end')\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)

    assert "end\n" == done.stdout


def test_a_port_is_free_while_nobody_has_it() -> None:
    """Nor one that is bound and does not listen yet."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        bound = is_free("127.0.0.1", port)

    assert (False, True) == (bound, is_free("127.0.0.1", port))
