"""What Envoy is told about a service, as data: a pure function of the routing, so that it can be tested without Envoy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from seatrial.adapters.traffic.envoy.bootstrap import bootstrap
from seatrial.adapters.traffic.envoy.clusters import clusters_of
from seatrial.adapters.traffic.envoy.names import BOOTSTRAP_FILE, CLUSTERS_FILE, ROUTES_FILE, Json
from seatrial.adapters.traffic.envoy.routes import ServiceRoutes, route_table, routes_of
from seatrial.records import GatewaySpec, Routing

_DIGEST_BYTES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One service, encoded, so that a change of another one costs it nothing.

    Attributes:
        clusters: by name.
        digest: of the routes and of what they are tried by.
    """

    clusters: Mapping[str, msgspec.Raw]
    routes: ServiceRoutes
    digest: str


def render_service(routing: Routing) -> Rendered:
    """What one service needs."""
    clusters = clusters_of(routing)
    names = {role: str(cluster["name"]) for role, cluster in clusters.items()}
    routes = tuple(map(_raw, routes_of(routing, names)))
    order = msgspec.json.encode([routing.service.prefix, *routing.service.hosts])
    return Rendered(
        clusters={str(cluster["name"]): _raw(cluster) for cluster in clusters.values()},
        routes=ServiceRoutes(service=routing.service, routes=routes),
        digest=_digest(order, *map(bytes, routes)),
    )


def clusters_version(names: Sequence[str]) -> str:
    """Version of a set of clusters; their names say what they are."""
    return _digest(*sorted(name.encode() for name in names))


def routes_version(services: Sequence[Rendered]) -> str:
    """Version of the whole table of routes."""
    return _digest(*sorted(f"{one.routes.service.name} {one.digest}".encode() for one in services))


def clusters_file(clusters: Mapping[str, msgspec.Raw]) -> Json:
    """The document from which Envoy reads its clusters."""
    return {"version_info": clusters_version(list(clusters)), "resources": list(clusters.values())}


def routes_file(services: Sequence[Rendered]) -> Json:
    """The document from which Envoy reads its routes."""
    version = routes_version(services)
    return {"version_info": version, "resources": [route_table([one.routes for one in services], version)]}


def render(routings: Sequence[Routing], spec: GatewaySpec, folder: Path) -> dict[str, Json]:
    """All files that Envoy reads, by name; parts of them are encoded already."""
    services = [render_service(routing) for routing in routings]
    clusters = {name: cluster for one in services for name, cluster in one.clusters.items()}
    return {
        BOOTSTRAP_FILE: bootstrap(spec, folder),
        CLUSTERS_FILE: clusters_file(clusters),
        ROUTES_FILE: routes_file(services),
    }


def _raw(value: Json) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()
