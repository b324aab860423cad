"""Which requests go to which cluster, as Envoy's routes.

The first route that matches is taken, so the order is: what a tester chose by header, requests that may be copied, all
others. The share is a draw from a thousand: the canary has the first `weight` numbers. A user's number is a hash of the
user's key, so that whoever is on the canary's side at 5 % is there at 20 %.

A cookie's first answer counts already: a new user's key is the id of that first request, which is hashed as the key, and
given away as the cookie's value.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from seatrial.adapters.traffic.envoy.names import (
    CANARY,
    COPIES,
    MIRROR_HEADER,
    OWN,
    PROBE_HOST,
    ROUTES,
    STABLE,
    UNIT,
    UNIT_FILTER,
    Json,
    own,
    seconds,
    set_header,
    typed,
)
from seatrial.adapters.traffic.matching import by_host, covers
from seatrial.records import Routing, ServiceSpec
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER, THOUSAND, VERSION_HEADER

COOKIE_SECONDS: Final = 365 * 24 * 3600
UNSENT_RETRIES: Final = 3
UNSENT: Final = "connect-failure,reset-before-request"
"""What is always tried elsewhere: nothing was sent."""

ANY_FAILURE: Final = f"{UNSENT},5xx,reset"
NOT_FOUND: Final = "no service answers here"
_SHARE: Final = "TEN_THOUSAND"
_RETRY: Final = "extensions.retry"


def routes_of(routing: Routing, clusters: Mapping[str, str]) -> list[Json]:
    """The routes of a service.

    Args:
        routing: of it.
        clusters: their names, by what they are for.
    """
    service = routing.service
    forced = [
        _route(service, _match(service.prefix, _exactly(ARM_HEADER, arm)), {"cluster": clusters[arm]}, forced=True)
        for arm in (STABLE, CANARY)
        if arm in clusters
    ]
    kinds = _kinds(service, mirror=routing.mirror if COPIES in clusters else 0)
    return [*forced, *(route for kind in kinds for route in _dealt(routing, clusters, kind))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRoutes:
    """A service and its routes, encoded."""

    service: ServiceSpec
    routes: tuple[msgspec.Raw, ...]


def route_table(services: Sequence[ServiceRoutes], version: str) -> Json:
    """All routes of the gateway, in the order in which they are tried.

    Args:
        services: all of them.
        version: of the table; the gateway's probe answers it, so that one can see that it is in force.
    """
    routes = {one.service.name: one.routes for one in services}
    hosts = by_host([one.service for one in services])
    return typed(
        "config.route.v3.RouteConfiguration",
        name=ROUTES,
        ignore_port_in_host_matching=True,
        response_headers_to_add=[
            set_header(VERSION_HEADER, f"%UPSTREAM_METADATA({OWN}:version)%"),
            set_header(ARM_HEADER, f"%UPSTREAM_METADATA({OWN}:arm)%"),
        ],
        virtual_hosts=[
            {"name": PROBE_HOST, "domains": [PROBE_HOST], "routes": [_always(200, version)]},
            *(
                {
                    "name": host,
                    "domains": [host],
                    "routes": [*(route for one in tried for route in routes[one.name]), _always(404, NOT_FOUND)],
                }
                for host, tried in hosts.items()
            ),
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Requests that are treated alike: how they are recognised, and how many of a thousand are copied."""

    prefix: str
    headers: tuple[Json, ...] = ()
    copied: int = 0


def _kinds(service: ServiceSpec, *, mirror: int) -> Iterator[_Kind]:
    if mirror:
        for path in service.safe_paths:
            if covers(service.prefix, path) or covers(path, service.prefix):
                yield _Kind(prefix=max(path, service.prefix, key=len), copied=mirror)
        methods = "|".join(map(re.escape, service.safe_methods))
        if methods:
            yield _Kind(prefix=service.prefix, headers=(_like(":method", methods),), copied=mirror)
    yield _Kind(prefix=service.prefix)


