"""Process trees without control groups: found, measured and ended through psutil.

A tree is more than the children of its root: a daemonised grandchild has another parent, group and session. It still
carries the environment that it inherited, so every deployment is started with `SEATRIAL_RUN` and `SEATRIAL_CELL` in it, and
a process belongs to a cell if its environment says so, if its session or an ancestor does, or if it was seen to belong
before. Looking at a process through psutil costs 0.1 ms, so all cells share one table that looks at each process once,
when it is new; only the figures of a cell's own processes are read anew.
"""

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from seatrial.ports import Clock

RUN_VARIABLE = "SEATRIAL_RUN"
CELL_VARIABLE = "SEATRIAL_CELL"

Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a deployment's environment says about whose it is."""

    run: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process as it was when first seen. `started` (seconds since the epoch) tells it from a later one of its pid."""

    pid: int
    parent: int
    session: int
    started: float
    mark: Mark | None
    process: psutil.Process

    @property
    def key(self) -> Key:
        """What no other process ever has."""
        return self.pid, self.started

    def is_alive(self) -> bool:
        """Whether it still runs; a zombie, which only waits to be collected, doesn't."""
        try:
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class Look:
    """The processes at one moment, by pid, with the ways to find some of them."""

    def __init__(self, seen: Mapping[int, Seen]) -> None:
        self.seen = seen
        self._children: dict[int, list[Seen]] = {}
        for process in seen.values():
            self._children.setdefault(process.parent, []).append(process)

    def tree(self, roots: Iterable[Seen]) -> dict[Key, Seen]:
        """`roots` and everything below them. A child that is older than its parent only has a reused pid's number."""
        found: dict[Key, Seen] = {}
        left = list(roots)
        while left:
            process = left.pop()
            if process.key not in found:
                found[process.key] = process
                left += [child for child in self._children.get(process.pid, ()) if child.started >= process.started]
        return found


class ProcessTable:
    """The processes of this machine, looked at no more often than needed. Safe to use from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._last = Look({})

    def look(self, max_age: float = 0.0) -> Look:
        """All processes, as they were at most `max_age` seconds ago."""
        with self._lock:
            if self._clock.monotonic() - self._looked > max_age:
                self._last = self._renewed()
                self._looked = self._clock.monotonic()
            return self._last

    def _renewed(self) -> Look:
        before, now = self._last.seen, psutil.pids()
        if before.keys() == set(now):
            return self._last
        after = {}
        for pid in now:
            if seen := before.get(pid) or _see(pid):
                after[pid] = seen
        return Look(after)


def _see(pid: int) -> Seen | None:
    """One process, or None if it has just ended."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Seen(
                pid=pid,
                parent=process.ppid(),
                session=os.getsid(pid),
                started=process.create_time(),
                mark=_mark(process),
                process=process,
            )
    except (psutil.Error, OSError):
        return None


def _mark(process: psutil.Process) -> Mark | None:
    """The mark in its environment; None without one and where the environment is not ours to read."""
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return None
    if RUN_VARIABLE not in environment:
        return None
    return Mark(environment[RUN_VARIABLE], environment.get(CELL_VARIABLE, ""))


@dataclass(frozen=True, slots=True)
class _Used:
    """What a member of a tree had used when last measured."""

    parent: int
    cpu_seconds: float


