"""Deployments as local processes: the embedded default of the Runtime port.

It needs nothing but Linux. Each deployment gets its own session, its output in a bounded log, a mark in its environment
by which a later seatrial finds it again, and, where this machine lets us, control groups that limit and measure its
whole tree. What can't be enforced is said in `Limits.notes`; what no cgroup measures is measured by psutil.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import replace

import psutil

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.cgroup import Cgroups, Group, unlimited
from seatrial.adapters.runtime.detect import describe, detect
from seatrial.adapters.runtime.ending import Member, in_group, kill_all, of_cell, of_run, remove
from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.logs import KEPT_BYTES, LogKeeper
from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.adapters.runtime.processes import CELL_VARIABLE, RUN_VARIABLE, Mark, ProcessTable, ProcessTree, Seen
from seatrial.adapters.runtime.roots import Child, Foundling, first_of
from seatrial.adapters.runtime.spawn import JoinRefusedError, spawn
from seatrial.ports import Clock, Launch
from seatrial.records import Limits


class ProcessRuntime:
    """Implements `seatrial.ports.Runtime`. Safe to use from many threads; one per seatrial process is enough.

    Args:
        clock: time; the system's if None.
        cgroups: what limits and measures; what this machine offers if None.
        kept_log_bytes: size at which a log is cut; see `LogKeeper`.
    """

    def __init__(
        self, clock: Clock | None = None, cgroups: Cgroups | None = None, *, kept_log_bytes: int = KEPT_BYTES
    ) -> None:
        self._clock = clock or SystemClock()
        self._cgroups = cgroups or detect()
        self._table = ProcessTable(self._clock)
        self._logs = LogKeeper(kept_log_bytes)
        self._ports = PortReserve()

    def start(self, launch: Launch) -> ProcessInstance:
        """Start the command; returns once it has been exec'd (about 20 ms).

        Raises PermanentError if it can't be started: no such command or folder, or not executable.
        """
        process, group, limits = self._spawn(launch)
        self._logs.watch(launch.log)
        return ProcessInstance(
            launch=launch,
            root=Child(process),
            group=group,
            limits=limits,
            tree=ProcessTree(self._table, process.pid, Mark(launch.run, launch.cell)),
            clock=self._clock,
            logs=self._logs,
        )

    def adopt(self, launch: Launch) -> ProcessInstance | None:
        """Take over what an earlier seatrial started with the same run and cell.

        It is found by the mark in its environment (of this user's processes) and by its groups. None if its first process
        no longer runs; what it left behind is killed then. Raises TemporaryError if that doesn't die.
        """
        mark = Mark(launch.run, launch.cell)
        group = self._cgroups.find(launch.run, launch.cell, launch.resources)
        table = ProcessTable(self._clock)
        first = first_of(table.look(), mark, group.processes() if group is not None else ())
        instance = self._adopted(launch, first, group) if first is not None else None
        if instance is None:
            self._clear(launch, group, table)
        return instance

    def free_port(self) -> int:
        """A loopback port that nothing listens on, and that isn't given out twice. TemporaryError if there is none."""
        return self._ports.free_port()

    def sweep(self, run: str) -> int:
        """Kill everything that run `run` left behind and remove its groups; how many processes were killed.

        They are found by the mark in their environment (those of this user) and by the groups of the run. This process and
        its ancestors are spared. Raises TemporaryError if a process doesn't die.
        """
        groups = self._cgroups.leftovers(run)
        table = ProcessTable(self._clock)

        def find() -> list[Member]:
            inside = [member for group in groups for member in in_group(group)]
            return [*inside, *of_run(table.look(), run)]

        killed = kill_all(find, self._clock, where=f"run {run}")
        for group in groups:
            remove(group, self._clock)
        return len(killed)

    def describe(self) -> Mapping[str, str]:
        """What this runtime can do here: `cgroup`, `controllers`, `not available`, `psutil`, `cores`, `memory`."""
        return describe(self._cgroups)

    def _adopted(self, launch: Launch, first: Seen, group: Group | None) -> ProcessInstance | None:
        try:
            environment = first.process.environ()
            tree = ProcessTree(self._table, first.pid, Mark(launch.run, launch.cell))
        except psutil.Error:
            return None
        self._logs.watch(launch.log)
        unmeasured = self._cgroups.reason or "it was started without a control group"
        return ProcessInstance(
            launch=replace(launch, env=environment),
            root=Foundling(first),
            group=group,
            limits=group.limits if group is not None else unlimited(launch.resources, unmeasured),
            tree=tree,
            clock=self._clock,
            logs=self._logs,
            age=max(0.0, self._clock.now().timestamp() - first.started),
        )

    def _clear(self, launch: Launch, group: Group | None, table: ProcessTable) -> None:
        """Kill what a cell without its first process left behind, and remove its groups."""

        def find() -> list[Member]:
            inside = in_group(group) if group is not None else []
            return [*inside, *of_cell(table.look(), launch.run, launch.cell)]

        kill_all(find, self._clock, where=launch.cell)
        if group is not None:
            remove(group, self._clock)

    def _spawn(self, launch: Launch) -> tuple[subprocess.Popen[bytes], Group | None, Limits]:
        """Start inside a group, or without one where that isn't possible: then the limits say why."""
        env = {**launch.env, RUN_VARIABLE: launch.run, CELL_VARIABLE: launch.cell}
        try:
            group = self._cgroups.create(launch.run, launch.cell, launch.resources)
        except OSError as error:
            return self._spawn_alone(launch, env, f"{error.filename}: {error.strerror}")
        if group is None:
            return self._spawn_alone(launch, env, self._cgroups.reason)
        try:
            return spawn(launch, env, group.entries), group, group.limits
        except JoinRefusedError as refusal:
            remove(group, self._clock)
            return self._spawn_alone(launch, env, str(refusal))
        except BaseException:
            remove(group, self._clock)
            raise

    def _spawn_alone(
        self, launch: Launch, env: dict[str, str], reason: str
    ) -> tuple[subprocess.Popen[bytes], None, Limits]:
        return spawn(launch, env, ()), None, unlimited(launch.resources, reason)