def _dealt(routing: Routing, clusters: Mapping[str, str], kind: _Kind) -> Iterator[Json]:
    """Routes of requests that are dealt to the arms, and copied."""
    service, sticky = routing.service, routing.service.sticky
    match = _match(kind.prefix, *kind.headers)
    action = _share(routing, clusters) | _copy(clusters, kind.copied)
    if sticky is None:
        yield _route(service, match, action)
    elif sticky.kind == "header":
        action |= {"hash_policy": [{"header": {"header_name": sticky.name}}]}
        yield _route(service, match, action, unit={"header": sticky.name})
    else:
        known = _like("cookie", rf"(.*;\s*)?{re.escape(sticky.name)}=[^;\s].*")
        yield _route(
            service,
            _match(kind.prefix, *kind.headers, known),
            action | {"hash_policy": [{"cookie": {"name": sticky.name}}]},
            unit={"cookie": sticky.name},
        )
        yield _route(
            service,
            match,
            action | {"hash_policy": [{"header": {"header_name": REQUEST_ID_HEADER}}]},
            unit={"header": REQUEST_ID_HEADER},
            cookie=sticky.name,
        )


def _share(routing: Routing, clusters: Mapping[str, str]) -> Json:
    if CANARY not in clusters:
        return {"cluster": clusters[STABLE]}
    shares = {CANARY: routing.weight, STABLE: THOUSAND - routing.weight}
    weighted: Json = {"clusters": [{"name": clusters[arm], "weight": share} for arm, share in shares.items()]}
    return {"weighted_clusters": weighted | ({"use_hash_policy": True} if routing.service.sticky else {})}


def _copy(clusters: Mapping[str, str], mirrored: int) -> Json:
    if not mirrored:
        return {}
    share = {"numerator": mirrored * 10, "denominator": _SHARE}
    policy = {
        "cluster": clusters[COPIES],
        "runtime_fraction": {"default_value": share},
        "request_headers_mutations": [{"append": set_header(MIRROR_HEADER, "1")}],
    }
    return {"request_mirror_policies": [policy]}


def _route(
    service: ServiceSpec,
    match: Json,
    action: Json,
    *,
    unit: Mapping[str, str] | None = None,
    cookie: str = "",
    forced: bool = False,
) -> Json:
    facts = {"service": service.name} | ({"forced": "yes"} if forced else {})
    route: Json = {
        "match": match,
        "metadata": own(**facts),
        "route": {**action, "timeout": seconds(service.timeout), "retry_policy": _retries(service)},
    }
    if unit is not None:
        rule = {**unit, "on_header_present": {"metadata_namespace": OWN, "key": UNIT}}
        to_metadata = typed("extensions.filters.http.header_to_metadata.v3.Config", request_rules=[rule])
        route["typed_per_filter_config"] = {UNIT_FILTER: to_metadata}
    if cookie:
        value = f"{cookie}=%REQ({REQUEST_ID_HEADER})%; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
        route["response_headers_to_add"] = [{"header": {"key": "set-cookie", "value": value}}]
    return route


def _retries(service: ServiceSpec) -> Json:
    """Another replica first, then the other arm; the last retry is always there, so that one is not left untried."""
    count = service.retries or UNSENT_RETRIES
    return {
        "retry_on": ANY_FAILURE if service.retries else UNSENT,
        "num_retries": count,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.010s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": typed(f"{_RETRY}.host.previous_hosts.v3.PreviousHostsPredicate"),
            }
        ],
        "host_selection_retry_max_attempts": 5,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": typed(
                f"{_RETRY}.priority.previous_priorities.v3.PreviousPrioritiesConfig", update_frequency=min(2, count)
            ),
        },
    }


def _match(prefix: str, *headers: Json) -> Json:
    """Requests below a prefix; see `matching.covers`."""
    path = {"prefix": prefix} if prefix.endswith("/") else {"path_separated_prefix": prefix}
    return {**path, "headers": list(headers)}


def _exactly(header: str, value: str) -> Json:
    return {"name": header, "string_match": {"exact": value}}


def _like(header: str, regex: str) -> Json:
    return {"name": header, "string_match": {"safe_regex": {"regex": regex}}}


def _always(status: int, text: str) -> Json:
    """An answer of the gateway's own."""
    return {"match": {"prefix": "/"}, "direct_response": {"status": status, "body": {"inline_string": text}}}
