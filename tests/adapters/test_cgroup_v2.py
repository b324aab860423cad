"""Control groups version 2, on an imitation of the kernel: most machines that run these tests delegate none."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.adapters.runtime.cgroup import Cgroups, ControlFiles
from seatrial.adapters.runtime.cgroup_v2 import GroupV2
from seatrial.adapters.runtime.detect import detect, own_memory_limit
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.ports import Status
from seatrial.records import Limits, Resources
from tests.adapters.fake_kernel import FakeKernel
from tests.adapters.launching import Cells, unique
from tests.waiting import wait_until

ASKED = Resources(cpu=1.5, memory=256 << 20)


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    """An empty hierarchy with the controllers cpu, memory and pids."""
    return FakeKernel(tmp_path / "cgroup")


def found(kernel: FakeKernel, tmp_path: Path, own: str) -> Cgroups:
    """What a seatrial in group `own` finds."""
    return detect(kernel.proc(tmp_path / "proc", own), kernel, pid=os.getpid())


def test_below_systemd_the_parent_group_is_used(kernel: FakeKernel, tmp_path: Path) -> None:
    """A terminal's group holds its shell; the group above passes memory and cpu on and holds nobody."""
    kernel.group("app.slice", enable="cpu memory")
    kernel.group("app.slice/terminal.scope", processes=(1, os.getpid()))
    cgroups = found(kernel, tmp_path, "/app.slice/terminal.scope")

    group = cgroups.create("run", "forest@candidate", ASKED)

    assert ("cgroup v2", ("cpu", "memory"), "") == (cgroups.kind, cgroups.controllers, cgroups.reason)
    assert group is not None
    assert [tmp_path / "cgroup/app.slice/seatrial/run/forest@candidate/cgroup.procs"] == list(group.entries)


def test_alone_in_a_delegated_group_seatrial_steps_aside(kernel: FakeKernel, tmp_path: Path) -> None:
    """`systemd-run --scope -p Delegate=yes` gives it a group of its own, which must hold no process to be divided."""
    kernel.group("delegated.scope", processes=(os.getpid(),))

    cgroups = found(kernel, tmp_path, "/delegated.scope")

    assert cgroups.controllers == ("cpu", "memory")
    assert str(os.getpid()) == (tmp_path / "cgroup/delegated.scope/seatrial-itself/cgroup.procs").read_text()
    assert (tmp_path / "cgroup/delegated.scope/cgroup.procs").read_text() == ""


def test_what_outlives_seatrial_is_put_beside_its_group(kernel: FakeKernel, tmp_path: Path) -> None:
    """Below a service's own group it would keep systemd from starting that service again."""
    kernel.group("system.slice", enable="cpu memory")
    kernel.group("system.slice/seatrial.service", processes=(os.getpid(),))
    proc = kernel.proc(tmp_path / "proc", "/system.slice/seatrial.service")

    group = detect(proc, kernel, pid=os.getpid(), outliving=True).create("deployments", "wine.0.1", ASKED)

    assert group is not None
    assert [tmp_path / "cgroup/system.slice/seatrial/deployments/wine.0.1/cgroup.procs"] == list(group.entries)
    assert str(os.getpid()) == (tmp_path / "cgroup/system.slice/seatrial.service/cgroup.procs").read_text()


def test_a_group_is_found_again_wherever_it_is(kernel: FakeKernel, tmp_path: Path) -> None:
    """A later seatrial may run elsewhere in the tree; the limits are written again."""
    kernel.group("app.slice", enable="cpu memory")
    kernel.group("system.slice", enable="cpu memory")
    made = found(kernel, tmp_path, "/app.slice").create("run", "cell", ASKED)
    later = detect(kernel.proc(tmp_path / "later", "/system.slice"), kernel, pid=os.getpid())

    again = later.find("run", "cell", Resources(memory=512 << 20))

    assert made is not None
    assert again is not None
    assert made.entries == again.entries
    assert str(512 << 20) == (again.entries[0].parent / "memory.max").read_text()
    assert None is later.find("run", "other", ASKED)


