"""What the server and the commands on the gateway work with."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.deployments.server import Duty
from seatrial.gateway.facts import KeeperFacts
from seatrial.gateway.keep import Keeper
from seatrial.gateway.metrics import Meters
from seatrial.gateway.orders import Orders
from seatrial.gateway.setup import Setup
from seatrial.ports import Clock

LAST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTools:
    """The gateway of one project.

    Attributes:
        keeper: has the routes, the proxy and what the configuration says.
        orders: of people to the keeper of the server that runs.
        meters: get every line of the access log.
        facts: what is known beside requests: the proxy, shares in force, what replicas use.
        duties: what the project's server does for the gateway, each in a thread of its own.
        busy: why a service's share must not be changed by hand; empty if it may.
        server: process that is the project's server; None if none runs.
    """

    keeper: Keeper
    orders: Orders
    meters: Meters
    facts: KeeperFacts
    clock: Clock
    duties: tuple[Duty, ...]
    busy: Callable[[str], str]
    server: Callable[[], int | None]


def metrics_port(setup: Setup) -> int | None:
    """Where `/metrics` is told: the port above the gateway's (the one below the very last); None without services."""
    port = setup.gateway.port
    return (port + 1 if port < LAST_PORT else port - 1) if setup.services else None


def metrics_address(setup: Setup) -> str:
    """The page's address; empty without services."""
    port = metrics_port(setup)
    return "" if port is None else f"http://127.0.0.1:{port}/metrics"
