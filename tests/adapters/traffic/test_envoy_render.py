"""What Envoy is told, without Envoy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.traffic.envoy.names import BOOTSTRAP_FILE, CLUSTERS_FILE, ROUTES_FILE
from seatrial.adapters.traffic.envoy.render import render, render_service
from seatrial.records import Backend, Endpoint, GatewaySpec, Routing, ServiceSpec, Sticky

HEADER = Sticky(kind="header", name="x-user")
COOKIE = Sticky(kind="cookie", name="visitor")


def made(**changes: Any) -> Routing:
    """The wine service with a canary; changes are the service's or the routing's."""
    own = {name: changes.pop(name) for name in list(changes) if name in Routing.__dataclass_fields__}
    wanted = Routing(
        service=ServiceSpec(name="wine", model="wine", prefix="/wine"),
        stable=Backend(version="1", endpoints=(Endpoint(name="wine.0.1", host="127.0.0.1", port=9001),)),
        canary=Backend(version="2", endpoints=(Endpoint(name="canary.0.1", host="127.0.0.1", port=9002),)),
        weight=200,
    )
    return replace(replace(wanted, service=replace(wanted.service, **changes)), **own)


def rendered(*routings: Routing) -> dict[str, Any]:
    """All files as Envoy would read them."""
    found = render(routings, GatewaySpec(), Path("/gateway"))
    files: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    return files


def hosts(*routings: Routing) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Routes by host, without the gateway's own."""
    (table,) = rendered(*routings)[ROUTES_FILE]["resources"]
    return {host["name"]: [one for one in host["routes"] if "route" in one] for host in table["virtual_hosts"]}


def routes(routing: Routing) -> Sequence[Mapping[str, Any]]:
    """A service's routes without those for testers."""
    return [one for one in hosts(routing)["*"] if "forced" not in one["metadata"]["filter_metadata"]["seatrial"]]


def shares(route: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What each cluster of a route gets, in Envoy's order."""
    weighted = route["route"]["weighted_clusters"]["clusters"]
    return [(one["name"].rpartition("/")[0], one["weight"]) for one in weighted]


def test_the_canary_has_the_first_numbers_of_a_thousand() -> None:
    """So that a growing share keeps those who were in it."""
    (route,) = routes(made(weight=1))

    assert [("wine/canary", 1), ("wine/stable", 999)] == shares(route)


@given(
    weight=st.integers(0, 1000), sticky=st.sampled_from([None, HEADER, COOKIE]), mirror=st.sampled_from([0, 1, 1000])
)
def test_shares_add_up_on_every_route(weight: int, sticky: Sticky | None, mirror: int) -> None:
    """Whatever is asked for, all requests of a service are dealt alike, to clusters that there are."""
    files = rendered(made(weight=weight, sticky=sticky, mirror=mirror, safe_paths=("/wine/predict", "/other")))
    names = {one["name"].rpartition("/")[0] for one in files[CLUSTERS_FILE]["resources"]}
    found = routes(made(weight=weight, sticky=sticky, mirror=mirror, safe_paths=("/wine/predict", "/other")))

    assert {(("wine/canary", weight), ("wine/stable", 1000 - weight))} == {tuple(shares(one)) for one in found}
    assert {"wine/canary", "wine/stable"} | ({"wine/copies"} if mirror else set()) == names


def test_a_weight_changes_no_cluster() -> None:
    """A change of the share is a change of routes alone."""
    one, other = render_service(made(weight=1)), render_service(made(weight=999))

    assert one.clusters == other.clusters
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "change",
    [
        {"health": "/healthz"},
        {"stable": Backend(version="1")},
        {"canary": Backend(version="3", endpoints=(Endpoint(name="canary.0.1", host="127.0.0.1", port=9002),))},
    ],
)
def test_any_other_cluster_has_another_name(change: dict[str, Any]) -> None:
    """A cluster is never changed in place: requests in it, and their count, would be lost."""
    before, after = render_service(made()), render_service(made(**change))

    assert not before.clusters.keys() & after.clusters.keys()


def test_each_arm_fails_over_to_the_other_and_copies_do_not() -> None:
    """Copies of a request must never reach the side that answers it."""
    clusters = {
        one["name"].rpartition("/")[0]: [
            [host["endpoint"]["hostname"] for host in side["lb_endpoints"]]
            for side in one["load_assignment"]["endpoints"]
        ]
        for one in rendered(made(mirror=10))[CLUSTERS_FILE]["resources"]
    }

    assert {
        "wine/stable": [["wine.0.1"], ["canary.0.1"]],
        "wine/canary": [["canary.0.1"], ["wine.0.1"]],
        "wine/copies": [["canary.0.1"]],
    } == clusters


