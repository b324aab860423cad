"""Keeper, release and whoever stops a replica change one routing, each its own part."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.gateway.routes import DRAIN_SECONDS, UNANSWERED_SECONDS, Routes, in_force_of
from seatrial.records import InForce, Routing, TemporaryError, UsageError
from seatrial.testing import FakeClock, MemoryTraffic
from tests.gateway.test_endpoints import deployed, replica
from tests.gateway.worlds import WINE, World
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two replicas of version 3, one of the canary's version 4; the gateway knows them."""
    made = World(tmp_path)
    made.deploy("wine", 3, ready=2)
    made.deploy("wine-canary", 4, ready=1)
    made.turn()
    return made


def in_force(world: World) -> InForce:
    """What the proxy does."""
    found = world.keeper.routes.in_force("wine")
    assert found is not None
    return found


def test_the_share_is_in_force_when_steer_returns(world: World) -> None:
    """Weight and mirror on their own; what is not named stays."""
    routes = world.keeper.routes
    routes.steer("wine", mirror=1000)
    routes.steer("wine", weight=200)
    both = in_force(world)
    routes.steer("wine", weight=0)

    assert (200, 1000) == (both.weight, both.mirror)
    assert (0, 1000) == (in_force(world).weight, in_force(world).mirror)


def test_replicas_come_and_go_without_a_change_of_the_share(world: World) -> None:
    """The release has the say over the one, the list of deployments over the other."""
    world.keeper.routes.steer("wine", weight=200, mirror=50)
    world.start("wine", 2, 3)
    changed, same = world.keeper.routes.refresh("wine"), world.keeper.routes.refresh("wine")

    assert (True, False) == (changed, same)
    found = in_force(world)
    assert (200, 50, ("wine.0.3", "wine.1.3", "wine.2.3")) == (found.weight, found.mirror, found.stable)


def test_a_canary_without_a_replica_keeps_its_share(world: World) -> None:
    """The proxy sends its part to stable until it is back; nobody has decided anything."""
    world.keeper.routes.steer("wine", weight=200)
    world.book.gone("wine-canary.0.4")
    world.turn()

    assert (200, (), "4") == (in_force(world).weight, in_force(world).canary, in_force(world).canary_version)


def test_a_canary_that_is_gone_leaves_no_share(world: World) -> None:
    """The next one of that name begins with nothing."""
    world.keeper.routes.steer("wine", weight=200, mirror=100)
    world.book.put(world.book.get("wine-canary").wish, removed=True)
    world.turn()
    without = in_force(world)
    world.book.forget("wine-canary")
    world.deploy("wine-canary", 5, ready=1)
    world.turn()

    assert (0, 0, ()) == (without.weight, without.mirror, without.canary)
    assert (0, 0, "5") == (in_force(world).weight, in_force(world).mirror, in_force(world).canary_version)


def test_nothing_can_be_given_to_a_canary_that_is_not_there(world: World) -> None:
    """The remedy says how to have one; taking everything away always works."""
    world.book.forget("wine-canary")

    with pytest.raises(UsageError, match="wine has no canary") as refused:
        world.keeper.routes.steer("wine", weight=200)
    assert "--name wine-canary" in refused.value.remedy
    assert 0 == world.keeper.routes.steer("wine", weight=0, mirror=0).weight


@pytest.mark.parametrize("share", [-1, 1001])
def test_a_share_is_between_nothing_and_all(world: World, share: int) -> None:
    """In thousandths."""
    with pytest.raises(UsageError, match="can't be a weight"):
        world.keeper.routes.steer("wine", weight=share)
    with pytest.raises(UsageError, match="can't be a mirror"):
        world.keeper.routes.steer("wine", mirror=share)


def test_an_unknown_service_is_refused_with_those_that_there_are(world: World) -> None:
    """Whatever is asked of it; only letting go of its replicas does nothing."""
    routes = world.keeper.routes
    for ask in (routes.steer, routes.refresh, routes.backends, routes.wanted, routes.in_force):
        with pytest.raises(UsageError, match="there is no service 'beer'") as refused:
            ask("beer")
        assert "there are wine" in refused.value.remedy
    routes.let_go("beer", "beer.0.1")
    assert 0 == world.proxy.waited


def test_what_the_proxy_did_not_confirm_is_asked_for_again(world: World) -> None:
    """By whoever asked, who has heard of it, and by the keeper's next turn."""
    world.proxy.errors.append(TemporaryError("it did not confirm"))
    with pytest.raises(TemporaryError, match="did not confirm"):
        world.keeper.routes.steer("wine", weight=300)
    before = in_force(world).weight
    world.turn()

    assert (0, 300) == (before, in_force(world).weight)


def test_what_somebody_else_changed_is_mended(world: World) -> None:
    """The proxy does again what it was asked for."""
    routes = world.keeper.routes
    routes.steer("wine", weight=200)
    right = in_force(world)
    world.proxy.meddle(InForce(service="wine", weight=900, mirror=0))

    assert (True, False) == (routes.mend("wine"), routes.mend("wine"))
    assert right == in_force(world)


