"""Control groups version 1: one hierarchy per controller, still the default of older distributions and of many hosts.

Memory is `usage_in_bytes − total_inactive_file`, the working set as the kubelet counts it: page cache that the kernel
would drop at once is not held. CPU comes from `cpuacct.usage`, which keeps the time of processes that have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.adapters.runtime.cgroup import (
    FOLDER,
    PERIOD_MICROSECONDS,
    ControlFiles,
    Hierarchy,
    cells_below,
    counters,
    folder_name,
    not_enforced,
    processes_below,
    quota,
    remove_below,
    runs_below,
    why_not_writable,
)
from seatrial.records import Limits, Resources

WANTED = ("cpu", "cpuacct", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupV1:
    """The groups of one cell: `folders` maps each writable controller to its group."""

    folders: Mapping[str, Path]
    limits: Limits
    files: ControlFiles

    @property
    def entries(self) -> tuple[Path, ...]:
        """The files to join; controllers that are mounted together share one."""
        return tuple(dict.fromkeys(folder / "cgroup.procs" for folder in self.folders.values()))

    @property
    def measures(self) -> bool:
        """Whether both figures can be read."""
        return {"cpuacct", "memory"} <= self.folders.keys()

    def usage(self) -> tuple[float, int]:
        """CPU seconds so far and bytes of the working set now."""
        nanoseconds = int(self.files.read(self.folders["cpuacct"] / "cpuacct.usage"))
        held = int(self.files.read(self.folders["memory"] / "memory.usage_in_bytes"))
        droppable = counters(self.files.read(self.folders["memory"] / "memory.stat")).get("total_inactive_file", 0)
        return nanoseconds / 1e9, max(0, held - droppable)

    def processes(self) -> Sequence[int]:
        """The pids inside."""
        return processes_below(self.files, next(iter(self.folders.values())))

    def out_of_memory(self) -> bool:
        """Whether the kernel's OOM killer struck in here."""
        if "memory" not in self.folders:
            return False
        return counters(self.files.read(self.folders["memory"] / "memory.oom_control")).get("oom_kill", 0) > 0

    def remove(self) -> None:
        """Remove the groups of all controllers."""
        for folder in dict.fromkeys(self.folders.values()):
            remove_below(self.files, folder)


class CgroupsV1:
    """Control groups below this process's own, in every v1 hierarchy where they can be made."""

    kind = "cgroup v1"

    def __init__(self, mounted: Sequence[Hierarchy], files: ControlFiles) -> None:
        self._files = files
        self._mounted = [hierarchy for hierarchy in mounted if hierarchy.controllers & set(WANTED)]
        self._bases: dict[str, Path] = {}
        self._missing = {name: f"no cgroup v1 hierarchy with the {name} controller is mounted" for name in WANTED}
        for hierarchy in self._mounted:
            why = why_not_writable(hierarchy.own)
            for name in hierarchy.controllers & set(WANTED):
                if why:
                    self._missing[name] = f"cgroup v1 {name}: {why}"
                else:
                    self._bases[name] = hierarchy.own / FOLDER
                    del self._missing[name]

    @property
    def controllers(self) -> tuple[str, ...]:
        """The controllers that can be written."""
        return tuple(sorted(self._bases))

    @property
    def reason(self) -> str:
        """Why a controller is missing."""
        return "; ".join(self._missing.values())

    def create(self, run: str, cell: str, resources: Resources) -> GroupV1:
        """Make one cell's groups and write its limits; what the kernel refuses becomes a note."""
        below = Path(folder_name(run), folder_name(cell))
        folders = {name: base / below for name, base in sorted(self._bases.items())}
        for folder in dict.fromkeys(folders.values()):
            self._files.make(folder)
        return self._limited(folders, resources)

    def find(self, run: str, cell: str, resources: Resources) -> GroupV1 | None:
        """One cell's groups in any of the hierarchies, with the limits written again."""
        folders = {
            name: folder
            for hierarchy in self._mounted
            for folder in cells_below(hierarchy.mount, run, cell)
            for name in sorted(hierarchy.controllers & set(WANTED))
        }
        return self._limited(folders, resources) if folders else None

    def _limited(self, folders: Mapping[str, Path], resources: Resources) -> GroupV1:
        cpu = self._limit_cpu(folders, resources.cpu)
        memory = self._limit_memory(folders, resources.memory)
        limits = Limits(
            kind=self.kind,
            cpu_enforced=resources.cpu is not None and cpu is None,
            memory_enforced=resources.memory is not None and memory is None,
            notes=not_enforced(resources, cpu=cpu, memory=memory),
        )
        return GroupV1(folders=folders, limits=limits, files=self._files)

    def leftovers(self, run: str) -> list[GroupV1]:
        """The groups of a run in any of the hierarchies."""
        return [
            GroupV1(folders={min(hierarchy.controllers): folder}, limits=Limits(kind=self.kind), files=self._files)
            for hierarchy in self._mounted
            for folder in runs_below(hierarchy.mount, run)
        ]

    def _why_no(self, controller: str) -> str:
        return self._missing.get(controller, f"it has no cgroup v1 {controller} group")

    def _limit_cpu(self, folders: Mapping[str, Path], cpu: float | None) -> str | None:
        """Write the CPU limit; returns why it isn't enforced."""
        if "cpu" not in folders:
            return self._why_no("cpu")
        if cpu is None:
            return None
        try:
            self._files.write(folders["cpu"] / "cpu.cfs_period_us", str(PERIOD_MICROSECONDS))
            self._files.write(folders["cpu"] / "cpu.cfs_quota_us", str(quota(cpu)))
        except OSError as error:
            return f"the kernel refused it ({error.strerror}); a group above may allow less"
        return None

    def _limit_memory(self, folders: Mapping[str, Path], memory: int | None) -> str | None:
        """Write the memory limit, and the same for memory and swap together where swap is counted."""
        if "memory" not in folders:
            return self._why_no("memory")
        if memory is None:
            return None
        swap = folders["memory"] / "memory.memsw.limit_in_bytes"
        try:
            self._files.write(folders["memory"] / "memory.limit_in_bytes", str(memory))
            if self._files.read(swap):
                self._files.write(swap, str(memory))
        except OSError as error:
            return f"the kernel refused it ({error.strerror})"
        return None