def test_users_are_dealt_by_their_key() -> None:
    """A header's value, a cookie's, and for those without a cookie the id that becomes its value."""
    assert [[{"header": {"header_name": "x-user"}}]] == [
        one["route"]["hash_policy"] for one in routes(made(sticky=HEADER))
    ]
    known, new = routes(made(sticky=COOKIE))

    assert [{"cookie": {"name": "visitor"}}] == known["route"]["hash_policy"]
    assert [{"header": {"header_name": "x-request-id"}}] == new["route"]["hash_policy"]
    (cookie,) = new["response_headers_to_add"]
    assert cookie["header"]["value"].startswith("visitor=%REQ(x-request-id)%; ")
    assert "response_headers_to_add" not in known


def test_without_a_key_nothing_is_hashed() -> None:
    """Each request is dealt on its own."""
    (route,) = routes(made())

    assert "hash_policy" not in route["route"]
    assert "use_hash_policy" not in route["route"]["weighted_clusters"]


def test_only_routes_of_safe_requests_copy() -> None:
    """Safe paths with any method, safe methods with any path, and nothing else; paths of other services are no concern."""
    found = routes(made(mirror=250, safe_paths=("/wine/predict", "/elsewhere"), safe_methods=("GET", "HEAD")))

    assert [
        ({"path_separated_prefix": "/wine/predict", "headers": []}, 2500),
        (
            {
                "path_separated_prefix": "/wine",
                "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}],
            },
            2500,
        ),
        ({"path_separated_prefix": "/wine", "headers": []}, 0),
    ] == [
        (
            one["match"],
            sum(
                policy["runtime_fraction"]["default_value"]["numerator"]
                for policy in one["route"].get("request_mirror_policies", [])
            ),
        )
        for one in found
    ]


def test_a_safe_path_above_the_service_makes_all_of_it_safe() -> None:
    """Not more than the service's own requests are matched by it."""
    found = routes(made(mirror=1000, safe_paths=("/",), safe_methods=()))

    assert ["/wine", "/wine"] == [one["match"]["path_separated_prefix"] for one in found]


def test_retries_are_of_what_was_not_sent() -> None:
    """Unless the service asks for more."""
    policies = [one["route"]["retry_policy"] for retries in (0, 1) for one in routes(made(retries=retries))]

    assert [
        ("connect-failure,reset-before-request", 3),
        ("connect-failure,reset-before-request,5xx,reset", 1),
    ] == [(one["retry_on"], one["num_retries"]) for one in policies]


def test_longer_prefixes_come_first() -> None:
    """Envoy takes the first route that matches."""
    inner = made(name="inner", prefix="/wine/inner", canary=None)
    root = made(name="root", prefix="/", canary=None)

    found = hosts(root, made(canary=None), inner)["*"]

    assert ["inner", "wine", "root"] == list(
        dict.fromkeys(one["metadata"]["filter_metadata"]["seatrial"]["service"] for one in found)
    )


def test_a_hosts_own_services_come_first() -> None:
    """Those for all hosts follow, unless one of its own takes everything."""
    named = made(name="named", prefix="/api", hosts=("A.example",), canary=None)
    whole = made(name="whole", prefix="/", hosts=("b.example",), canary=None)

    found = {
        host: list(dict.fromkeys(one["metadata"]["filter_metadata"]["seatrial"]["service"] for one in routes))
        for host, routes in hosts(made(canary=None), named, whole).items()
    }

    assert {"seatrial.invalid": [], "a.example": ["named", "wine"], "b.example": ["whole"], "*": ["wine"]} == found


def test_the_gateways_doors() -> None:
    """One address that is shared with nobody, and two sockets that only this user can open."""
    boot = rendered()[BOOTSTRAP_FILE]
    gateway, probe = boot["static_resources"]["listeners"]

    assert {"address": "127.0.0.1", "port_value": 8080} == gateway["address"]["socket_address"]
    assert gateway["enable_reuse_port"] is False
    assert [0o600, 0o600] == [door["address"]["pipe"]["mode"] for door in (boot["admin"], probe)]


def test_other_services_change_no_others_text() -> None:
    """The text of a service is made from that service alone, whatever others there are."""
    alone, together = rendered(made()), rendered(made(), made(name="other", prefix="/other"))

    assert all(one in together[CLUSTERS_FILE]["resources"] for one in alone[CLUSTERS_FILE]["resources"])