class ProcessTree:
    """The processes of one cell.

    Args:
        table: shared by all cells.
        root: pid of the process that was started, leader of its own session; it must not have been waited for yet.
        mark: what its environment carries.
    """

    def __init__(self, table: ProcessTable, root: int, mark: Mark) -> None:
        self._table = table
        self._root = root
        self._started = psutil.Process(root).create_time()
        self._mark = mark
        self._lock = threading.Lock()
        self._look = Look({})
        self._members: dict[Key, Seen] = {}
        self._used: dict[Key, _Used] = {}
        self._gone = 0.0
        self._reported = 0.0

    def usage(self, max_age: float = 0.1) -> tuple[float, int]:
        """CPU seconds used so far by the tree and the sum of the resident memory of its processes, in bytes.

        CPU time never goes back: a parent counts the children that it has waited for, and what an orphan used is kept
        when it ends. Resident memory counts pages that processes share once for each.
        """
        with self._lock:
            self._find_members(max_age)
            # Parents first: a child that ends in between is then missed until the next time, never counted twice.
            used = {key: now for key, seen in sorted(self._members.items()) if (now := _used(seen))}
            self._gone += sum(before.cpu_seconds for before in self._lost(used))
            self._used = used
            self._reported = max(self._reported, self._gone + sum(now.cpu_seconds for now in used.values()))
            return self._reported, sum(_resident(seen) for seen in self._members.values())

    def processes(self) -> list[Seen]:
        """The living processes of the tree, looked for now."""
        with self._lock:
            self._find_members(max_age=0.0)
            return [seen for seen in self._members.values() if seen.is_alive()]

    def _find_members(self, max_age: float) -> None:
        """Update the members: those of before that still exist, and whatever has become one."""
        look = self._table.look(max_age)
        known = [seen for seen in self._members.values() if seen.process.is_running()]
        new = [] if look is self._look else [seen for seen in look.seen.values() if self._belongs(seen)]
        self._look = look
        self._members = look.tree([*known, *new])

    def _belongs(self, seen: Seen) -> bool:
        return seen.mark == self._mark or (
            self._root in (seen.pid, seen.session) and seen.started >= self._started and self._root_is_ours(seen)
        )

    def _root_is_ours(self, seen: Seen) -> bool:
        """False for a later process that got the root's pid."""
        return seen.pid != self._root or seen.started == self._started

    def _lost(self, used: Mapping[Key, _Used]) -> list[_Used]:
        """The processes that have ended without an ancestor in the tree that counts their time from now on."""
        parents = {pid: before.parent for (pid, _), before in self._used.items()}
        living = {pid for pid, _ in used}
        return [
            before
            for key, before in self._used.items()
            if key not in used and not _has_living_ancestor(key[0], parents, living)
        ]


def _has_living_ancestor(pid: int, parents: Mapping[int, int], living: Collection[int]) -> bool:
    for _ in range(len(parents)):
        if pid in living:
            return True
        pid = parents.get(pid, 0)
    return pid in living


def _used(seen: Seen) -> _Used | None:
    """User and system time of a process and of the children that it has waited for; None if it is gone."""
    try:
        times = seen.process.cpu_times()
        parent = seen.process.ppid()
    except psutil.Error:
        return None
    return _Used(parent, float(times.user + times.system + times.children_user + times.children_system))


def _resident(seen: Seen) -> int:
    try:
        return int(seen.process.memory_info().rss)
    except psutil.Error:
        return 0


def signal_process(pid: int, number: signal.Signals, still: Callable[[], bool]) -> bool:
    """Send a signal to exactly the process that is meant; whether it was sent.

    A pid may be reused between finding it and signalling it. A pid file descriptor fixes one process; `still`, asked
    after the fixing, says whether it is the one.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not still():
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def marked(look: Look, run: str, cell: str | None = None) -> list[Seen]:
    """The living processes of a run (or of one cell of it) and their descendants; never this process and its ancestors."""
    spared = _own_line()
    roots = [
        seen
        for seen in look.seen.values()
        if seen.mark and seen.mark.run == run and cell in {None, seen.mark.cell} and seen.pid not in spared
    ]
    return [seen for seen in look.tree(roots).values() if seen.pid not in spared and seen.is_alive()]


def _own_line() -> set[int]:
    """This process and its ancestors, which a sweep spares: seatrial itself may run inside a cell."""
    this = psutil.Process()
    spared = {this.pid}
    with suppress(psutil.Error):
        spared |= {parent.pid for parent in this.parents()}
    return spared
