"""Deployments as people read them in a terminal."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from seatrial.records import DeployState, DeployStatus, DeployWish, Resources
from seatrial.wording.grid import Grid

OLD = timedelta(seconds=10)
MISSING = "–"


def list_grid(statuses: Sequence[DeployStatus], *, now: datetime, supervised: bool) -> Grid:
    """One line a deployment, and what is wrong with them below."""
    rows = tuple(
        (
            status.wish.name,
            f"{status.wish.model}@{status.wish.number}",
            status.state.value,
            f"{_ready(status)}/{status.wish.replicas}",
            str(sum(replica.restarts for replica in status.replicas)),
            asked(status.wish.resources),
            status.url,
        )
        for status in statuses
    )
    reasons = [f"{status.wish.name}: {status.reason}" for status in statuses if status.reason]
    return Grid(
        headings=("deployment", "version", "state", "ready", "restarts", "each with", "url"),
        rows=rows,
        right=frozenset({"ready", "restarts"}),
        unwrapped=frozenset({"deployment", "version", "state", "url"}),
        below=(*reasons, *_unsupervised(statuses, now=now, supervised=supervised)),
    )


def usage_grid(status: DeployStatus) -> Grid:
    """One line a replica: what it uses, and what holds it."""
    rows = tuple(
        (
            str(replica.index),
            "ready" if replica.ready else replica.reason or "not ready",
            MISSING if replica.cores is None else f"{replica.cores:.2f}",
            MISSING if replica.cpu_seconds is None else f"{replica.cpu_seconds:.1f}",
            size(replica.memory),
            str(replica.restarts),
        )
        for replica in status.replicas
    )
    limits: dict[str, list[str]] = {}
    for replica in status.replicas:
        if replica.enforced:
            limits.setdefault(replica.enforced, []).append(str(replica.index))
    return Grid(
        headings=("replica", "state", "cores", "cpu seconds", "memory", "restarts"),
        rows=rows,
        right=frozenset({"cores", "cpu seconds", "memory", "restarts"}),
        below=(
            f"asked for each: {asked(status.wish.resources)}",
            *(f"enforced at replica {', '.join(which)}: {what}" for what, which in limits.items()),
        ),
    )


def progress_line(status: DeployStatus) -> str:
    """Where a deployment stands, while somebody waits for it."""
    ready = f"{_ready(status)} of {status.wish.replicas} ready" if status.wish.replicas else ""
    return ", ".join(filter(None, [f"{status.wish.name} {status.state.value}", ready, status.reason]))


def status_of(status: DeployStatus | None, wish: DeployWish) -> DeployStatus:
    """What was seen of a wish; that nothing was yet, where no supervisor has looked at it."""
    return status or DeployStatus(wish=wish, state=DeployState.STARTING, reason="no server has seen it yet")


def asked(resources: Resources) -> str:
    """`1 CPU, 512 MiB`."""
    parts = [
        "" if resources.cpu is None else f"{resources.cpu:g} CPU",
        "" if resources.memory is None else size(resources.memory),
    ]
    return ", ".join(filter(None, parts)) or "no limits"


def size(number: int | None) -> str:
    """Bytes as `512 MiB`."""
    return MISSING if number is None else f"{number / 2**20:.4g} MiB"


def _ready(status: DeployStatus) -> int:
    return sum(replica.ready for replica in status.replicas)


def _unsupervised(statuses: Sequence[DeployStatus], *, now: datetime, supervised: bool) -> tuple[str, ...]:
    if not statuses:
        return ()
    if not supervised:
        last = max((status.seen for status in statuses if status.seen), default=None)
        seen = f"; this is how they were at {last:%Y-%m-%d %H:%M:%S} UTC" if last else ""
        return (f"no server runs, so nothing is started again{seen}: seatrial server",)
    stale = [status.wish.name for status in statuses if status.seen and now - status.seen > OLD]
    return (f"not seen for more than {OLD.seconds} s: {', '.join(stale)}",) if stale else ()
