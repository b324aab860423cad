"""One deployment that runs as a local process tree."""

import os
import signal
import threading

from seatrial.adapters.runtime.cgroup import Group, mebibytes
from seatrial.adapters.runtime.ending import Member, in_group, in_tree, kill_all, remove, wait_until_gone
from seatrial.adapters.runtime.logs import LogKeeper
from seatrial.adapters.runtime.processes import ProcessTree, signal_process
from seatrial.adapters.runtime.roots import Root
from seatrial.logs import Redactor, tail
from seatrial.ports import Clock, Launch, Status
from seatrial.records import Limits, UsagePoint


class ProcessInstance:
    """Implements `seatrial.ports.Instance`. Safe to use from many threads.

    Args:
        launch: what was started.
        root: its first process, leader of its own session.
        group: its control groups; None where there are none.
        limits: what is enforced.
        tree: its processes as psutil sees them.
        age: seconds for which it has been running.
    """

    def __init__(
        self,
        *,
        launch: Launch,
        root: Root,
        group: Group | None,
        limits: Limits,
        tree: ProcessTree,
        clock: Clock,
        logs: LogKeeper,
        age: float = 0.0,
    ) -> None:
        self._launch = launch
        self._root = root
        self._group = group
        self._limits = limits
        self._tree = tree
        self._clock = clock
        self._logs = logs
        self._started = clock.monotonic() - age
        self._stopping = threading.Lock()
        self._final: Status | None = None

    @property
    def limits(self) -> Limits:
        """What is enforced and what is not."""
        return self._limits

    @property
    def usage_source(self) -> str:
        """`cgroup v1`, `cgroup v2` or `psutil`."""
        return self._limits.kind if self._measured_by_group else "psutil"

    @property
    def pid(self) -> int:
        """Pid of the first process."""
        return self._root.pid

    def status(self) -> Status:
        """Whether its first process runs, or how it ended."""
        if self._final is not None:
            return self._final
        ended = self._root.has_ended()
        exit_status = self._root.exit_status if ended else None
        return Status(running=not ended, exit_status=exit_status, note=self._note(exit_status))

    def usage(self) -> UsagePoint | None:
        """Usage of the whole process tree now; None once its first process has ended."""
        at = self._clock.monotonic() - self._started
        if self._final is not None or self._root.has_ended():
            return None
        try:
            cpu_seconds, memory = self._read_usage()
        except (OSError, ValueError, KeyError):
            # It is being stopped in another thread, and its groups go away file by file.
            return None
        return UsagePoint(at=at, cpu_seconds=cpu_seconds, memory=memory)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log, safe to show, at most 8 KiB."""
        return Redactor(self._launch.env).text(tail(self._launch.log, lines))

    def stop(self, grace: float = 5.0) -> None:
        """End the whole tree: SIGTERM, then SIGKILL after `grace` seconds; daemons of it included. Safe to call twice.

        Raises TemporaryError if a process doesn't even die of SIGKILL.
        """
        with self._stopping:
            if self._final is not None:
                return
            self._terminate()
            wait_until_gone(self._members, self._clock, grace)
            kill_all(self._members, self._clock, where=self._launch.cell)
            self._root.collect()
            self._final = self.status()
            if self._group is not None:
                remove(self._group, self._clock)
            self._logs.release(self._launch.log)

    @property
    def _measured_by_group(self) -> bool:
        return self._group is not None and self._group.measures

    def _read_usage(self) -> tuple[float, int]:
        if self._group is not None and self._group.measures:
            return self._group.usage()
        return self._tree.usage()

    def _members(self) -> list[Member]:
        self._root.has_ended()  # a zombie of ours is collected, so that it does not count
        return in_tree(self._tree) if self._group is None else in_group(self._group)

    def _terminate(self) -> None:
        """SIGTERM, once for each: to its process group in one step, then to the members that are not in that."""
        members = self._members()
        if self._root.signal_group(signal.SIGTERM):
            members = [member for member in members if not self._is_in_process_group(member.pid)]
        for member in members:
            signal_process(member.pid, signal.SIGTERM, member.still)

    def _is_in_process_group(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self._root.pid
        except ProcessLookupError:
            return True

    def _note(self, exit_status: int | None) -> str:
        """More about how it ended: that it ran out of memory."""
        if self._group is None or not self._group.out_of_memory():
            return ""
        memory = self._launch.resources.memory
        limit = f" (limit {mebibytes(memory)})" if memory is not None and self._limits.memory_enforced else ""
        who = "" if exit_status == -signal.SIGKILL else "one of its processes ran "
        return f"{who}out of memory{limit}"
