"""Names of processes that are held by locks, so that a dead one is told from a living one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from seatrial.workflows.executors import Executors
from tests.waiting import wait_until

HOLDER = """\
import sys, time
from pathlib import Path
from seatrial.workflows.executors import Executors
with Executors(Path(sys.argv[1])).hold() as name:
    print(name, flush=True)
    time.sleep(60)
"""


def test_a_name_is_held_as_long_as_the_block_runs(tmp_path: Path) -> None:
    """It is nobody else's, and nothing is left of it afterwards."""
    executors = Executors(tmp_path / "executors")
    with executors.hold() as first, executors.hold() as second:
        assert first != second
        assert executors.lives(first)
        with executors.bury(first) as gone:
            assert not gone

    assert not executors.lives(first)
    assert [] == list((tmp_path / "executors").iterdir())


def test_a_killed_process_is_gone(tmp_path: Path) -> None:
    """The kernel frees the lock of a process that is killed; then its name may be buried, by one at a time."""
    executors = Executors(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        name = process.stdout.readline().strip()
    with executors.bury(name) as gone:
        assert not gone
    assert executors.lives(name)

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not executors.lives(name))
    with executors.bury(name) as gone, Executors(tmp_path).bury(name) as also:
        assert (True, False) == (gone, also)
    assert [] == list(tmp_path.iterdir())


def test_a_name_without_a_lock_is_that_of_a_dead_process(tmp_path: Path) -> None:
    """Whoever took its lock away had made sure of it."""
    executors = Executors(tmp_path)

    assert not executors.lives("1234-abc")
    with executors.bury("1234-abc") as gone:
        assert gone
    assert [] == list(tmp_path.iterdir())


def test_sweeping_takes_the_locks_of_the_dead_only(tmp_path: Path) -> None:
    """Of processes that were killed with nothing under way."""
    (tmp_path / "1-dead.lock").write_text("")
    executors = Executors(tmp_path)
    with executors.hold() as name:
        executors.sweep()

        assert [f"{name}.lock"] == [path.name for path in tmp_path.iterdir()]
