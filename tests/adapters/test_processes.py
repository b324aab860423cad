"""Process trees through psutil: who belongs, and who must never be touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.processes import (
    CELL_VARIABLE,
    RUN_VARIABLE,
    Look,
    Mark,
    ProcessTable,
    ProcessTree,
    Seen,
    marked,
    signal_process,
)
from tests.waiting import wait_until


def seen(pid: int, parent: int, started: float) -> Seen:
    """A process of the process table."""
    return Seen(pid=pid, parent=parent, session=pid, started=started, mark=None, process=psutil.Process())


def test_a_tree_is_everything_below_its_roots() -> None:
    """Children of children belong; neighbours don't."""
    look = Look({pid: seen(pid, parent, 10.0) for pid, parent in [(2, 1), (3, 2), (4, 3), (5, 1)]})

    assert {2, 3, 4} == {pid for pid, _ in look.tree([look.seen[2]])}


def test_a_process_older_than_its_parent_is_a_strangers_child() -> None:
    """Its parent has died and the pid was given to ours; killing it would hit a stranger."""
    look = Look({2: seen(2, 1, 50.0), 3: seen(3, 2, 10.0), 4: seen(4, 2, 60.0)})

    assert {2, 4} == {pid for pid, _ in look.tree([look.seen[2]])}


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of run `a`, cell `b`."""
    process = subprocess.Popen(["sleep", "1000"], env={RUN_VARIABLE: "a", CELL_VARIABLE: "b"}, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_signal_goes_only_to_the_process_that_is_meant(sleeper: subprocess.Popen[bytes]) -> None:
    """If the pid is another's by now, nothing is sent."""
    assert not signal_process(sleeper.pid, signal.SIGKILL, lambda: False)
    assert sleeper.poll() is None

    assert signal_process(sleeper.pid, signal.SIGKILL, lambda: True)
    assert -signal.SIGKILL == sleeper.wait()
    assert not signal_process(sleeper.pid, signal.SIGKILL, lambda: True)


def test_a_run_is_found_by_the_mark_in_the_environment(sleeper: subprocess.Popen[bytes]) -> None:
    """Whole names only: run `a` is not run `ab`."""
    wait_until(lambda: psutil.Process(sleeper.pid).environ().get(RUN_VARIABLE))
    look = ProcessTable(SystemClock()).look()

    assert [sleeper.pid] == [process.pid for process in marked(look, "a")]
    assert [] == marked(look, "ab")


def test_a_zombie_is_no_living_process(sleeper: subprocess.Popen[bytes]) -> None:
    """It only waits to be collected; nothing can or need be done about it."""
    tree = ProcessTree(ProcessTable(SystemClock()), sleeper.pid, Mark("a", "b"))
    assert [sleeper.pid] == [process.pid for process in tree.processes()]

    os.kill(sleeper.pid, signal.SIGKILL)

    wait_until(lambda: tree.processes() == [])


def test_a_look_may_be_shared_for_a_while() -> None:
    """Many cells that ask at once cost one look."""
    table = ProcessTable(SystemClock())
    first = table.look()
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert first is table.look(max_age=60.0)
        assert child.pid in table.look().seen
        child.communicate(b"\n")
    assert child.pid not in table.look().seen
