"""What the kernel knows of the server's processes: alive, CPU time, memory. Read from /proc, a few microseconds each.

A process is known by its number and its start, because numbers are used again. The CPU time of workers that have ended
is in their parent's account (`cutime`) from the moment that the parent has waited for them, so that the sum over the
living and the parent never goes back: the kernel keeps the ledger, not we.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process for good: `started` in clock ticks since boot, 0 where there is no /proc."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Of one process.

    Attributes:
        running: False for one that has ended and was not waited for yet.
        cpu: clock ticks, user and system; whole numbers, because a sum of seconds depends on their order.
        children: clock ticks of the children that ended and were waited for.
        resident: bytes in memory, shared pages included.
        started: Unix time.
    """

    running: bool
    cpu: int
    children: int
    resident: float
    started: float


def this_process(proc: Path = PROC) -> Process:
    """The one that asks."""
    fields = _fields(proc / "self" / "stat")
    return Process(pid=os.getpid(), started=int(fields[19]) if fields else 0)


def namespace(proc: Path = PROC) -> str:
    """Names the set of processes whose numbers mean the same; empty where unknown."""
    try:
        return str((proc / "self" / "ns" / "pid").readlink())
    except OSError:
        return ""


def usage(process: Process, proc: Path = PROC) -> Usage | None:
    """What it uses; None once it is gone (also if its number was given to another)."""
    fields = _fields(proc / str(process.pid) / "stat")
    if not fields or int(fields[19]) != process.started:
        return None
    return Usage(
        running=fields[0] not in (b"Z", b"X"),
        cpu=int(fields[11]) + int(fields[12]),
        children=int(fields[13]) + int(fields[14]),
        resident=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        started=_boot(proc) + seconds(process.started),
    )


def seconds(ticks: int) -> float:
    """Of clock ticks."""
    return ticks / os.sysconf("SC_CLK_TCK")


def usages(
    parent: Process | None, workers: Iterable[Process], look: Callable[[Process], Usage | None] = usage
) -> dict[Process, Usage]:
    """Of the parent and the workers that still exist, at one moment.

    A worker that ends while this looks would be in both accounts or in none; then it looks again.
    """
    wanted = [process for process in dict.fromkeys((parent, *workers)) if process is not None]
    found: dict[Process, Usage] = {}
    for _ in range(_TRIES):
        found = {process: used for process in wanted if (used := look(process)) is not None}
        after = look(parent) if parent in found else None
        if parent is None or after is None or after.children == found[parent].children:
            break
    return found


def _fields(stat: Path) -> list[bytes]:
    # The name in brackets may hold spaces and brackets: count from the last one.
    try:
        return stat.read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def _boot(proc: Path) -> float:
    lines = (proc / "stat").read_bytes().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(b"btime ")), 0.0)