def test_limits_are_written_as_the_kernel_wants_them(kernel: FakeKernel, tmp_path: Path) -> None:
    """Quota and period in microseconds, bytes of memory, and no swap beside them."""
    kernel.group("app.slice", enable="cpu memory")
    group = found(kernel, tmp_path, "/app.slice").create("run", "cell", ASKED)
    assert group is not None
    folder = group.entries[0].parent

    written = [(folder / name).read_text() for name in ("cpu.max", "memory.max", "memory.swap.max")]

    assert ["150000 100000", str(256 << 20), "0"] == written
    assert Limits(kind="cgroup v2", cpu_enforced=True, memory_enforced=True) == group.limits


def test_no_limit_asked_for_is_none_written(kernel: FakeKernel, tmp_path: Path) -> None:
    """The group is there to measure."""
    kernel.group("app.slice", enable="cpu memory")
    group = found(kernel, tmp_path, "/app.slice").create("run", "cell", Resources())

    assert group is not None
    assert (group.entries[0].parent / "memory.max").read_text() == "max\n"
    assert Limits(kind="cgroup v2") == group.limits


def test_without_the_cpu_controller_memory_is_still_enforced(tmp_path: Path) -> None:
    """Older systemds delegate memory only; the cpu limit is noted with the remedy."""
    kernel = FakeKernel(tmp_path / "cgroup", controllers="memory pids")
    kernel.group("app.slice", enable="memory")
    group = found(kernel, tmp_path, "/app.slice").create("run", "cell", ASKED)

    assert group is not None
    assert (False, True) == (group.limits.cpu_enforced, group.limits.memory_enforced)
    assert group.limits.notes[0].startswith(
        "cpu limit of 1.5 not enforced: cgroup v2 cpu: the cpu controller isn't delegated"
    )
    assert "systemd-run --user --scope -p Delegate=yes" in group.limits.notes[0]


