"""What control groups this machine really offers, found by trying rather than by its version numbers."""

import os
from pathlib import Path

import psutil

from seatrial.adapters.runtime.cgroup import Cgroups, ControlFiles, Hierarchy, NoCgroups, hierarchies, mebibytes
from seatrial.adapters.runtime.cgroup_v1 import CgroupsV1
from seatrial.adapters.runtime.cgroup_v2 import CgroupsV2


def detect(
    proc: Path = Path("/proc/self"),
    files: ControlFiles | None = None,
    *,
    pid: int | None = None,
    outliving: bool = False,
) -> Cgroups:
    """The cgroups that can be written here: v1 where it has any wanted controller, else v2, else none with the reason.

    Memory decides: on hybrid systems the version that holds the memory controller is taken.

    Args:
        proc: folder with `mountinfo` and `cgroup` of this process.
        files: the operations on control files.
        pid: this process, which may be moved into a leaf of its own v2 group.
        outliving: what runs in the groups outlives this process, so in v2 they are not made below its own.
    """
    files = files or ControlFiles()
    try:
        mounted = hierarchies(proc)
    except OSError as error:
        return NoCgroups(f"{proc} can't be read ({error.strerror})")
    offers = _offers(mounted, files, os.getpid() if pid is None else pid, outliving=outliving)
    return next((offer for offer in offers if offer.controllers), _nothing(offers))


def _offers(mounted: list[Hierarchy], files: ControlFiles, pid: int, *, outliving: bool) -> list[Cgroups]:
    """What the mounted versions offer, the one with the memory controller first."""
    version_1 = [hierarchy for hierarchy in mounted if hierarchy.controllers]
    offers: list[Cgroups] = [
        CgroupsV2(hierarchy, files, pid=pid, outliving=outliving)
        for hierarchy in mounted
        if not hierarchy.controllers and "memory" in files.read(hierarchy.mount / "cgroup.controllers").split()
    ]
    if version_1:
        offers.append(CgroupsV1(version_1, files))
    return offers


def _nothing(offers: list[Cgroups]) -> NoCgroups:
    reasons = [offer.reason for offer in offers if offer.reason]
    return NoCgroups(reasons[0] if reasons else "no control groups with a memory controller are mounted")


def describe(cgroups: Cgroups, proc: Path = Path("/proc/self"), files: ControlFiles | None = None) -> dict[str, str]:
    """What this machine offers, in words, for `seatrial doctor`."""
    facts = {
        "runtime": "local process",
        "cgroup": cgroups.kind,
        "controllers": ", ".join(cgroups.controllers) or "none writable",
        "psutil": psutil.__version__,
        "cores": _cores(),
        "memory": _memory(proc, files or ControlFiles()),
    }
    return {**facts, "not available": cgroups.reason} if cgroups.reason else facts


def _cores() -> str:
    usable, present = len(os.sched_getaffinity(0)), os.cpu_count() or 0
    return str(usable) if usable == present else f"{usable} of {present}"


def _memory(proc: Path, files: ControlFiles) -> str:
    total = int(psutil.virtual_memory().total)
    limit = own_memory_limit(proc, files)
    if limit is None or limit >= total:
        return mebibytes(total)
    return f"{mebibytes(limit)} (limit of its own cgroup; the machine has {mebibytes(total)})"


def own_memory_limit(proc: Path, files: ControlFiles) -> int | None:
    """The memory limit, in bytes, that this process itself is under; None without one."""
    try:
        mounted = hierarchies(proc)
    except OSError:
        return None
    limits = [limit for hierarchy in mounted for limit in _limits_above(hierarchy, files)]
    return min(limits, default=None)


def _limits_above(hierarchy: Hierarchy, files: ControlFiles) -> list[int]:
    """The limits of this process's group and of all above it."""
    name = "memory.limit_in_bytes" if hierarchy.controllers else "memory.max"
    groups = [hierarchy.own, *hierarchy.own.parents]
    inside = [group for group in groups if group.is_relative_to(hierarchy.mount)]
    values = [files.read(group / name).strip() for group in inside]
    return [int(value) for value in values if value.isdigit()]
