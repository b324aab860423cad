"""What is read of processes: the right one, dead or alive, and CPU time that never goes back."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial.serve.metrics.processes import Process, Usage, namespace, seconds, this_process, usage, usages
from tests.waiting import wait_until

TICKS = os.sysconf("SC_CLK_TCK")


def test_this_process_is_found() -> None:
    """Alive, with the CPU time and memory that the system's other accounts show."""
    before = time.process_time()
    used = usage(this_process())
    assert used is not None
    assert used.running
    assert before - 2 / TICKS <= seconds(used.cpu) <= time.process_time()
    assert 1e6 < used.resident < 1e11
    assert used.started <= time.time() + 1


def test_a_number_that_was_given_to_another_is_another() -> None:
    """Same number, other start: gone."""
    mine = this_process()
    assert usage(Process(pid=mine.pid, started=mine.started + 1)) is None


def test_one_that_ended_holds_nothing_but_its_cpu_time() -> None:
    """Until its parent has waited for it, it is there and does not run; then it is gone and in the parent's account."""
    program = "import time\nwhile time.process_time() < 0.1: pass"
    child = subprocess.Popen([sys.executable, "-c", program])
    started = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])
    process = Process(pid=child.pid, started=started)
    before = usage(this_process())
    wait_until(lambda: (used := usage(process)) is not None and not used.running)
    ended = usage(process)
    child.wait()
    after = usage(this_process())
    assert ended is not None
    assert before is not None
    assert after is not None
    assert seconds(ended.cpu) >= 0.09
    assert after.children - before.children >= ended.cpu
    assert usage(process) is None


def test_a_worker_that_ends_while_it_is_read_is_counted_once() -> None:
    """Waited for after the parent was read and before the worker was: it looks again."""
    parent, worker = Process(pid=1, started=1), Process(pid=2, started=2)
    asked: list[Process] = []

    def look(process: Process) -> Usage | None:
        asked.append(process)
        gone = worker in asked
        if process == worker:
            return None
        return Usage(running=True, cpu=5, children=70 if gone else 0, resident=1.0, started=1.0)

    found = usages(parent, [worker], look)
    assert [parent] == list(found)
    assert 75 == found[parent].cpu + found[parent].children


def test_one_process_alone_is_counted_once() -> None:
    """A server without workers of its own: parent and worker are the same."""
    mine = this_process()
    assert [mine] == list(usages(mine, [mine]))


def test_a_parent_that_is_gone_or_unknown() -> None:
    """The workers are read as they are."""
    mine = this_process()
    assert [mine] == list(usages(None, [mine]))
    assert [mine] == list(usages(Process(pid=mine.pid, started=1), [mine]))


def test_a_name_with_brackets_and_spaces(tmp_path: Path) -> None:
    """The kernel does not quote the name."""
    (tmp_path / "7").mkdir()
    fields = ["S", *["0"] * 10, "150", "50", "20", "10", *["0"] * 4, "900", "0", "3", *["0"] * 20]
    (tmp_path / "7" / "stat").write_text(f"7 (a) (b c) {' '.join(fields)}\n")
    (tmp_path / "stat").write_text("cpu 1 2\nbtime 1000\n")
    expected = Usage(
        running=True, cpu=200, children=30, resident=3.0 * os.sysconf("SC_PAGE_SIZE"), started=1000 + 900 / TICKS
    )
    assert expected == usage(Process(pid=7, started=900), tmp_path)


def test_without_proc(tmp_path: Path) -> None:
    """Nothing is known, and nothing fails."""
    assert Process(pid=os.getpid(), started=0) == this_process(tmp_path)
    assert usage(this_process(), tmp_path) is None
    assert namespace(tmp_path) == ""


@pytest.mark.parametrize("state", [b"Z", b"X"])
def test_states_of_the_dead(tmp_path: Path, state: bytes) -> None:
    """Ended, not yet waited for."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(b"7 (a) " + state + b" 0" * 18 + b" 9 0 0" + b" 0" * 20)
    (tmp_path / "stat").write_bytes(b"")
    used = usage(Process(pid=7, started=9), tmp_path)
    assert used is not None
    assert not used.running