def test_usage_is_the_working_set_and_the_cpu_time(kernel: FakeKernel, tmp_path: Path) -> None:
    """Droppable page cache is not held; microseconds become seconds; the kernel's count says out of memory."""
    kernel.group("app.slice", enable="cpu memory")
    group = found(kernel, tmp_path, "/app.slice").create("run", "cell", ASKED)
    assert group is not None
    folder = group.entries[0].parent
    (folder / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (folder / "memory.current").write_text("1000000\n")
    (folder / "memory.stat").write_text("anon 600000\ninactive_file 300000\n")
    before = group.out_of_memory()
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")

    assert (2.5, 700_000) == group.usage()
    assert (False, True) == (before, group.out_of_memory())


@pytest.fixture
def cells(kernel: FakeKernel, tmp_path: Path) -> Iterator[Cells]:
    """Real processes in the imitation's groups."""
    kernel.group("app.slice", enable="cpu memory")
    with Cells(ProcessRuntime(cgroups=found(kernel, tmp_path, "/app.slice")), tmp_path) as made:
        yield made


def test_a_cell_lives_and_ends_in_its_group(cells: Cells, tmp_path: Path) -> None:
    """It joins before it is exec'd, is measured there, and its folders are gone with it."""
    instance = cells.start(["sleep", "1000"], resources=ASKED)
    group = tmp_path / "cgroup/app.slice/seatrial" / unique("run") / "cell"
    (group / "cpu.stat").write_text("usage_usec 1000000\n")
    (group / "memory.current").write_text("4096\n")
    joined, usage = (group / "cgroup.procs").read_text(), instance.usage()

    instance.stop()

    assert str(instance.pid) == joined
    assert usage is not None
    assert (1.0, 4096, "cgroup v2") == (usage.cpu_seconds, usage.memory, instance.usage_source)
    assert Status(running=False, exit_status=-15) == instance.status()
    assert not (tmp_path / "cgroup/app.slice/seatrial").exists()


def test_a_sweep_finds_groups_below_any_other_group(kernel: FakeKernel, cells: Cells, tmp_path: Path) -> None:
    """The crashed seatrial may have run in another scope than the one that sweeps."""
    instance = cells.start(["sleep", "1000"])
    elsewhere = detect(kernel.proc(tmp_path / "proc2", "/other.slice"), kernel, pid=os.getpid())

    assert 1 == ProcessRuntime(cgroups=elsewhere).sweep(unique("run"))

    assert Status(running=False, exit_status=-9) == instance.status()
    assert not (tmp_path / "cgroup/app.slice/seatrial").exists()


def test_a_group_that_refuses_is_done_without_and_said(kernel: FakeKernel, cells: Cells, tmp_path: Path) -> None:
    """The cell starts all the same; its limits say why they aren't enforced."""
    group = tmp_path / "cgroup/app.slice/seatrial" / unique("run") / "cell"
    kernel.make(group)
    (group / "cgroup.procs").unlink()

    instance = cells.start(["sleep", "1000"], resources=ASKED)

    assert Status(running=True) == instance.status()
    assert not group.exists()
    assert instance.limits.kind == "none"
    assert 2 == len(instance.limits.notes)


def test_nothing_delegated_is_no_cgroup_with_the_reason_and_the_remedy(tmp_path: Path) -> None:
    """A container's group that holds other processes can't be divided."""
    kernel = FakeKernel(tmp_path / "cgroup", in_container=True)
    (tmp_path / "cgroup/cgroup.procs").write_text(f"1\n{os.getpid()}")

    cgroups = found(kernel, tmp_path, "/")

    assert cgroups.kind == "none"
    assert f"{tmp_path / 'cgroup'} holds other processes" in cgroups.reason
    assert "systemd-run" in cgroups.reason


def test_alone_in_a_container_its_group_is_divided(tmp_path: Path) -> None:
    """Where seatrial is the container's only process, it makes room for the cells."""
    kernel = FakeKernel(tmp_path / "cgroup", in_container=True)
    (tmp_path / "cgroup/cgroup.procs").write_text(str(os.getpid()))

    assert ("cpu", "memory") == found(kernel, tmp_path, "/").controllers


def test_own_limits_count_for_the_memory_of_the_machine(kernel: FakeKernel, tmp_path: Path) -> None:
    """The smallest limit of the group and those above it is what there is."""
    kernel.group("pod", enable="memory")
    (tmp_path / "cgroup/pod/memory.max").write_text(str(2 << 30))
    kernel.group("pod/container")
    proc = kernel.proc(tmp_path / "proc", "/pod/container")

    assert 2 << 30 == own_memory_limit(proc, kernel)


def test_a_real_v2_group_lists_its_processes_and_goes_away(tmp_path: Path) -> None:
    """Joining, listing and removing work on this kernel, even where v2 has no controllers."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    if not mounts or not os.access(mounts[0][4], os.W_OK):
        pytest.skip("no writable cgroup v2 hierarchy is mounted here")
    folder = Path(mounts[0][4]) / "seatrial" / unique("real") / "cell"
    group = GroupV2(folder=folder, limits=Limits(kind="cgroup v2"), files=ControlFiles())
    ControlFiles().make(folder)
    with Cells(ProcessRuntime(cgroups=_Only(group)), tmp_path) as cells:
        instance = cells.start(["sleep", "1000"])

        wait_until(lambda: [instance.pid] == list(group.processes()))

    assert not folder.parent.exists()


class _Only:
    """Cgroups with one group ready made."""

    kind = "cgroup v2"
    controllers = ("memory",)
    reason = ""

    def __init__(self, group: GroupV2) -> None:
        self._group = group

    def create(self, run: str, cell: str, resources: Resources) -> GroupV2:  # noqa: ARG002 - the protocol's signature
        return self._group

    def find(self, run: str, cell: str, resources: Resources) -> None:  # noqa: ARG002 - the protocol's signature
        return

    def leftovers(self, run: str) -> list[GroupV2]:  # noqa: ARG002 - the protocol's signature
        return []
