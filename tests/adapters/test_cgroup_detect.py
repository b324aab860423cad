"""Reading what is mounted where, and choosing what to use; on folders that look like a machine's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.runtime.cgroup import Hierarchy, folder_name, hierarchies, mebibytes, quota
from seatrial.adapters.runtime.detect import describe, detect
from seatrial.records import Resources


def machine(folder: Path, cgroup: str, mountinfo: str) -> Path:
    """A `/proc/self` with these two files."""
    folder.mkdir()
    (folder / "cgroup").write_text(cgroup)
    (folder / "mountinfo").write_text(mountinfo)
    return folder


def test_the_own_group_is_found_in_each_hierarchy(tmp_path: Path) -> None:
    """Controllers mounted together are one hierarchy; v2 has none of them; mount points may hold spaces."""
    proc = machine(
        tmp_path / "proc",
        "4:memory:/user/a\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n",
        "31 23 0:28 / /mnt rw - tmpfs tmpfs rw\n"
        "32 31 0:29 / /mnt/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
        "33 31 0:30 / /mnt/my\\040memory rw - cgroup cgroup rw,memory\n"
        "34 31 0:31 / /mnt/unified rw - cgroup2 cgroup2 rw,nsdelegate\n",
    )

    expected = [
        Hierarchy(
            mount=Path("/mnt/cpu,cpuacct"), own=Path("/mnt/cpu,cpuacct"), controllers=frozenset({"cpu", "cpuacct"})
        ),
        Hierarchy(mount=Path("/mnt/my memory"), own=Path("/mnt/my memory/user/a"), controllers=frozenset({"memory"})),
        Hierarchy(mount=Path("/mnt/unified"), own=Path("/mnt/unified/user.slice"), controllers=frozenset()),
    ]
    assert expected == hierarchies(proc)


@pytest.mark.parametrize(
    ("root", "path", "own"),
    [
        ("/docker/abc", "/docker/abc", "/cg"),
        ("/docker/abc", "/docker/abc/job", "/cg/job"),
        ("/docker/abc", "/elsewhere", "/cg"),
        ("/", "/../outside", "/cg"),
    ],
)
def test_in_a_container_only_part_of_the_hierarchy_is_mounted(tmp_path: Path, root: str, path: str, own: str) -> None:
    """The path in /proc/self/cgroup counts from the host's root, the mount from the container's."""
    proc = machine(tmp_path / "proc", f"0::{path}\n", f"34 31 0:31 {root} /cg ro - cgroup2 cgroup2 rw\n")

    assert [Path(own)] == [hierarchy.own for hierarchy in hierarchies(proc)]


def test_v1_takes_each_writable_controller(tmp_path: Path) -> None:
    """What is mounted is used, what isn't is noted for who asked for it."""
    (tmp_path / "memory").mkdir()
    proc = machine(tmp_path / "proc", "4:memory:/\n", f"33 31 0:30 / {tmp_path}/memory rw - cgroup cgroup rw,memory\n")
    cgroups = detect(proc)
    folder = tmp_path / "memory/seatrial/run/cell"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("")
    (folder / "memory.memsw.limit_in_bytes").write_text("9223372036854771712\n")

    group = cgroups.create("run", "cell", Resources(cpu=1.0, memory=64 << 20))

    assert ("cgroup v1", ("memory",)) == (cgroups.kind, cgroups.controllers)
    assert group is not None
    assert not group.measures
    assert (
        "cpu limit of 1 not enforced: no cgroup v1 hierarchy with the cpu controller is mounted",
    ) == group.limits.notes
    assert str(64 << 20) == (folder / "memory.memsw.limit_in_bytes").read_text()[: len(str(64 << 20))]


def test_a_refused_limit_is_noted(tmp_path: Path) -> None:
    """Without the control file the kernel's error becomes the note."""
    (tmp_path / "memory").mkdir()
    proc = machine(tmp_path / "proc", "4:memory:/\n", f"33 31 0:30 / {tmp_path}/memory rw - cgroup cgroup rw,memory\n")

    group = detect(proc).create("run", "cell", Resources(memory=64 << 20))

    assert group is not None
    assert not group.limits.memory_enforced
    assert (
        "memory limit of 64 MiB not enforced: the kernel refused it (No such file or directory)",
    ) == group.limits.notes


@pytest.mark.parametrize(
    ("cgroup", "mountinfo", "reason"),
    [
        ("", "", "no control groups with a memory controller are mounted"),
        ("0::/\n", "34 31 0:31 / /nowhere ro - cgroup2 cgroup2 rw\n", "no control groups with a memory controller"),
        ("4:memory:/a\n", "33 31 0:30 / /nowhere ro - cgroup cgroup rw,memory\n", "/nowhere/a isn't there"),
    ],
)
def test_a_machine_without_usable_cgroups_says_why(tmp_path: Path, cgroup: str, mountinfo: str, reason: str) -> None:
    """The reason is there for `seatrial doctor` and for the notes of every cell."""
    cgroups = detect(machine(tmp_path / "proc", cgroup, mountinfo))

    facts = describe(cgroups)

    assert ("none", "none writable") == (facts["cgroup"], facts["controllers"])
    assert reason in facts["not available"]
    assert cgroups.create("run", "cell", Resources()) is None


def test_an_unreadable_proc_is_no_crash(tmp_path: Path) -> None:
    """Some sandboxes hide it."""
    assert "can't be read" in detect(tmp_path / "nothing").reason


@given(st.text(), st.text())
def test_folder_names_are_safe_and_unique(one: str, other: str) -> None:
    """Any cell's id is one folder of at most 255 bytes, and two ids never share one."""
    name = folder_name(one)

    assert "/" not in name
    assert "\0" not in name
    assert name not in {"", ".", ".."}
    assert len(name.encode()) <= 255
    assert (one == other) == (name == folder_name(other))


@given(st.floats(min_value=0.0001, max_value=1000.0))
def test_quotas_are_never_below_what_the_kernel_takes(cpu: float) -> None:
    """At least one millisecond, otherwise proportional to the cores asked for."""
    assert quota(cpu) >= 1000
    assert abs(max(0.01, cpu) * 100_000 - quota(cpu)) <= 0.5


@pytest.mark.parametrize(
    ("size", "text"),
    [(256 << 20, "256 MiB"), (1 << 19, "0.5 MiB"), (1500 << 20, "1500 MiB"), (24105 << 20, "24105 MiB")],
)
def test_sizes_are_written_in_mebibytes(size: int, text: str) -> None:
    """As the notes and the doctor show them."""
    assert text == mebibytes(size)
