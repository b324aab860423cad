"""The keeper keeps the proxy running and tells it who takes requests, whatever happened before."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.deployments.book import Started
from seatrial.gateway.keep import MEND_SECONDS
from seatrial.records import GatewaySpec, InForce, PermanentError, ProxyStatus, Resources, UsageError
from tests.gateway.test_routes import in_force
from tests.gateway.worlds import BEGIN, WINE, World
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two replicas of version 3, one of the canary's version 4, and a first turn."""
    made = World(tmp_path)
    made.deploy("wine", 3, ready=2)
    made.deploy("wine-canary", 4, ready=1)
    made.turn()
    return made


def test_the_first_turn_starts_the_proxy_and_says_who_answers(world: World) -> None:
    """Everything goes to stable."""
    assert (True, 0) == (world.proxy.running, in_force(world).weight)
    assert (("wine.0.3", "wine.1.3"), ("wine-canary.0.4",)) == (in_force(world).stable, in_force(world).canary)


def test_a_turn_in_which_nothing_happened_asks_for_nothing(world: World) -> None:
    """For an hour."""
    world.turn(100, seconds=36.0)

    assert 1 == len(world.proxy.applied)


def test_a_killed_proxy_is_started_again_with_what_was_in_force(world: World) -> None:
    """Also the canary's share."""
    world.keeper.routes.steer("wine", weight=200)
    world.proxy.running = False
    world.turn()

    status = world.keeper.status()
    assert status is not None
    assert (True, 1) == (status.running, status.restarts)
    assert 200 == in_force(world).weight


def test_the_next_keeper_goes_on_from_what_the_proxy_does(world: World) -> None:
    """It was killed between two turns; the share is as it was, and replicas that came meanwhile are told."""
    world.keeper.routes.steer("wine", weight=200, mirror=30)
    world.keeper = world.new_keeper(goes_on=world.proxy)
    world.start("wine", 2, 3)
    world.turn()

    found = in_force(world)
    assert (200, 30, ("wine.0.3", "wine.1.3", "wine.2.3")) == (found.weight, found.mirror, found.stable)


