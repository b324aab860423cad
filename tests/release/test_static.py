"""Services whose arms something else runs: only the weight is moved."""

from pathlib import Path

from seatrial.records import OrderKind, ReleaseOutcome, ReleasePhase, ServiceSpec
from seatrial.release.state import Side
from seatrial.testing import MemoryFleet
from tests.release.world import World

HOUR = 3600.0


class Elsewhere(MemoryFleet):
    """Arms that nobody here can change."""

    def stable(self, service: str) -> Side:  # noqa: ARG002 - they are all alike
        """Whatever it is."""
        return Side(there=True, ready=True, answers=1, wanted=1, static=True)

    canary = stable


def _world(folder: Path) -> World:
    world = World(folder)
    world.services = {
        "wine": ServiceSpec(name="wine", model="wine", stable_url="http://127.0.0.1:1", canary_url="http://127.0.0.1:2")
    }
    world.routes.configure(world.traffic, tuple(world.services.values()))
    world.fleet = Elsewhere(world.clock, {})
    world.restart()
    world.settle()
    return world


def test_a_version_that_is_promoted_gets_all_requests_where_it_is(tmp_path: Path) -> None:
    """Nothing is deployed; the canary keeps everything, and the registry is told."""
    world = _world(tmp_path)
    world.given_in_production(1)
    world.start()
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)
    assert (ReleaseOutcome.PROMOTED, 1000, []) == (release.outcome, world.weight, world.fleet.asked)
    assert [2] == [version.number for version in world.registry.holders("wine", "Production")]
    assert 1 == release.baseline

    world.order(OrderKind.ROLL_BACK)
    world.turn()
    release = world.run_until(ReleasePhase.ENDED, within=60.0)
    assert (ReleaseOutcome.ROLLED_BACK, 0) == (release.outcome, world.weight)
    assert [1] == [version.number for version in world.registry.holders("wine", "Production")]


def test_harm_takes_all_requests_from_it(tmp_path: Path) -> None:
    """The weight goes back to stable; what runs there is left alone."""
    world = _world(tmp_path)
    world.stream.canary.errors = 0.2
    world.start()
    release = world.run_until(ReleasePhase.ENDED, within=HOUR)
    assert (ReleaseOutcome.ABORTED, 0, []) == (release.outcome, world.weight, world.fleet.asked)
