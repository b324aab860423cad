"""Where an arm's requests can go, as Envoy's clusters.

An arm is one cluster: its own replicas first and, if none of them lives, those of the other arm. A cluster never changes:
its name holds a digest of what it is, so that a change is another cluster beside it, routes move over to that in one step,
and the old one stays, with its requests and their count, until the last of them is answered.
"""

from hashlib import blake2b
from ipaddress import ip_address
from typing import Final, NamedTuple

import msgspec

from seatrial.adapters.traffic.envoy.names import CANARY, COPIES, OWN, STABLE, Json, own, seconds, typed
from seatrial.records import Backend, Endpoint, Routing, ServiceSpec

CONNECT_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 1.0
"""Connections to replicas are closed by us before any server of note closes them (gunicorn after 2 s, most after 5 and more):
a request that meets a connection which is just being closed is lost."""

CHECK_SECONDS: Final = 1.0
UNUSED_CHECK_SECONDS: Final = 2.0
EJECTED_SECONDS: Final = 2.0
WHOLE_ARM: Final = 100_000
"""Per cent by which a side may be short of living replicas before the other one takes a part: one that lives is enough."""

PANIC_PERCENT: Final = 1
"""Where nobody lives at all on either side, requests are tried nevertheless: checks may be wrong. Envoy takes this into
account only where no side has a living replica, so that fail-over does not suffer; 0 would answer 503 instead."""

UNLIMITED: Final = 100_000
_DIGEST_BYTES: Final = 8
_CHECKED_HOST: Final = "localhost"


def clusters_of(routing: Routing) -> dict[str, Json]:
    """The clusters of a service by what they are for: `stable`, `canary`, `copies`."""
    service, canary = routing.service, routing.canary
    stable = _Side(STABLE, routing.stable)
    if canary is None:
        return {STABLE: _cluster(service, STABLE, stable)}
    other = _Side(CANARY, canary)
    found = {STABLE: _cluster(service, STABLE, stable, other), CANARY: _cluster(service, CANARY, other, stable)}
    return found | ({COPIES: _cluster(service, COPIES, other)} if routing.mirror else {})


class _Side(NamedTuple):
    arm: str
    backend: Backend


def _cluster(service: ServiceSpec, role: str, *sides: _Side) -> Json:
    """A cluster whose requests go to the first of these sides that lives."""
    own_side = sides[0]
    hosts = [endpoint.host for side in sides for endpoint in side.backend.endpoints]
    body = typed(
        "config.cluster.v3.Cluster",
        type="STATIC" if all(map(_is_numeric, hosts)) else "STRICT_DNS",
        dns_lookup_family="V4_PREFERRED",
        metadata=own(
            service=service.name,
            arm=own_side.arm,
            version=own_side.backend.version,
            endpoints=[endpoint.name for endpoint in own_side.backend.endpoints],
        ),
        connect_timeout=seconds(CONNECT_SECONDS),
        lb_policy="LEAST_REQUEST",
        load_assignment={
            "cluster_name": OWN,
            "policy": {"overprovisioning_factor": WHOLE_ARM},
            "endpoints": [
                {"priority": priority, "lb_endpoints": _endpoints(side)} for priority, side in enumerate(sides)
            ],
        },
        common_lb_config={"healthy_panic_threshold": {"value": PANIC_PERCENT}},
        typed_extension_protocol_options=_protocol(),
        circuit_breakers=_no_limits(),
        health_checks=[_check(service)],
        outlier_detection=_ejection(),
    )
    digest = blake2b(msgspec.json.encode(body), digest_size=_DIGEST_BYTES).hexdigest()
    return {**body, "name": f"{service.name}/{role}/{digest}"}


def _endpoints(side: _Side) -> list[Json]:
    return [
        _endpoint(endpoint, endpoint.version or side.backend.version, side.arm) for endpoint in side.backend.endpoints
    ]


def _endpoint(endpoint: Endpoint, version: str, arm: str) -> Json:
    """Its `hostname` is its name, by which the admin's lists of hosts call it; requests keep the host they came with."""
    return {
        "endpoint": {
            "address": {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}},
            "hostname": endpoint.name,
            "health_check_config": {
                "hostname": _CHECKED_HOST if _is_numeric(endpoint.host) else f"{endpoint.host}:{endpoint.port}"
            },
        },
        "metadata": own(name=endpoint.name, version=version, arm=arm),
    }


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _protocol() -> Json:
    name = "extensions.upstreams.http.v3.HttpProtocolOptions"
    options = typed(
        name,
        common_http_protocol_options={"idle_timeout": seconds(IDLE_SECONDS)},
        explicit_http_config={"http_protocol_options": {}},
    )
    return {f"envoy.{name}": options}


def _no_limits() -> Json:
    """Envoy's own limits would answer 503 from 1024 requests in flight, and with more than three retries at once."""
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
    return {"thresholds": [{"priority": "DEFAULT", **limits}]}


def _check(service: ServiceSpec) -> Json:
    return {
        "timeout": seconds(CHECK_SECONDS),
        "interval": seconds(CHECK_SECONDS),
        "no_traffic_interval": seconds(UNUSED_CHECK_SECONDS),
        "interval_jitter_percent": 20,
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {
            "path": service.health,
            "host": _CHECKED_HOST,
            "expected_statuses": [{"start": 200, "end": 300}],
        },
    }


def _ejection() -> Json:
    """Replicas that can't be reached or break off are left out for a while, faster than checks find them.

    Answers like 500 never do that: whether a version is too bad is the judge's to say, and it has to see them.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 5,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": seconds(CHECK_SECONDS),
        "base_ejection_time": seconds(EJECTED_SECONDS),
        "max_ejection_time": seconds(5 * EJECTED_SECONDS),
        "max_ejection_percent": 100,
    }