def test_what_somebody_else_changed_is_mended_within_seconds(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """And told."""
    world.proxy.meddle(InForce(service="wine", weight=900, mirror=0))
    with caplog.at_level(logging.WARNING, "seatrial.server"):
        world.turn(2, seconds=MEND_SECONDS)

    assert 0 == in_force(world).weight
    assert "did something else with requests of wine" in caplog.text


def test_a_replica_that_is_about_to_be_stopped_is_let_go(world: World) -> None:
    """Of stable, of the canary; one of a deployment that is no service's is nobody's affair."""
    for name, cell in (("wine", "wine.0.3"), ("wine-canary", "wine-canary.0.4"), ("beer", "beer.0.1")):
        world.keeper.let_go(started(name, cell))

    assert (("wine.1.3",), ()) == (in_force(world).stable, in_force(world).canary)


def started(name: str, cell: str) -> Started:
    """An instance in the book."""
    return Started(
        cell=cell,
        name=name,
        index=0,
        fingerprint="",
        port=1,
        started=BEGIN,
        runtime="process",
        resources=Resources(),
    )


def test_services_can_be_added_and_taken_away_while_it_runs(world: World) -> None:
    """The same proxy goes on; requests of a service that is no more are no longer answered."""
    world.services = (WINE, replace(WINE, name="beer", model="beer", prefix="/beer"))
    world.turn()
    both = [routing.service.name for routing in world.proxy.wanted()]
    world.services = world.services[1:]
    world.turn()

    assert (["beer", "wine"], ["beer"]) == (both, [routing.service.name for routing in world.proxy.wanted()])
    assert (1, True) == (len(world.opened), world.proxy.running)


def test_another_address_takes_another_proxy(world: World) -> None:
    """The one before is ended."""
    world.gateway = GatewaySpec(port=9090)
    world.turn()

    first, second = world.opened
    assert (False, True) == (first.running, second.running)
    assert "wine" == second.wanted()[0].service.name


def test_services_are_known_before_the_first_turn(tmp_path: Path) -> None:
    """Whoever asks while the server starts must not take them for gone; nothing is started by that."""
    world = World(tmp_path)
    world.keeper.begin()

    assert (["wine"], False) == (list(world.keeper.routes.services), world.proxy.running)


def test_without_services_there_is_no_proxy(tmp_path: Path) -> None:
    """None is started, and one that ran is ended when the last service goes."""
    world = World(tmp_path, services=())
    world.turn(2)
    before = (list(world.opened), world.keeper.status())
    world.services = (WINE,)
    world.turn()
    ran = world.proxy.running
    world.services = ()
    world.turn()

    assert ([], None) == before
    assert (True, False, None) == (ran, world.proxy.running, world.keeper.traffic)


def test_a_configuration_that_cannot_be_gone_by_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and the gateway goes on as it was."""
    world.services = (WINE, replace(WINE, name="wine-canary", prefix="/x"))
    with caplog.at_level(logging.ERROR, "seatrial.server"):
        world.turn(20)

    assert 1 == caplog.text.count("wine-canary is the name of its canary")
    assert ["wine"] == [routing.service.name for routing in world.proxy.wanted()]


def test_a_proxy_that_does_not_start_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reason is the only trouble that is told, and the pauses grow; once it starts, everything is in force."""
    world = World(tmp_path)
    world.deploy("wine", 3, ready=1)
    world.keeper.configure()
    keeps, reasons = world.proxy.keep, [PermanentError("the address is taken", where="127.0.0.1:8080")] * 5
    tries: list[float] = []

    def keep() -> ProxyStatus:
        tries.append(world.clock.monotonic())
        if reasons:
            raise reasons.pop()
        return keeps()

    world.proxy.keep = keep  # type: ignore[method-assign]
    with caplog.at_level(logging.INFO, "seatrial.server"):
        world.turn(2)
        troubles = list(world.keeper.troubles)
        world.turn(62)

    assert [0.0, 0.5, 1.5, 3.5, 7.5, 15.5] == tries[:6]
    assert 1 == len(troubles)
    assert "the address is taken" in troubles[0]
    assert 1 == caplog.text.count("the address is taken")
    assert [] == list(world.keeper.troubles)
    assert ("wine.0.3",) == in_force(world).stable


def test_a_proxy_that_a_person_ended_stays_so_until_one_wants_it(world: World) -> None:
    """Also for the next keeper."""
    world.orders.stop()
    world.turn(3)
    ended = world.proxy.running
    world.keeper = world.new_keeper(goes_on=world.proxy)
    world.turn(3)
    still = world.proxy.running
    world.orders.start()
    world.turn()

    assert (False, False, True) == (ended, still, world.proxy.running)


def test_a_person_gives_a_share(world: World) -> None:
    """And hears that it is in force."""
    order = world.orders.give("wine", 250)
    before = world.orders.answer_to(order)
    world.turn()

    answer = world.orders.answer_to(order)
    assert before is None
    assert answer is not None
    assert ("", 250) == (answer.error, in_force(world).weight)


def test_a_share_that_cannot_be_given_is_explained(world: World) -> None:
    """No such service; a release that has the say."""
    world.reasons["wine"] = "release 20260101-000000-0001 runs"
    unknown, refused = world.orders.give("beer", 1), world.orders.give("wine", 1)
    world.turn()

    first, second = world.orders.answer_to(unknown), world.orders.answer_to(refused)
    assert first is not None
    assert second is not None
    assert ("there is no service 'beer'", True) == (first.error, first.usage)
    assert "release 20260101-000000-0001 runs" in second.error
    assert 0 == in_force(world).weight


def test_the_duty_ends_when_it_is_told_to_and_leaves_the_proxy(world: World) -> None:
    """What runs, runs on; `end` ends it."""
    stop, duty = threading.Event(), threading.Thread(target=lambda: world.keeper(stop))
    duty.start()
    world.start("wine", 2, 3)
    wait_until(lambda: "wine.2.3" in in_force(world).stable)
    stop.set()
    duty.join(10)
    runs_on = world.proxy.running
    world.keeper.end()

    assert (True, False) == (runs_on, world.proxy.running)


def test_routes_of_a_project_without_services_refuse_everything(tmp_path: Path) -> None:
    """In words, also where a release asks."""
    world = World(tmp_path, services=())
    with pytest.raises(UsageError, match="there is no service 'wine'"):
        world.keeper.routes.steer("wine", weight=1)
