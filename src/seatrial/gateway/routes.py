"""Where requests go, as one thing that the keeper, the release and whoever stops a replica all work with.

The keeper says which replicas there are, the release says which share the canary gets, and a replica is let go before it
is stopped. Each changes its part and leaves the others as they are; a lock a service keeps them from undoing each other.
Nothing is kept here that matters: share and mirror are what the proxy was last asked for, so that whoever comes next goes
on with them.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from seatrial.gateway.endpoints import Arms, Deployed, arms_of, canary_of
from seatrial.ports import Clock, Traffic
from seatrial.records import Backend, InForce, Routing, SeatrialError, ServiceSpec, UsageError
from seatrial.records.traffic import THOUSAND

DRAIN_SECONDS = 30.0
"""A replica that still has requests after so long is stopped all the same; it is given some time to answer them even then."""
LOOK_SECONDS = 0.02
UNANSWERED_SECONDS = 1.0
"""So long a replica waits to be stopped where the proxy does not say what it does."""

Look = Callable[[], Mapping[str, Deployed]]
"""All deployments as they are now, by name."""


class Routes:
    """The routing of a project's services. Safe to use from many threads of one process.

    Args:
        traffic: the proxy; None where there are no services.
        services: that it answers for.
        look: what runs.
        clock: for waiting.
    """

    def __init__(self, traffic: Traffic | None, services: Sequence[ServiceSpec], look: Look, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._gone: frozenset[str] = frozenset()
        self._gone_lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._unconfirmed: set[str] = set()
        self.configure(traffic, services)

    def configure(self, traffic: Traffic | None, services: Sequence[ServiceSpec]) -> None:
        """Go on with another proxy or other services: somebody has changed the configuration."""
        self._locks = {service.name: self._locks.get(service.name, threading.Lock()) for service in services}
        self._services = {service.name: service for service in services}
        self._proxy = traffic

    @property
    def services(self) -> Mapping[str, ServiceSpec]:
        """By name."""
        return self._services

    def service(self, name: str) -> ServiceSpec:
        """The service of this name; raises UsageError that says which there are."""
        try:
            return self._services[name]
        except KeyError:
            known = ", ".join(sorted(self._services))
            raise UsageError(
                f"there is no service {name!r}",
                where="seatrial.yaml: services",
                remedy=f"there are {known}" if known else "name one there",
            ) from None

    @property
    def _traffic(self) -> Traffic:
        if self._proxy is None:
            raise UsageError("there is no service", where="seatrial.yaml: services", remedy="name one there")
        return self._proxy

    def backends(self, service: str) -> Arms:
        """Both sides of a service as they are now, whatever the proxy knows of it. Raises UsageError for an unknown one."""
        return arms_of(self.service(service), self._look(), self._gone)

    def wanted(self, service: str) -> Routing | None:
        """What the proxy was last asked for; None before it was asked for anything. Raises UsageError for an unknown one."""
        self.service(service)
        return next((one for one in self._traffic.wanted() if one.service.name == service), None)

    def in_force(self, service: str) -> InForce | None:
        """What the proxy itself says that it does; None if it knows no such service.

        Raises TemporaryError if it does not answer, UsageError for a service that is not in the configuration.
        """
        self.service(service)
        return self._traffic.read(service)

    def steer(self, service: str, *, weight: int | None = None, mirror: int | None = None) -> Routing:
        """Give the canary this share of the requests, and of copies; what was asked for, in force when it returns.

        Args:
            service: name.
            weight: thousandths of the requests; None: as it is.
            mirror: thousandths of the safe requests; None: as it is.

        Raises:
            UsageError: there is no such service, or no canary of it to give anything to; or the proxy can't do it.
            TemporaryError: the proxy does not confirm it. It is kept, and comes into force once the proxy does; the same
                again waits for that again.
        """
        spec = self.service(service)
        _check_share(weight, "a weight")
        _check_share(mirror, "a mirror")
        with self._locks[service]:
            routing = self._routing(spec, weight=weight, mirror=mirror)
            if routing.canary is None and (weight or mirror):
                raise UsageError(
                    f"{service} has no canary that requests could go to",
                    where=canary_of(service),
                    remedy=f"seatrial release start {spec.model}@VERSION, or deploy one: "
                    f"seatrial deploy {spec.model}@VERSION --name {canary_of(service)}",
                )
            self._apply(routing)
            return routing

    def refresh(self, service: str, deployed: Mapping[str, Deployed] | None = None) -> bool:
        """Bring the replicas up to date and leave the share as it is; whether there was anything to change.

        Args:
            service: name.
            deployed: what ran a moment ago, for a first look: is there anything to do at all?

        Raises:
            UsageError: there is no such service, or the proxy can't do what the configuration says of it.
            TemporaryError: the proxy does not confirm it; it is kept, as with `steer`.
        """
        spec = self.service(service)
        if deployed is not None and self._is_so(self._routing(spec, deployed=deployed)):
            return False
        with self._locks[service]:
            # Looked up anew: whoever had the lock may have acted on something newer than what was given.
            routing = self._routing(spec)
            if self._is_so(routing):
                return False
            self._apply(routing)
            return True

    def mend(self, service: str) -> bool:
        """See to it that the proxy does what it was asked for, whoever meddled with it; whether it did something else.

        Raises:
            TemporaryError: the proxy does not answer.
        """
        with self._locks[service]:
            wanted = self.wanted(service)
            if wanted is None or self._traffic.read(service) == in_force_of(wanted):
                return False
            self._apply(wanted)
            return True

    def _is_so(self, routing: Routing) -> bool:
        name = routing.service.name
        return name not in self._unconfirmed and routing == self.wanted(name)

    def _apply(self, routing: Routing) -> None:
        """Ask the proxy for it, and note whether it has confirmed it."""
        self._unconfirmed.add(routing.service.name)
        self._traffic.apply(routing)
        self._unconfirmed.discard(routing.service.name)

    def forget_others(self) -> None:
        """Answer no more for services that are no longer in the configuration."""
        for routing in self._traffic.wanted() if self._proxy is not None else ():
            if routing.service.name not in self._services:
                self._traffic.remove(routing.service.name)

    def let_go(self, service: str, endpoint: str) -> None:
        """Send nothing new to a replica, and wait until it has answered what it has; it is about to be stopped.

        Never raises, and returns after half a minute at the latest: a replica must be able to end whatever the proxy does.

        Args:
            service: name; nothing is done for one that the gateway does not answer for.
            endpoint: name of the replica.
        """
        if service not in self._services:
            return
        try:
            # Whoever takes its place comes first.
            self.refresh(service)
            with self._gone_lock:
                self._gone |= {endpoint}
            self.refresh(service)
            self._wait_for_answers(service, endpoint)
        except SeatrialError:
            self._clock.sleep(UNANSWERED_SECONDS)
        finally:
            with self._gone_lock:
                self._gone |= {endpoint}

    def _wait_for_answers(self, service: str, endpoint: str) -> None:
        deadline = self._clock.monotonic() + DRAIN_SECONDS
        while self._traffic.pending(service, (endpoint,)) and self._clock.monotonic() < deadline:
            self._clock.sleep(LOOK_SECONDS)

    def keep_gone(self, cells: Collection[str]) -> None:
        """Forget those that were let go and are not among these cells any more."""
        with self._gone_lock:
            self._gone &= frozenset(cells)

    def _routing(
        self,
        spec: ServiceSpec,
        *,
        weight: int | None = None,
        mirror: int | None = None,
        deployed: Mapping[str, Deployed] | None = None,
    ) -> Routing:
        """What the proxy shall do: the replicas of now, with the share that was last asked for unless another is given."""
        before = self.wanted(spec.name)
        arms = arms_of(spec, self._look() if deployed is None else deployed, self._gone)
        if before is None:
            before = Routing(service=spec, stable=Backend(version=""))
        alone = arms.canary is None
        return Routing(
            service=spec,
            stable=arms.stable,
            canary=arms.canary,
            weight=_share(before.weight, weight, alone=alone),
            mirror=_share(before.mirror, mirror, alone=alone),
        )


def in_force_of(routing: Routing) -> InForce:
    """What a proxy that does what it was asked for says of it."""
    canary = routing.canary or Backend(version="")
    return InForce(
        service=routing.service.name,
        weight=routing.weight,
        mirror=routing.mirror,
        stable_version=routing.stable.version,
        canary_version=canary.version,
        stable=tuple(endpoint.name for endpoint in routing.stable.endpoints),
        canary=tuple(endpoint.name for endpoint in canary.endpoints),
    )


def _share(before: int, now: int | None, *, alone: bool) -> int:
    if alone:
        return 0
    return before if now is None else now


def _check_share(share: int | None, what: str) -> None:
    if share is not None and not 0 <= share <= THOUSAND:
        raise UsageError(f"{share / 10:g} % can't be {what}", remedy="take 0 to 100 %, in steps of 0.1 %")
