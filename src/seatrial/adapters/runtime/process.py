"""Deployments as local processes: the embedded default of the Runtime port.

It needs nothing but Linux. Each deployment gets its own session, its output in a bounded log, a mark in its environment
by which a later seatrial finds it again, and, where this machine lets us, control groups that limit and measure its
whole tree. What can't be enforced is said in `Limits.notes`; what no cgroup measures is measured by psutil.
"""

import subprocess
from collections.abc import Mapping

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.cgroup import Cgroups, Group, unlimited
from seatrial.adapters.runtime.detect import describe, detect
from seatrial.adapters.runtime.ending import Member, in_group, kill_all, of_run, remove
from seatrial.adapters.runtime.instance import ProcessInstance
from seatrial.adapters.runtime.logs import KEPT_BYTES, LogKeeper
from seatrial.adapters.runtime.loopback import PortReserve
from seatrial.adapters.runtime.processes import CELL_VARIABLE, RUN_VARIABLE, Mark, ProcessTable, ProcessTree
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
            process=process,
            group=group,
            limits=limits,
            tree=ProcessTree(self._table, process.pid, Mark(launch.run, launch.cell)),
            clock=self._clock,
            logs=self._logs,
        )

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
