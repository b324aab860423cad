"""What `/metrics` of the gateway tells, read by Prometheus's own parser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from seatrial.gateway.metrics import EDGES, Exposition, Meters, answer, asked_for, render
from seatrial.records import AccessLine, Arm, InForce, PlatformPoint, ProxyStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINE = AccessLine(
    time=NOW,
    service="wine",
    request_id="1",
    method="POST",
    path="/predict",
    status=200,
    seconds=0.004,
    assigned=Arm.STABLE,
    served=Arm.STABLE,
    version="3",
)
POINT = PlatformPoint(
    at=NOW,
    service="wine",
    version="3",
    replica="wine.0",
    cpu_seconds=12.5,
    memory=1 << 20,
    restarts=2,
    cores=0.5,
    labels={"arm": "stable"},
)


@dataclass
class Said:
    """Facts that a test sets."""

    status: ProxyStatus | None = None
    services: Sequence[InForce] = ()
    releases: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[PlatformPoint] = ()

    def proxy(self) -> ProxyStatus | None:
        """As set."""
        return self.status

    def in_force(self) -> Sequence[InForce]:
        """As set."""
        return self.services

    def phases(self) -> Mapping[str, str]:
        """As set."""
        return self.releases

    def platform(self) -> Sequence[PlatformPoint]:
        """As set."""
        return self.points


def samples(meters: Meters, said: Said | None = None, **labels: str) -> dict[str, float]:
    """Every sample of the page as it is written: `name{a="b"}`, with its value."""
    page, _ = render(Exposition(meters, said or Said()), labels)
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def observed(*lines: AccessLine) -> Meters:
    """Meters that saw these lines."""
    meters = Meters()
    for line in lines:
        meters.observe(line)
    return meters


def test_requests_are_counted_by_service_arm_version_and_class() -> None:
    """Those that got no answer are a class of their own."""
    canary = replace(LINE, assigned=Arm.CANARY, served=Arm.CANARY, version="4")
    found = samples(
        observed(LINE, LINE, replace(canary, status=503), replace(canary, status=0, served=None, version="4"))
    )

    name = "seatrial_gateway_requests_total"
    assert {
        f"{name} arm=stable code=2xx service=wine version=3": 2.0,
        f"{name} arm=canary code=5xx service=wine version=4": 1.0,
        f"{name} arm=canary code=none service=wine version=4": 1.0,
    } == {key: value for key, value in found.items() if key.startswith(name)}


def test_a_request_counts_where_it_was_answered() -> None:
    """The figures of a side are those of its replicas, also of what the other side could not take."""
    found = samples(observed(replace(LINE, assigned=Arm.CANARY)))

    assert 1.0 == found["seatrial_gateway_requests_total arm=stable code=2xx service=wine version=3"]


def test_copies_are_not_counted() -> None:
    """Nobody got their answers."""
    assert {} == samples(observed(replace(LINE, mirrored=True)))


@given(st.lists(st.floats(0, 60), max_size=40))
def test_the_histogram_has_every_request_in_its_bucket(seconds: list[float]) -> None:
    """Each bucket counts those that took at most its edge, all classes together; sum and count are right."""
    lines = [replace(LINE, seconds=one, status=200 + 300 * (index % 2)) for index, one in enumerate(seconds)]
    found = samples(observed(*lines))

    name = "seatrial_gateway_request_duration_seconds"
    told = [found.get(f"{name}_bucket arm=stable le={edge!r} service=wine version=3") for edge in EDGES]
    counted = [float(sum(one <= edge for one in seconds)) for edge in EDGES]
    assert (counted if seconds else [None] * len(EDGES)) == told
    if seconds:
        assert len(seconds) == found[f"{name}_count arm=stable service=wine version=3"]
        assert pytest.approx(sum(seconds)) == found[f"{name}_sum arm=stable service=wine version=3"]


def test_shares_proxy_and_releases_are_told_as_they_are() -> None:
    """Shares as numbers from 0 to 1."""
    said = Said(
        status=ProxyStatus(running=True, address="http://127.0.0.1:8080", kind="envoy", restarts=2),
        services=[
            InForce(
                service="wine",
                weight=205,
                mirror=1000,
                stable_version="3",
                canary_version="4",
                stable=("a", "b"),
                canary=("c",),
            )
        ],
        releases={"wine": "stepping"},
    )

    assert {
        "seatrial_gateway_up proxy=envoy": 1.0,
        "seatrial_gateway_restarts_total proxy=envoy": 2.0,
        "seatrial_gateway_weight service=wine": 0.205,
        "seatrial_gateway_mirror service=wine": 1.0,
        "seatrial_gateway_endpoints arm=stable service=wine version=3": 2.0,
        "seatrial_gateway_endpoints arm=canary service=wine version=4": 1.0,
        "seatrial_release_phase phase=stepping service=wine": 1.0,
    } == samples(Meters(), said)


def test_what_replicas_use_is_told_by_version() -> None:
    """CPU, memory and restarts of each; cores only once they are known."""
    whose = " arm=stable replica=wine.0 service=wine version=3"
    said = Said(points=[POINT])

    assert {
        f"seatrial_replica_cpu_seconds_total{whose}": 12.5,
        f"seatrial_replica_cpu_cores{whose}": 0.5,
        f"seatrial_replica_memory_bytes{whose}": float(1 << 20),
        f"seatrial_replica_restarts_total{whose}": 2.0,
    } == samples(Meters(), said)
    assert f"seatrial_replica_cpu_cores{whose}" not in samples(Meters(), Said(points=[replace(POINT, cores=None)]))


def test_a_page_of_one_version_has_nothing_of_another() -> None:
    """And nothing that belongs to none."""
    said = Said(status=ProxyStatus(running=True, address="", kind="envoy"), points=[POINT, replace(POINT, version="4")])
    found = samples(observed(LINE, replace(LINE, version="4")), said, version="4")

    assert [] != list(found)
    assert [] == [key for key in found if "version=4" not in key]


@pytest.mark.parametrize(
    ("path", "query", "labels"),
    [
        ("/metrics", {}, {}),
        ("/metrics", {"version": "4", "arm": "canary", "name[]": "x"}, {"version": "4", "arm": "canary"}),
        ("/metrics-v4", {}, {"version": "4"}),
        ("/metrics-v", {}, None),
        ("/metrics-v4/x", {}, None),
        ("/metricsx", {}, None),
        ("/", {}, None),
    ],
)
def test_the_address_says_what_is_wanted(path: str, query: dict[str, str], labels: dict[str, str] | None) -> None:
    """Everything, or what has certain labels."""
    assert labels == asked_for(path, query)


def test_the_page_is_of_the_kind_that_was_asked_for() -> None:
    """Prometheus's text, or OpenMetrics; another path is no page."""
    whole = Exposition(observed(LINE), Said())
    plain, modern = answer(whole, "/metrics", {}, ""), answer(whole, "/metrics", {}, "application/openmetrics-text")

    assert plain is not None
    assert modern is not None
    assert plain[1].startswith("text/plain")
    assert modern[1].startswith("application/openmetrics-text")
    assert modern[0].endswith(b"# EOF\n")
    assert answer(whole, "/", {}, "") is None
