"""What a running Envoy itself says that it does, read from its dump of the configuration in force.

A dump of many services takes Envoy some milliseconds. So it is read again only when the version in force is another one.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from seatrial.adapters.traffic.envoy.admin import ROUTES_VERSION, Admin
from seatrial.adapters.traffic.envoy.names import CANARY, STABLE
from seatrial.records import InForce


class _Facts(msgspec.Struct):
    """seatrial's own, of a route or a cluster."""

    service: str = ""
    forced: str = ""
    arm: str = ""
    version: str = ""
    endpoints: tuple[str, ...] = ()


class _Filters(msgspec.Struct):
    seatrial: _Facts = msgspec.field(default_factory=_Facts)


class _Metadata(msgspec.Struct):
    filter_metadata: _Filters = msgspec.field(default_factory=_Filters)


class _Weighted(msgspec.Struct):
    name: str
    weight: int = 0


class _Split(msgspec.Struct):
    clusters: list[_Weighted] = []


class _Share(msgspec.Struct):
    numerator: int = 0


class _Fraction(msgspec.Struct):
    default_value: _Share = msgspec.field(default_factory=_Share)


class _Policy(msgspec.Struct):
    runtime_fraction: _Fraction = msgspec.field(default_factory=_Fraction)


class _Action(msgspec.Struct):
    cluster: str = ""
    weighted_clusters: _Split = msgspec.field(default_factory=_Split)
    request_mirror_policies: list[_Policy] = []


class _Route(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    route: _Action = msgspec.field(default_factory=_Action)


class _Host(msgspec.Struct):
    routes: list[_Route] = []


class _Table(msgspec.Struct):
    virtual_hosts: list[_Host] = []


class _Routes(msgspec.Struct):
    version_info: str = ""
    route_config: _Table = msgspec.field(default_factory=_Table)


class _RoutesDump(msgspec.Struct):
    configs: list[_Routes] = []


class _Cluster(msgspec.Struct):
    name: str
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Active(msgspec.Struct):
    cluster: _Cluster


class _ClustersDump(msgspec.Struct):
    configs: list[_Active] = []


@dataclass(slots=True, kw_only=True)
class _Dealt:
    """How a service's requests are dealt: to which clusters, and how many are copied."""

    clusters: list[_Weighted] = field(default_factory=list)
    copied: int = 0


class Reading:
    """Reads a running Envoy. Safe to use from many threads."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._lock = threading.Lock()
        self._version = ""
        self._dealt: Mapping[str, _Dealt] = {}
        self._clusters: dict[str, _Facts] = {}

    def read(self, service: str) -> InForce | None:
        """One service; None if Envoy knows none of that name. Raises TemporaryError if it does not answer."""
        with self._lock:
            version = self._admin.texts().get(ROUTES_VERSION, "")
            if not version or version != self._version:
                self._read_routes()
            dealt = self._dealt.get(service)
            return None if dealt is None else self._in_force(service, dealt)

    def _read_routes(self) -> None:
        found = msgspec.json.decode(self._admin.get("/config_dump", resource="dynamic_route_configs"), type=_RoutesDump)
        self._version = found.configs[0].version_info if found.configs else ""
        self._dealt = _dealt(found)
        named = {cluster.name for dealt in self._dealt.values() for cluster in dealt.clusters}
        self._clusters = {name: facts for name, facts in self._clusters.items() if name in named}

    def _in_force(self, service: str, dealt: _Dealt) -> InForce:
        if any(one.name not in self._clusters for one in dealt.clusters):
            self._read_clusters(service)
        sides = {facts.arm: (facts, one.weight) for one in dealt.clusters if (facts := self._clusters.get(one.name))}
        stable, _ = sides.get(STABLE, (_Facts(), 0))
        canary, weight = sides.get(CANARY, (_Facts(), 0))
        return InForce(
            service=service,
            weight=weight,
            mirror=dealt.copied,
            stable_version=stable.version,
            canary_version=canary.version,
            stable=stable.endpoints,
            canary=canary.endpoints,
        )

    def _read_clusters(self, service: str) -> None:
        dump = self._admin.get(
            "/config_dump", resource="dynamic_active_clusters", name_regex=f"^{re.escape(service)}/.*$"
        )
        for one in msgspec.json.decode(dump, type=_ClustersDump).configs:
            self._clusters[one.cluster.name] = one.cluster.metadata.filter_metadata.seatrial


def _dealt(dump: _RoutesDump) -> dict[str, _Dealt]:
    found: dict[str, _Dealt] = {}
    hosts: Sequence[_Host] = [host for config in dump.configs for host in config.route_config.virtual_hosts]
    for route in (route for host in hosts for route in host.routes):
        facts, action = route.metadata.filter_metadata.seatrial, route.route
        if not facts.service or facts.forced:
            continue
        dealt = found.setdefault(facts.service, _Dealt())
        dealt.clusters = action.weighted_clusters.clusters or [_Weighted(name=action.cluster)]
        copied = [policy.runtime_fraction.default_value.numerator // 10 for policy in action.request_mirror_policies]
        dealt.copied = max([dealt.copied, *copied])
    return found
