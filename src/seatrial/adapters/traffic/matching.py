"""Which service a request is for, and whether it may be copied: the same rules whatever the proxy.

Proxies match in languages of their own. What they are told is made from these functions' order, and the contract suite
compares them with what they then do.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from seatrial.records import ServiceSpec


def covers(prefix: str, path: str) -> bool:
    """Whether a path is below a prefix: `/wine` has `/wine` and `/wine/predict`, not `/winery`; `/wine/` has what is in it."""
    if prefix.endswith("/"):
        return path.startswith(prefix)
    return path == prefix or path.startswith(f"{prefix}/")


def most_specific_first(services: Iterable[ServiceSpec]) -> list[ServiceSpec]:
    """The order in which prefixes are tried: the longest first."""
    return sorted(services, key=lambda service: (-len(service.prefix), service.name))


def by_host(services: Sequence[ServiceSpec]) -> dict[str, list[ServiceSpec]]:
    """The services that are asked for at each host name, in the order in which they are tried; `*` is any other name.

    At a name of its own a service comes before those that answer to all names; these are left out where one of the
    former takes everything.
    """
    everywhere = most_specific_first(service for service in services if not service.hosts)
    named = sorted((host.casefold(), service.name, service) for service in services for host in service.hosts)
    found: dict[str, list[ServiceSpec]] = {}
    for host, group in groupby(named, key=lambda one: one[0]):
        own = most_specific_first(service for _, _, service in group)
        found[host] = own if own[-1].prefix == "/" else [*own, *everywhere]
    return {**found, "*": everywhere}


def service_for(services: Sequence[ServiceSpec], host: str, path: str) -> ServiceSpec | None:
    """The service that a request is for; None if there is none.

    Args:
        services: all of them.
        host: of the request, with or without a port.
        path: without the query.
    """
    hosts = by_host(services)
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    tried = hosts.get(name.casefold(), hosts["*"])
    return next((service for service in tried if covers(service.prefix, path)), None)


def may_be_mirrored(service: ServiceSpec, method: str, path: str) -> bool:
    """Whether a copy of the request does no harm."""
    return method in service.safe_methods or any(covers(prefix, path) for prefix in service.safe_paths)
