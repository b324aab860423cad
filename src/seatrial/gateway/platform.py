"""What each replica of a service uses, as cAdvisor would tell of containers: for `/metrics`, and for a release's report."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from seatrial.deployments.book import Started
from seatrial.gateway.endpoints import canary_of
from seatrial.records import Arm, DeployStatus, PlatformPoint, ReplicaStatus, ServiceSpec


def platform_points(
    services: Iterable[ServiceSpec], statuses: Iterable[DeployStatus], started: Sequence[Started], now: datetime
) -> tuple[PlatformPoint, ...]:
    """The replicas of all services that run now, by their deployment's order.

    Args:
        services: whose replicas are meant.
        statuses: how deployments were last seen.
        started: what was started: it knows which version a replica runs while its deployment is being replaced.
        now: the time of figures that nobody has dated.
    """
    owners = {
        name: (service.name, arm)
        for service in services
        for name, arm in ((service.name, Arm.STABLE), (canary_of(service.name), Arm.CANARY))
    }
    cells = {(one.name, one.index, one.started): one for one in started}
    return tuple(
        point
        for status in statuses
        if status.wish.name in owners
        for point in _points(status, *owners[status.wish.name], cells, now)
    )


def _points(
    status: DeployStatus,
    service: str,
    arm: Arm,
    cells: dict[tuple[str, int, datetime], Started],
    now: datetime,
) -> Iterator[PlatformPoint]:
    for replica in status.replicas:
        cell = None if replica.since is None else cells.get((status.wish.name, replica.index, replica.since))
        if replica.cpu_seconds is None:
            continue
        yield PlatformPoint(
            at=status.seen or now,
            service=service,
            version=str((cell.number if cell is not None else 0) or status.wish.number),
            replica=_name(status, replica),
            cpu_seconds=replica.cpu_seconds,
            memory=replica.memory or 0,
            restarts=replica.restarts,
            cores=replica.cores,
            labels={"arm": arm.value, "cell": cell.cell if cell is not None else ""},
        )


def _name(status: DeployStatus, replica: ReplicaStatus) -> str:
    """The replica's place, which stays the same when it is started again."""
    return f"{status.wish.name}.{replica.index}"
