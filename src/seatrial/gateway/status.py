"""How the gateway is, for people: the proxy, what it does with each service's requests, and what is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seatrial.gateway.endpoints import Arms
from seatrial.gateway.keep import Keeper
from seatrial.gateway.routes import Routes
from seatrial.records import Arm, Backend, InForce, ProxyStatus, Routing, SeatrialError, ServiceSpec
from seatrial.records.traffic import THOUSAND
from seatrial.wording.grid import Grid

MISSING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service.

    Attributes:
        prefix, hosts: which requests are its own.
        weight, mirror: thousandths that the gateway was asked to give to the canary.
        in_force: what the proxy says that it does; None where it does not say.
        stable, canary: the arms as they are.
        notes: what is missing or not as it should be, with the remedy.
    """

    name: str
    model: str
    prefix: str
    hosts: tuple[str, ...]
    weight: int
    mirror: int
    stable: Backend
    canary: Backend | None
    in_force: InForce | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """The whole gateway.

    Attributes:
        server: process that keeps it; None if none runs.
        metrics: where `/metrics` is while a server runs.
    """

    proxy: ProxyStatus
    server: int | None
    metrics: str
    services: tuple[ServiceStatus, ...]
    notes: tuple[str, ...] = ()


def gateway_status(keeper: Keeper, *, server: int | None, stopped: bool, metrics: str) -> GatewayStatus | None:
    """How the gateway is; None where the project has no services.

    Args:
        keeper: that goes by the project's configuration; it needs not be the one that keeps the proxy.
        server: process that does.
        stopped: whether a person has ended the proxy.
        metrics: address of `/metrics`.
    """
    proxy = keeper.status()
    if proxy is None:
        return None
    return GatewayStatus(
        proxy=proxy,
        server=server,
        metrics=metrics,
        services=tuple(_service(keeper.routes, service) for service in keeper.routes.services.values()),
        notes=tuple(_notes(proxy, server=server, stopped=stopped)),
    )


def _notes(proxy: ProxyStatus, *, server: int | None, stopped: bool) -> Iterator[str]:
    if proxy.note:
        yield proxy.note
    if stopped:
        yield "the proxy was stopped: seatrial gateway starts it again"
    elif server is None:
        yield "no server runs, so nobody keeps the proxy: seatrial gateway, or seatrial server"
    elif not proxy.running:
        yield "the proxy does not run; the end of .seatrial/server.log says why"


def _service(routes: Routes, service: ServiceSpec) -> ServiceStatus:
    arms, wanted = routes.backends(service.name), routes.wanted(service.name)
    try:
        in_force = routes.in_force(service.name)
    except SeatrialError:
        in_force = None
    weight, mirror = (0, 0) if wanted is None else (wanted.weight, wanted.mirror)
    return ServiceStatus(
        name=service.name,
        model=service.model,
        prefix=service.prefix,
        hosts=service.hosts,
        weight=weight,
        mirror=mirror,
        stable=arms.stable,
        canary=arms.canary,
        in_force=in_force,
        notes=tuple(_service_notes(service, arms, in_force, weight)),
    )


def _service_notes(service: ServiceSpec, arms: Arms, in_force: InForce | None, weight: int) -> Iterator[str]:
    name = service.name
    if not arms.stable.endpoints:
        takes = "all go to the canary" if arms.canary and arms.canary.endpoints else "all are answered with 503"
        yield (
            f"{name} has no stable replica that takes requests, so {takes}: "
            f"seatrial deploy {service.model}@VERSION --name {name} --replicas {service.replicas}"
        )
    if arms.canary is not None and not arms.canary.endpoints and weight:
        yield f"the canary of {name} has no replica that takes requests, so stable gets its {percent(weight)} too"
    if in_force is not None and in_force.weight != weight:
        yield f"{name}: asked for are {percent(weight)} to the canary, in force are {percent(in_force.weight)}"


def status_grid(status: GatewayStatus) -> Grid:
    """One line an arm; the proxy and the notes below."""
    rows = tuple(row for service in status.services for row in _rows(service))
    notes = [note for service in status.services for note in service.notes]
    return Grid(
        headings=("service", "requests of", "arm", "version", "share", "copies", "replicas"),
        rows=rows,
        right=frozenset({"share", "copies"}),
        unwrapped=frozenset({"service", "arm", "version"}),
        below=(_proxy(status.proxy), *_addresses(status), *notes, *status.notes),
    )


def _rows(service: ServiceStatus) -> Iterator[tuple[str, ...]]:
    force = service.in_force
    share = MISSING if force is None else percent(THOUSAND - force.weight)
    whose = ", ".join(service.hosts) + service.prefix
    yield (
        service.name,
        whose,
        Arm.STABLE.value,
        service.stable.version or MISSING,
        share,
        "",
        _replicas(service.stable),
    )
    if service.canary is not None:
        shares = (MISSING, MISSING) if force is None else (percent(force.weight), percent(force.mirror))
        yield ("", "", Arm.CANARY.value, service.canary.version, *shares, _replicas(service.canary))


def _replicas(backend: Backend) -> str:
    """`wine.0.1 at 127.0.0.1:4001`; the version where it is another than its side's."""
    named = (
        f"{one.name} at {one.host}:{one.port}"
        + (f" (version {one.version})" if one.version not in {"", backend.version} else "")
        for one in backend.endpoints
    )
    return ", ".join(named) or "none"


def _proxy(proxy: ProxyStatus) -> str:
    kind = f"{proxy.kind} {proxy.version}".strip()
    if not proxy.running:
        return f"{kind} does not run; it would answer at {proxy.address}"
    again = f", started again {proxy.restarts} times" if proxy.restarts else ""
    return f"{kind} answers at {proxy.address}, as process {proxy.pid}{again}"


def _addresses(status: GatewayStatus) -> Sequence[str]:
    return (f"metrics at {status.metrics}",) if status.server is not None else ()


def routing_lines(routing: Routing) -> Iterator[str]:
    """What the proxy was asked to do with a service's requests, in words."""
    service = routing.service
    yield f"{service.name}: requests of {', '.join(service.hosts)}{service.prefix}"
    for arm, backend in ((Arm.STABLE, routing.stable), (Arm.CANARY, routing.canary)):
        if backend is not None:
            yield f"  {arm.value}: version {backend.version or MISSING}, replicas {_replicas(backend)}"
    yield f"  share of the canary: {percent(routing.weight)}; copies: {percent(routing.mirror)}"
    sticky = "nothing" if service.sticky is None else f"{service.sticky.kind} {service.sticky.name}"
    yield (
        f"  given up after {service.timeout:g} s, tried again {service.retries} times, kept on a side by {sticky}, "
        f"health at {service.health}"
    )
    paths = f", and anything below {', '.join(service.safe_paths)}" if service.safe_paths else ""
    yield f"  may be copied: {', '.join(service.safe_methods) or 'no method'}{paths}"


def percent(thousandths: int) -> str:
    """`20 %`, `0.5 %`."""
    return f"{thousandths / 10:g} %"
