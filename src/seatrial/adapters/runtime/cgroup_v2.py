"""Control groups version 2: one hierarchy, where a group may be used only once it was delegated to this user.

Groups can be made below a group that has the controllers, is writable, and holds no process itself (the "no internal
processes" rule). seatrial starts from its own group and goes up: below systemd a terminal's parent group (`app.slice`)
is such a place; `systemd-run --user --scope -p Delegate=yes seatrial …` makes one. If seatrial is alone in its
group, it steps aside into a leaf to make it one.

Memory is `memory.current − inactive_file`, CPU `usage_usec` of `cpu.stat`, as in v1.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
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

WANTED = ("cpu", "memory")
LEAF = "seatrial-itself"
_REMEDY = "start it as `systemd-run --user --scope -p Delegate=yes seatrial …` to have one delegated"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupV2:
    """The group of one cell."""

    folder: Path
    limits: Limits
    files: ControlFiles
    measures: bool = True

    @property
    def entries(self) -> tuple[Path, ...]:
        """The one file to join."""
        return (self.folder / "cgroup.procs",)

    def usage(self) -> tuple[float, int]:
        """CPU seconds so far and bytes of the working set now."""
        microseconds = counters(self.files.read(self.folder / "cpu.stat"))["usage_usec"]
        held = int(self.files.read(self.folder / "memory.current"))
        droppable = counters(self.files.read(self.folder / "memory.stat")).get("inactive_file", 0)
        return microseconds / 1e6, max(0, held - droppable)

    def processes(self) -> Sequence[int]:
        """The pids inside."""
        return processes_below(self.files, self.folder)

    def out_of_memory(self) -> bool:
        """Whether the kernel's OOM killer struck in here."""
        return counters(self.files.read(self.folder / "memory.events")).get("oom_kill", 0) > 0

    def remove(self) -> None:
        """Remove the group."""
        remove_below(self.files, self.folder)


class CgroupsV2:
    """Control groups below the nearest group that can hold them.

    Args:
        mounted: the v2 hierarchy.
        pid: of this process, which may step aside into a leaf.
        outliving: the groups are for what outlives this process, so none is made below its own: systemd could not put its
            successor there any more.
    """

    kind = "cgroup v2"

    def __init__(self, mounted: Hierarchy, files: ControlFiles, *, pid: int, outliving: bool = False) -> None:
        self._mounted = mounted
        self._files = files
        self._pid = pid
        self._nearest = mounted.own.parent if outliving and mounted.own != mounted.mount else mounted.own
        self._why = ""
        self._base = self._find_base()
        enabled = self._enabled(self._base) if self._base else set()
        self._missing = {name: self._why_missing(name) for name in WANTED if name not in enabled}

    @property
    def controllers(self) -> tuple[str, ...]:
        """The controllers that can be written."""
        return tuple(name for name in WANTED if name not in self._missing)

    @property
    def reason(self) -> str:
        """Why a controller is missing."""
        return "; ".join(self._missing.values())

    def create(self, run: str, cell: str, resources: Resources) -> GroupV2 | None:
        """Make one cell's group and write its limits; what the kernel refuses becomes a note. None without a base."""
        if self._base is None:
            return None
        folder = self._base / FOLDER / folder_name(run) / folder_name(cell)
        self._files.make(folder)
        for above in reversed(folder.parents[:2]):
            self._enable(above)
        return self._limited(folder, resources)

    def find(self, run: str, cell: str, resources: Resources) -> GroupV2 | None:
        """One cell's group anywhere in the hierarchy, with the limits written again."""
        found = cells_below(self._mounted.mount, run, cell)
        return self._limited(found[0], resources) if found else None

    def _limited(self, folder: Path, resources: Resources) -> GroupV2:
        cpu = self._limit(folder, "cpu", self._cpu_writes(resources.cpu))
        memory = self._limit(folder, "memory", self._memory_writes(folder, resources.memory))
        limits = Limits(
            kind=self.kind,
            cpu_enforced=resources.cpu is not None and cpu is None,
            memory_enforced=resources.memory is not None and memory is None,
            notes=not_enforced(resources, cpu=cpu, memory=memory),
        )
        return GroupV2(folder=folder, limits=limits, files=self._files)

    def leftovers(self, run: str) -> list[GroupV2]:
        """The groups of a run anywhere in the hierarchy."""
        return [
            GroupV2(folder=folder, limits=Limits(kind=self.kind), files=self._files)
            for folder in runs_below(self._mounted.mount, run)
        ]

    def _find_base(self) -> Path | None:
        """The nearest group, upwards, below which groups with a memory controller can be made."""
        for group in (self._nearest, *self._nearest.parents):
            if self._can_hold(group):
                return group
            if group == self._mounted.mount:
                return None
        return None

    def _can_hold(self, group: Path) -> bool:
        if "memory" not in self._files.read(group / "cgroup.controllers").split():
            self._why = self._why or f"{group} has no memory controller"
            return False
        if why := why_not_writable(group):
            self._why = self._why or why
            return False
        self._enable(group)
        if "memory" in self._enabled(group):
            return True
        if self._files.read(group / "cgroup.procs").split() == [str(self._pid)]:
            self._step_aside(group)
            self._enable(group)
        self._why = self._why or f"{group} holds other processes"
        return "memory" in self._enabled(group)

    def _step_aside(self, group: Path) -> None:
        """Move this process into a leaf, so that its group may pass controllers on."""
        with suppress(OSError):
            self._files.make(group / LEAF)
            self._files.write(group / LEAF / "cgroup.procs", str(self._pid))

    def _enabled(self, group: Path) -> set[str]:
        return set(self._files.read(group / "cgroup.subtree_control").split())

    def _enable(self, group: Path) -> None:
        """Pass on to the groups below whatever the kernel lets us; one by one, since one refusal refuses all."""
        for name in WANTED:
            if name not in self._enabled(group):
                with suppress(OSError):
                    self._files.write(group / "cgroup.subtree_control", f"+{name}")

    def _why_missing(self, name: str) -> str:
        why = self._why if self._base is None else f"the {name} controller isn't delegated to {self._base}"
        return f"cgroup v2 {name}: {why}; {_REMEDY}"

    def _limit(self, folder: Path, name: str, writes: Sequence[tuple[str, str]]) -> str | None:
        """Write one controller's limit; returns why it isn't enforced."""
        if name in self._missing:
            return self._missing[name]
        try:
            for file, value in writes:
                self._files.write(folder / file, value)
        except OSError as error:
            return f"the kernel refused it ({os.strerror(error.errno or 0)})"
        return None

    def _cpu_writes(self, cpu: float | None) -> list[tuple[str, str]]:
        return [] if cpu is None else [("cpu.max", f"{quota(cpu)} {PERIOD_MICROSECONDS}")]

    def _memory_writes(self, folder: Path, memory: int | None) -> list[tuple[str, str]]:
        """Memory, and no swap beside it where the kernel counts swap: otherwise the limit would only slow it down."""
        if memory is None:
            return []
        swap = [("memory.swap.max", "0")] if self._files.read(folder / "memory.swap.max") else []
        return [*swap, ("memory.max", str(memory))]
