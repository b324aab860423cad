"""How the gateway is, as a person reads it."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.gateway.status import GatewayStatus, gateway_status, routing_lines, status_grid
from seatrial.records import Backend, Endpoint, InForce, Routing, Sticky
from tests.gateway.worlds import World, a_wish, static


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two replicas of version 3, one of the canary's version 4 with a fifth of the requests."""
    made = World(tmp_path)
    made.deploy("wine", 3, ready=2)
    made.deploy("wine-canary", 4, ready=1)
    made.turn()
    made.keeper.routes.steer("wine", weight=200)
    return made


def shown(world: World, *, server: int | None = 7, stopped: bool = False) -> GatewayStatus:
    """What a person is told."""
    found = gateway_status(world.keeper, server=server, stopped=stopped, metrics="http://127.0.0.1:8081/metrics")
    assert found is not None
    return found


def below(world: World, *, server: int | None = 7, stopped: bool = False) -> str:
    """The lines below the table."""
    return "\n".join(status_grid(shown(world, server=server, stopped=stopped)).below)


def test_each_arm_is_a_line(world: World) -> None:
    """With its version, its share and where its replicas are."""
    grid = status_grid(shown(world))

    assert (
        ("wine", "/", "stable", "3", "80 %", "", "wine.0.3 at 127.0.0.1:4300, wine.1.3 at 127.0.0.1:4301"),
        ("", "", "canary", "4", "20 %", "0 %", "wine-canary.0.4 at 127.0.0.1:4400"),
    ) == grid.rows
    assert (
        "memory 1 answers at http://127.0.0.1:8080, as process 1",
        "metrics at http://127.0.0.1:8081/metrics",
    ) == grid.below


def test_a_side_that_is_being_replaced_shows_both_versions(world: World) -> None:
    """At the replicas that run another than the side is called by."""
    world.book.put(a_wish("wine", 4, replicas=2))
    world.start("wine", 0, 4)
    world.book.gone("wine.0.3")

    row = status_grid(shown(world)).rows[0]
    assert ("3", "wine.0.4 at 127.0.0.1:4400 (version 4), wine.1.3 at 127.0.0.1:4301") == (row[3], row[-1])


def test_a_service_without_stable_says_how_to_make_one(world: World) -> None:
    """The command can be copied, but for the version; meanwhile the canary stands in, or nobody does."""
    world.book.forget("wine")
    with_canary = below(world)
    world.book.forget("wine-canary")
    without = below(world)

    told = "seatrial deploy wine@VERSION --name wine --replicas 2"
    assert f"all go to the canary: {told}" in with_canary
    assert f"all are answered with 503: {told}" in without


def test_a_canary_that_has_nobody_is_told(world: World) -> None:
    """Its share is stable's then."""
    world.book.gone("wine-canary.0.4")

    assert "the canary of wine has no replica that takes requests, so stable gets its 20 % too" in below(world)


def test_what_is_not_in_force_is_told(world: World) -> None:
    """What was asked for and what the proxy says."""
    world.proxy.meddle(InForce(service="wine", weight=5, mirror=0))

    assert "wine: asked for are 20 % to the canary, in force are 0.5 %" in below(world)


def test_who_keeps_the_proxy_is_told(world: World) -> None:
    """A server, nobody, or a person who ended it; metrics are there while a server runs."""
    world.proxy.running = False

    assert "the proxy does not run; the end of .seatrial/server.log says why" in below(world)
    assert "no server runs, so nobody keeps the proxy: seatrial gateway" in below(world, server=None)
    assert "the proxy was stopped: seatrial gateway starts it again" in below(world, stopped=True)
    assert "metrics at" not in below(world, server=None)
    assert "–" == status_grid(shown(world)).rows[0][4]


def test_there_is_nothing_to_tell_of_a_project_without_services(tmp_path: Path) -> None:
    """None."""
    world = World(tmp_path, services=())
    assert gateway_status(world.keeper, server=None, stopped=False, metrics="") is None


def test_what_the_proxy_is_told_can_be_read() -> None:
    """Everything that decides where a request goes."""
    service = replace(
        static(),
        hosts=("a.example", "b.example"),
        sticky=Sticky(kind="header", name="x-user"),
        safe_paths=("/predict",),
    )
    stable = Backend(version="3", endpoints=(Endpoint(name="stable", host="10.0.0.1", port=9001),))
    lines = list(routing_lines(Routing(service=service, stable=stable, canary=Backend(version="4"), weight=5)))

    assert [
        "wine: requests of a.example, b.example/",
        "  stable: version 3, replicas stable at 10.0.0.1:9001",
        "  canary: version 4, replicas none",
        "  share of the canary: 0.5 %; copies: 0 %",
        "  given up after 15 s, tried again 0 times, kept on a side by header x-user, health at /readyz",
        "  may be copied: GET, HEAD, OPTIONS, and anything below /predict",
    ] == lines
