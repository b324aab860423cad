"""What the gateway sees of the list of deployments."""

from pathlib import Path

import pytest

from seatrial.gateway.endpoints import Replica
from seatrial.gateway.sight import SILENT_SECONDS
from seatrial.records import ReplicaStatus
from tests.gateway.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Version 3 with two replicas that are ready and one that starts."""
    made = World(tmp_path)
    made.deploy("wine", 3, ready=2, starting=1)
    return made


def test_instances_are_seen_with_the_version_that_they_run(world: World) -> None:
    """Also while their deployment is being replaced; doors are no replicas."""
    world.start("wine", -1, 0)
    world.start("wine", 0, 4)
    (seen,) = world.sight().values()

    assert ("wine", "3", True) == (seen.name, seen.version, seen.wanted)
    assert [
        ("wine.0.3", "3", True),
        ("wine.0.4", "4", True),
        ("wine.1.3", "3", True),
        ("wine.2.3", "3", False),
    ] == sorted((one.cell, one.version, one.ready) for one in seen.replicas)
    assert Replica(cell="wine.0.4", port=4400, version="4", ready=True) in seen.replicas


def test_a_deployment_that_is_stopped_is_not_wanted(world: World) -> None:
    """Its replicas are still there."""
    world.book.put(world.book.get("wine").wish, stopped=True)
    (seen,) = world.sight().values()

    assert (False, 3) == (seen.wanted, len(seen.replicas))


def test_a_replica_is_silent_once_it_has_been_for_some_seconds(world: World) -> None:
    """One missed answer, or a server that has just begun, says nothing; one that answers again is heard at once."""
    since = world.clock.now()
    quiet = ReplicaStatus(index=1, ready=False, since=since, reason="/readyz did not answer in time")
    world.show("wine", 3, quiet)

    first = silent(world)
    world.clock.sleep(SILENT_SECONDS)
    later = silent(world)
    world.show("wine", 3, ReplicaStatus(index=1, ready=True, since=since))
    again = silent(world)

    assert ([], ["wine.1.3"], []) == (first, later, again)


def silent(world: World) -> list[str]:
    """Who is."""
    return [one.cell for one in world.sight()["wine"].replicas if one.silent]
