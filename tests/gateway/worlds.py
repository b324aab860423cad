"""A gateway in a world without processes: a list of deployments on disk, a proxy in memory, time that the test makes pass."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from seatrial.deployments.book import Started, open_book
from seatrial.deployments.state import Place
from seatrial.gateway.keep import Keeper, KeeperMeans
from seatrial.gateway.orders import Orders
from seatrial.gateway.setup import Setup
from seatrial.gateway.sight import Sight
from seatrial.records import (
    DeployState,
    DeployStatus,
    DeployWish,
    GatewaySpec,
    ReplicaStatus,
    Resources,
    ServiceSpec,
    UsageError,
)
from seatrial.testing import FakeClock, MemoryTraffic

WINE = ServiceSpec(name="wine", model="wine")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Proxy(MemoryTraffic):
    """A proxy in memory whose replicas answer what they have as time passes.

    Attributes:
        waited: how often it was asked whether a replica still has requests.
        work: requests that a replica has when it is first asked, by name; one is answered at each look.
    """

    def __init__(self, clock: FakeClock, folder: Path | None = None) -> None:
        super().__init__(clock, folder=folder)
        self.waited = 0

    def pending(self, service: str, endpoints: Collection[str]) -> int:
        """As `busy` says; each look answers one."""
        found = super().pending(service, endpoints)
        self.waited += 1
        for name in endpoints:
            self.busy[name] = max(0, self.busy.get(name, 0) - 1)
        return found


@dataclass
class World:
    """One project.

    Attributes:
        services: of its configuration.
        gateway: of its configuration.
        reasons: why a service's share must not be changed by hand.
        opened: the proxies that were opened, in order.
    """

    folder: Path
    services: tuple[ServiceSpec, ...] = (WINE,)
    gateway: GatewaySpec = field(default_factory=GatewaySpec)
    clock: FakeClock = field(default_factory=FakeClock)
    reasons: dict[str, str] = field(default_factory=dict)
    opened: list[Proxy] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make its parts."""
        self.book = open_book(self.folder)
        self.orders = Orders(self.folder / "orders")
        self.sight = Sight(self.book, self.clock)
        self.keeper = self.new_keeper()

    def new_keeper(self, *, goes_on: Proxy | None = None) -> Keeper:
        """A keeper, with a proxy of its own unless it goes on with another's."""

        def open_proxy(_: GatewaySpec) -> Proxy:
            self.opened.append(goes_on or Proxy(self.clock))
            return self.opened[-1]

        return Keeper(
            KeeperMeans(
                read=lambda: Setup(gateway=self.gateway, services=self.services),
                open=open_proxy,
                look=self.sight,
                orders=self.orders,
                clock=self.clock,
                busy=lambda service: self.reasons.get(service, ""),
            )
        )

    @property
    def proxy(self) -> Proxy:
        """The one that was opened last."""
        return self.opened[-1]

    def deploy(self, name: str, number: int, *, ready: int, starting: int = 0, stopped: bool = False) -> None:
        """A deployment with so many replicas of a version that are ready, and so many that are not yet."""
        self.book.put(a_wish(name, number, replicas=max(1, ready + starting)), stopped=stopped)
        for index in range(ready + starting):
            self.start(name, index, number, ready=index < ready)

    def start(self, name: str, index: int, number: int, *, ready: bool = True) -> str:
        """An instance; its name."""
        cell = f"{name}.{index}.{number}"
        self.book.begin(
            Started(
                cell=cell,
                name=name,
                index=index,
                fingerprint=str(number),
                port=4000 + 100 * number + index,
                started=self.clock.now(),
                runtime="process",
                resources=Resources(),
                number=number,
                ready=self.clock.now() if ready else None,
            ),
            Place(index=index),
        )
        return cell

    def show(self, name: str, number: int, *replicas: ReplicaStatus) -> None:
        """What the supervisor last saw of a deployment."""
        self.book.publish(DeployStatus(wish=a_wish(name, number), state=DeployState.READY, replicas=replicas))

    def turn(self, times: int = 1, seconds: float = 0.25) -> None:
        """Turns, with time after each."""
        for _ in range(times):
            self.keeper.turn()
            self.clock.sleep(seconds)


def a_wish(name: str, number: int, *, replicas: int = 1) -> DeployWish:
    """A version that shall run; each name has a port of its own."""
    return DeployWish(
        name=name,
        model="wine",
        number=number,
        artifact=f"sha256:{number}",
        created=BEGIN,
        port=20_000 + sum(name.encode()),
        replicas=replicas,
    )


def static(name: str = "wine") -> ServiceSpec:
    """A service whose arms something else runs."""
    return replace(WINE, name=name, stable_url="http://10.0.0.1:9001", canary_url="http://canary.example:9002/")


NO_MIRROR = UsageError("this proxy can't mirror")
