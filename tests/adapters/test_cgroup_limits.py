"""Limits that the kernel enforces; these tests need writable control groups and say so where there are none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Status
from seatrial.records import Resources
from tests.adapters.launching import Cells, log, python, unique, writable_cgroups
from tests.waiting import wait_until

HOG = "held = []\nwhile True: held.append(bytearray(1 << 20))"
HUNGRY_CHILD = (
    f"import os, time\nif os.fork() == 0:\n    {HOG.replace(chr(10), chr(10) + '    ')}\nos.wait(); time.sleep(1000)"
)


@pytest.fixture
def cells(tmp_path: Path) -> Iterator[Cells]:
    """Cells in control groups."""
    with Cells(ProcessRuntime(cgroups=writable_cgroups("cpu", "memory")), tmp_path) as made:
        yield made


def test_a_memory_hog_is_killed_at_its_limit_and_says_so(cells: Cells) -> None:
    """The kernel ends it; the status names the limit, also after the stop removed the group."""
    instance = cells.start(python(HOG), resources=Resources(memory=64 << 20))
    wait_until(lambda: not instance.status().running)
    expected = Status(running=False, exit_status=-9, note="out of memory (limit 64 MiB)")

    assert expected == instance.status()
    instance.stop()
    assert expected == instance.status()


def test_a_child_out_of_memory_is_noted_while_its_parent_runs(cells: Cells) -> None:
    """A lost worker doesn't look like health."""
    instance = cells.start(python(HUNGRY_CHILD), resources=Resources(memory=64 << 20))

    wait_until(lambda: instance.status().note)

    assert Status(running=True, note="one of its processes ran out of memory (limit 64 MiB)") == instance.status()


def test_killed_by_hand_is_not_out_of_memory(cells: Cells) -> None:
    """Only the kernel's own count makes it so."""
    instance = cells.start(python("import os; os.kill(os.getpid(), 9)"))
    wait_until(lambda: not instance.status().running)

    assert Status(running=False, exit_status=-9) == instance.status()


def test_a_cpu_limit_throttles(cells: Cells) -> None:
    """The kernel counts throttled periods of a process that wants more than its tenth of a core."""
    instance = cells.start(python("while True: pass"), resources=Resources(cpu=0.1))
    assert instance.limits.cpu_enforced
    group = next(iter(instance._group.entries)).parent if instance._group else Path()

    wait_until(lambda: "nr_throttled 0" not in (group / "cpu.stat").read_text())

    instance.stop()
    assert not group.exists()


def test_it_is_inside_before_its_first_instruction(cells: Cells) -> None:
    """The first thing that a deployment can see is that it is in its group."""
    instance = cells.start(["cat", "/proc/self/cgroup"], cell="a/b c@candidate")
    wait_until(lambda: not instance.status().running)

    assert f"/seatrial/{unique('run')}/a_b_c@candidate." in (cells.folder / "a/b c@candidate.log").read_text()


def test_the_group_measures(cells: Cells) -> None:
    """Memory is the working set: a file that was only read through the page cache isn't held."""
    program = f"import time\nopen({str(cells.folder / 'big')!r}, 'wb').write(bytes(32 << 20))\nprint('written')\ntime.sleep(1000)"
    instance = cells.start(python(program))
    wait_until(lambda: "written" in log(cells.folder))
    os.sync()

    wait_until(lambda: (point := instance.usage()) is not None and 0 < point.memory < 16 << 20)

    assert instance.usage_source.startswith("cgroup v")
    instance.stop()
