"""Ending process trees for good: every member, also those that fork while being killed, and nobody else."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from seatrial.adapters.runtime.cgroup import Group
from seatrial.adapters.runtime.processes import Look, ProcessTree, marked, signal_process
from seatrial.ports import Clock
from seatrial.records import TemporaryError

POLL_SECONDS = 0.01
_KILL_SECONDS = 10.0
_REMOVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Member:
    """A living process of a tree; `still` says whether its pid still belongs to it."""

    pid: int
    still: Callable[[], bool]


Find = Callable[[], Sequence[Member]]


def in_group(group: Group) -> list[Member]:
    """The processes inside a control group."""
    return [Member(pid, partial(_is_inside, group, pid)) for pid in group.processes()]


def _is_inside(group: Group, pid: int) -> bool:
    return pid in group.processes()


def in_tree(tree: ProcessTree) -> list[Member]:
    """The processes of a tree without a control group."""
    return [Member(seen.pid, seen.is_alive) for seen in tree.processes()]


def of_run(look: Look, run: str) -> list[Member]:
    """The processes that carry the mark of a run."""
    return [Member(seen.pid, seen.is_alive) for seen in marked(look, run)]


def of_cell(look: Look, run: str, cell: str) -> list[Member]:
    """The processes that carry the mark of one cell."""
    return [Member(seen.pid, seen.is_alive) for seen in marked(look, run, cell)]


def wait_until_gone(find: Find, clock: Clock, seconds: float) -> bool:
    """Wait until nothing is left, at most `seconds`; whether nothing is left."""
    deadline = clock.monotonic() + seconds
    while find():
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(POLL_SECONDS)
    return True


def kill_all(find: Find, clock: Clock, *, where: str) -> set[int]:
    """SIGKILL until nothing is left; the pids that were killed.

    Raises TemporaryError if something doesn't die: a process that waits for a broken disk or network mount.
    """
    killed: set[int] = set()
    deadline = clock.monotonic() + _KILL_SECONDS
    while members := find():
        killed |= {member.pid for member in members if signal_process(member.pid, signal.SIGKILL, member.still)}
        if clock.monotonic() >= deadline:
            pids = ", ".join(str(member.pid) for member in members)
            raise TemporaryError(
                f"processes could not be stopped: {pids}",
                where=where,
                remedy="they wait in the kernel, often for a disk or a network mount; mend that, then they end",
            )
        clock.sleep(POLL_SECONDS)
    return killed


def remove(group: Group, clock: Clock) -> None:
    """Remove empty groups. The kernel takes a moment to let go of ended processes; a group that stays is left to `sweep`."""
    deadline = clock.monotonic() + _REMOVE_SECONDS
    while clock.monotonic() < deadline:
        with suppress(OSError):
            group.remove()
            return
        clock.sleep(POLL_SECONDS)
