"""The gateway's keeper: sees to it that the proxy runs, and that it sends requests to the replicas that there are.

It looks again and again and keeps nothing in mind: what the proxy was asked for is on disk, what runs is in the list of
deployments, and which share the canary gets is the release's affair. A keeper that was killed is missed by nobody; the
next one goes on.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from seatrial.deployments.book import Started
from seatrial.gateway.endpoints import CANARY_SUFFIX, Deployed, check_services
from seatrial.gateway.orders import Answer, Orders, WeightOrder
from seatrial.gateway.routes import Look, Routes
from seatrial.gateway.setup import Setup
from seatrial.ports import Clock, Traffic
from seatrial.records import GatewaySpec, ProxyStatus, SeatrialError, TemporaryError, UsageError

TURN_SECONDS = 0.25
MEND_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
log = logging.getLogger("seatrial.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperMeans:
    """The surroundings of a keeper.

    Attributes:
        read: what the configuration says now; raises SeatrialError where it can't be read.
        open: the proxy of a gateway; nothing is started by that.
        look: what runs.
        orders: of people.
        busy: why a service's share must not be changed by hand, in words; empty if it may.
    """

    read: Callable[[], Setup]
    open: Callable[[GatewaySpec], Traffic]
    look: Look
    orders: Orders
    clock: Clock
    busy: Callable[[str], str] = lambda _: ""


class Keeper:
    """Keeps a project's gateway: call it with the event that ends it, in a thread of its own; a duty of the server.

    Attributes:
        routes: what the release steers by; stays the same however the configuration changes.
    """

    def __init__(self, means: KeeperMeans) -> None:
        self._means = means
        self._setup = Setup()
        self._traffic: Traffic | None = None
        self._troubles: dict[str, str] = {}
        self._pause = self._again_at = 0.0
        self._mended = means.clock.monotonic()
        self.routes = Routes(None, (), means.look, means.clock)

    @property
    def traffic(self) -> Traffic | None:
        """The proxy; None where the project has no services."""
        return self._traffic

    @property
    def setup(self) -> Setup:
        """What it goes by."""
        return self._setup

    def __call__(self, stop: threading.Event) -> None:
        """Keep the gateway until `stop` is set. The proxy runs on."""
        while not stop.is_set():
            self.turn()
            stop.wait(TURN_SECONDS)

    def begin(self) -> None:
        """Know the services before anybody asks for them; to be called before the duties run. Never raises."""
        self._guarded("configuration", self.configure)

    def turn(self) -> None:
        """One round: configuration, orders, proxy, replicas. Trouble with one of them is no trouble for the others."""
        self._guarded("configuration", self.configure)
        if self._traffic is not None:
            if self._means.orders.stopped:
                self._guarded("proxy", self._end_proxy)
            else:
                self._keep_proxy()
                self._guarded("services", self._bring_up_to_date)
        self._guarded("orders", self._obey)

    def configure(self) -> None:
        """Go by the configuration as it is now. Raises SeatrialError for one that can't be gone by; the last one holds."""
        found = self._means.read()
        if found == self._setup:
            return
        check_services(found.services)
        before, now = self._traffic, self._traffic
        if not found.services:
            now = None
        elif before is None or found.gateway != self._setup.gateway:
            now = self._means.open(found.gateway)
            self._pause = self._again_at = 0.0
        if before is not None and before is not now:
            log.info("the gateway's proxy is stopped: the configuration has changed")
            before.stop()
        self._setup, self._traffic = found, now
        self.routes.configure(now, found.services)

    def let_go(self, started: Started) -> None:
        """Before a replica is stopped: nothing new goes to it, and it has answered what it had. Never raises."""
        name = started.name
        service = name if name in self.routes.services else name.removesuffix(CANARY_SUFFIX)
        self.routes.let_go(service, started.cell)

    def status(self) -> ProxyStatus | None:
        """How the proxy is; None where the project has no services."""
        return None if self._traffic is None else self._traffic.status()

    def end(self) -> None:
        """End the proxy after the requests that it holds; the next keeper starts it again."""
        if self._traffic is not None:
            self._traffic.stop()

    def _keep_proxy(self) -> None:
        now = self._means.clock.monotonic()
        if self._traffic is not None and now >= self._again_at:
            self._guarded("proxy", partial(self._see_that_it_runs, self._traffic, now))

    def _see_that_it_runs(self, traffic: Traffic, now: float) -> None:
        before = traffic.status()
        # One that can't be started is not tried four times a second.
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        self._again_at = now + self._pause
        after = traffic.keep()
        self._pause = self._again_at = 0.0
        if not before.running or before.pid != after.pid:
            log.info("the gateway's %s runs at %s, as process %s", after.kind, after.address, after.pid)

    def _end_proxy(self) -> None:
        if self._traffic is not None and self._traffic.status().running:
            self._traffic.stop()
            log.info("the gateway's proxy was stopped, as a person asked for")

    def _bring_up_to_date(self) -> None:
        self._guarded("services that are no more", self.routes.forget_others)
        deployed = self._means.look()
        self.routes.keep_gone({replica.cell for one in deployed.values() for replica in one.replicas})
        mending = self._means.clock.monotonic() - self._mended >= MEND_SECONDS
        for name in self.routes.services:
            self._guarded(f"service {name}", partial(self._refresh, name, deployed, mending=mending))
        if mending:
            self._mended = self._means.clock.monotonic()

    def _refresh(self, name: str, deployed: Mapping[str, Deployed], *, mending: bool) -> None:
        try:
            self._look_after(name, deployed, mending=mending)
        except TemporaryError:
            # That of the proxy itself has been told; it comes into force once that runs.
            if "proxy" not in self._troubles:
                raise

    def _look_after(self, name: str, deployed: Mapping[str, Deployed], *, mending: bool) -> None:
        if not self.routes.refresh(name, deployed) and mending and self.routes.mend(name):
            log.warning("the gateway did something else with requests of %s than it was asked for", name)

    def _obey(self) -> None:
        for order in self._means.orders.waiting():
            self._means.orders.answer(order, self._carried_out(order))

    def _carried_out(self, order: WeightOrder) -> Answer:
        try:
            weigh(self.routes, order.service, order.weight, self._means.busy)
        except SeatrialError as error:
            return Answer(error=error.what, remedy=error.remedy, usage=isinstance(error, UsageError))
        log.info("a person gives the canary of %s %g %% of the requests", order.service, order.weight / 10)
        return Answer()

    def _guarded(self, what: str, do: Callable[[], object]) -> None:
        """Do it; turns are many, and the same trouble is told once."""
        try:
            do()
        except SeatrialError as error:
            if self._troubles.get(what) != str(error):
                log.error("gateway, %s: %s", what, error)  # noqa: TRY400 - it says all there is
            self._troubles[what] = str(error)
        except Exception as error:
            if self._troubles.get(what) != str(error):
                log.exception("gateway, %s", what)
            self._troubles[what] = str(error)
        else:
            self._troubles.pop(what, None)

    @property
    def troubles(self) -> Sequence[str]:
        """What goes wrong, in words."""
        return [f"{what}: {trouble}" for what, trouble in sorted(self._troubles.items())]


def weigh(routes: Routes, service: str, weight: int, busy: Callable[[str], str]) -> None:
    """Give a canary its share by hand. Raises UsageError where a release runs, which would only set it back."""
    routes.service(service)
    reason = busy(service)
    if reason:
        raise UsageError(
            f"the share of {service} can't be changed by hand: {reason}",
            where=service,
            remedy=f"seatrial release watch {service} waits for its end; seatrial release abort {service} ends it",
        )
    routes.steer(service, weight=weight)