def test_a_replica_is_let_go_after_its_successor_is_known(world: World) -> None:
    """Both are told in that order, and nothing new goes to the one that leaves."""
    world.start("wine", 0, 4)
    told = len(world.proxy.applied)
    world.keeper.routes.let_go("wine", "wine.0.3")

    stables = [[one.name for one in routing.stable.endpoints] for routing in world.proxy.applied[told:]]
    assert [["wine.0.3", "wine.0.4", "wine.1.3"], ["wine.0.4", "wine.1.3"]] == stables
    world.turn()
    assert ("wine.0.4", "wine.1.3") == in_force(world).stable


def test_a_replica_is_let_go_once_it_has_answered(world: World) -> None:
    """Each request that it still has is waited for."""
    world.proxy.busy["wine.0.3"] = 3
    world.keeper.routes.let_go("wine", "wine.0.3")

    assert 4 == world.proxy.waited


def test_a_replica_that_never_answers_is_let_go_after_half_a_minute(world: World) -> None:
    """It must be able to end."""
    world.proxy.busy["wine.0.3"] = 1_000_000
    begun = world.clock.monotonic()
    world.keeper.routes.let_go("wine", "wine.0.3")

    assert DRAIN_SECONDS <= world.clock.monotonic() - begun < DRAIN_SECONDS + 1


def test_a_replica_ends_also_while_the_proxy_does_not_answer(world: World) -> None:
    """After a moment; once the proxy is back, it knows nothing of that replica any more."""
    world.proxy.running = False
    world.start("wine", 0, 4)
    begun = world.clock.monotonic()
    world.keeper.routes.let_go("wine", "wine.0.3")
    waited = world.clock.monotonic() - begun
    world.turn()

    assert UNANSWERED_SECONDS == waited
    assert ("wine.0.4", "wine.1.3") == in_force(world).stable


def test_an_older_look_does_not_undo_a_newer_one(world: World) -> None:
    """The keeper looked before a successor was ready, and comes to act after the old one was let go."""
    old = world.sight()
    world.start("wine", 0, 4)
    world.keeper.routes.let_go("wine", "wine.0.3")
    world.keeper.routes.let_go("wine", "wine.1.3")
    world.keeper.routes.refresh("wine", old)

    assert ("wine.0.4",) == in_force(world).stable


def test_services_that_are_no_more_are_taken_from_the_proxy(world: World) -> None:
    """Others are left alone."""
    world.proxy.apply(Routing(service=WINE.__class__(name="beer", model="beer"), stable=in_routing(world).stable))
    world.keeper.routes.forget_others()

    assert ["wine"] == [routing.service.name for routing in world.proxy.wanted()]


def in_routing(world: World) -> Routing:
    """What the proxy was asked for."""
    found = world.keeper.routes.wanted("wine")
    assert found is not None
    return found


def test_a_slow_service_does_not_hold_up_another() -> None:
    """Each has a lock of its own: the abort of one release must not wait for another's proxy."""
    other = WINE.__class__(name="beer", model="beer", prefix="/beer")
    entered, go_on = threading.Event(), threading.Event()

    class Slow(MemoryTraffic):
        def apply(self, routing: Routing) -> None:
            if routing.service.name == "beer":
                entered.set()
                wait_until(go_on.is_set)
            super().apply(routing)

    traffic = Slow(FakeClock())
    traffic.keep()
    canary = deployed(replica("c", "4"), name="wine-canary", version="4")
    found = deployed(replica("s")) | canary | deployed(replica("b"), name="beer")
    routes = Routes(traffic, (WINE, other), lambda: found, FakeClock())
    slow = threading.Thread(target=routes.refresh, args=("beer",))
    slow.start()
    entered.wait(10)
    weight = routes.steer("wine", weight=200).weight
    go_on.set()
    slow.join()

    assert 200 == weight


ACTS = st.one_of(
    st.tuples(st.just("weight"), st.integers(0, 1000)),
    st.tuples(st.just("mirror"), st.integers(0, 1000)),
    st.tuples(st.just("refresh"), st.just(0)),
    st.tuples(st.just("let go"), st.integers(0, 2)),
    st.tuples(st.just("fail"), st.just(0)),
)


@settings(max_examples=60)
@given(st.lists(ACTS, max_size=12))
def test_each_changes_its_own_part_only(acts: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: the share is what was last asked for, and nobody who was let go comes back."""
    clock = FakeClock()
    traffic = MemoryTraffic(clock)
    traffic.keep()
    stable = [replica(f"s{index}") for index in range(3)]
    found = deployed(*stable) | deployed(replica("c", "4"), name="wine-canary", version="4")
    routes = Routes(traffic, (WINE,), lambda: found, clock)
    routes.refresh("wine")
    share, gone = {"weight": 0, "mirror": 0}, set[str]()
    for what, number in acts:
        try:
            match what:
                case "weight" | "mirror":
                    share[what] = number
                    routes.steer("wine", **{what: number})
                case "refresh":
                    routes.refresh("wine")
                case "let go":
                    gone.add(f"s{number}")
                    routes.let_go("wine", f"s{number}")
                case "fail":
                    traffic.errors.append(TemporaryError("not now"))
        except TemporaryError:
            pass
    traffic.errors.clear()
    routes.refresh("wine")

    (wanted,) = traffic.wanted()
    assert in_force_of(wanted) == routes.in_force("wine")
    assert (share["weight"], share["mirror"]) == (wanted.weight, wanted.mirror)
    assert {"s0", "s1", "s2"} - gone == {endpoint.name for endpoint in wanted.stable.endpoints}
