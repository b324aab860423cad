"""What replicas use, by service and version."""

from pathlib import Path

import pytest

from seatrial.gateway.platform import platform_points
from seatrial.records import PlatformPoint, ReplicaStatus
from tests.gateway.worlds import BEGIN, WINE, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Stable is being replaced: version 3 at one place, 4 at the other; a canary, and a deployment that is no service's."""
    made = World(tmp_path)
    made.deploy("wine", 4, ready=0)
    made.deploy("wine-canary", 5, ready=1)
    made.deploy("beer", 1, ready=1)
    made.start("wine", 0, 4)
    made.start("wine", 1, 3)
    since = made.clock.now()
    made.show("wine", 4, used(0, since=since), used(1, since=since), ReplicaStatus(index=2, ready=False, restarts=7))
    made.show("wine-canary", 5, used(0, since=since))
    made.show("beer", 1, used(0, since=since))
    return made


def used(index: int, **more: object) -> ReplicaStatus:
    """A replica that runs."""
    return ReplicaStatus(index=index, ready=True, restarts=1, cpu_seconds=2.5, cores=0.25, memory=1000, **more)  # type: ignore[arg-type]


def points(world: World) -> tuple[PlatformPoint, ...]:
    """All of them."""
    return platform_points([WINE], world.book.statuses(), world.book.everything_started(), BEGIN)


def test_each_replica_is_told_with_the_version_that_it_runs(world: World) -> None:
    """By its place, which stays the same when it is started again; what does not run uses nothing."""
    assert [
        ("wine.0", "4", "stable", "wine.0.4"),
        ("wine.1", "3", "stable", "wine.1.3"),
        ("wine-canary.0", "5", "canary", "wine-canary.0.5"),
    ] == [(one.replica, one.version, one.labels["arm"], one.labels["cell"]) for one in points(world)]


def test_the_figures_are_those_that_were_last_seen(world: World) -> None:
    """CPU time, memory, cores and restarts."""
    found = points(world)[0]

    assert ("wine", 2.5, 1000, 1, 0.25) == (
        found.service,
        found.cpu_seconds,
        found.memory,
        found.restarts,
        found.cores,
    )
