"""`/metrics` of the gateway: requests by service, arm and version, shares in force, releases, and what replicas use.

Nothing here is judged by; it is for those who draw and alert with Prometheus. Counters begin at zero with each server.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from seatrial.records import AccessLine, InForce, PlatformPoint, ProxyStatus
from seatrial.records.traffic import THOUSAND

EDGES: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0),
)
"""Upper edges of the buckets of latency, in seconds."""

_REPLICA = ("service", "arm", "version", "replica")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whose requests are counted together; `code`: `2xx` … `5xx`, or `none` where no answer was sent."""

    service: str
    arm: str
    version: str
    code: str


@dataclass(slots=True)
class Count:
    """Requests of one kind: in each bucket (the last one lies above all edges), and their seconds added up."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    seconds: float = 0.0


class Meters:
    """Counts requests as they come out of the access log. Safe to use from many threads."""

    def __init__(self) -> None:
        self._counts: dict[Key, Count] = {}
        self._lock = threading.Lock()

    def observe(self, line: AccessLine) -> None:
        """Count one request. A copy does not count: nobody got its answer."""
        if line.mirrored:
            return
        arm = line.served or line.assigned
        key = Key(service=line.service, arm=arm.value, version=line.version, code=_code(line.status))
        with self._lock:
            count = self._counts.setdefault(key, Count())
            count.buckets[bisect_left(EDGES, line.seconds)] += 1
            count.seconds += line.seconds

    def counts(self) -> Mapping[Key, tuple[Sequence[int], float]]:
        """Requests by bucket, not added up, and their seconds."""
        with self._lock:
            return {key: (tuple(count.buckets), count.seconds) for key, count in self._counts.items()}


def _code(status: int) -> str:
    return f"{status // 100}xx" if status else "none"


class Facts(Protocol):
    """What is told beside requests, as it is at the moment of asking."""

    def proxy(self) -> ProxyStatus | None:
        """The proxy; None where there is none."""
        ...

    def in_force(self) -> Sequence[InForce]:
        """What it does with each service's requests; without those that it does not tell."""
        ...

    def phases(self) -> Mapping[str, str]:
        """The phase of the release of each service that is being released."""
        ...

    def platform(self) -> Sequence[PlatformPoint]:
        """What replicas use."""
        ...


class Exposition:
    """Everything that `/metrics` tells, as a collector of `prometheus_client`."""

    def __init__(self, meters: Meters, facts: Facts) -> None:
        self._meters = meters
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """The families of metrics as they are now."""
        yield from _requests(self._meters.counts())
        yield from _proxy(self._facts.proxy())
        yield from _shares(self._facts.in_force())
        yield _phases(self._facts.phases())
        yield from _platform(self._facts.platform())


@dataclass(frozen=True, slots=True)
class _Part:
    """The samples of a collector that have these labels."""

    whole: Exposition
    labels: Mapping[str, str]

    def collect(self) -> Iterator[Metric]:
        for family in self.whole.collect():
            samples = [one for one in family.samples if self.labels.items() <= one.labels.items()]
            if samples:
                family.samples = samples
                yield family


def render(exposition: Exposition, labels: Mapping[str, str], accept: str = "") -> tuple[bytes, str]:
    """The page, and its content type.

    Args:
        exposition: everything.
        labels: only samples with these; empty: all.
        accept: the request's header: Prometheus's text, or OpenMetrics.
    """
    encode, kind = choose_encoder(accept)
    return encode(_Part(exposition, labels) if labels else exposition), kind


def answer(exposition: Exposition, path: str, query: Mapping[str, str], accept: str) -> tuple[bytes, str] | None:
    """What a GET is answered with, and its content type; None: there is no such page."""
    labels = asked_for(path, query)
    return None if labels is None else render(exposition, labels, accept)


def asked_for(path: str, query: Mapping[str, str]) -> Mapping[str, str] | None:
    """The labels that a URL asks for: `/metrics`, `/metrics?version=3`, `/metrics-v3`; None for another path."""
    if path == "/metrics":
        return {name: value for name, value in query.items() if name in {"service", "arm", "version"}}
    version = path.removeprefix("/metrics-v")
    return {"version": version} if version not in {"", path} and "/" not in version else None


def _requests(counts: Mapping[Key, tuple[Sequence[int], float]]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "seatrial_gateway_requests",
        "Requests that were answered or given up.",
        labels=("service", "arm", "version", "code"),
    )
    durations = HistogramMetricFamily(
        "seatrial_gateway_request_duration_seconds",
        "From the first byte of a request to the last one of its answer.",
        labels=("service", "arm", "version"),
    )
    joined: dict[tuple[str, str, str], tuple[list[int], float]] = {}
    for key, (buckets, seconds) in counts.items():
        requests.add_metric((key.service, key.arm, key.version, key.code), sum(buckets))
        whose = (key.service, key.arm, key.version)
        before, spent = joined.get(whose, ([0] * len(buckets), 0.0))
        joined[whose] = ([one + other for one, other in zip(before, buckets, strict=True)], spent + seconds)
    for whose, (buckets, seconds) in joined.items():
        edges = (*map(repr, EDGES), "+Inf")
        durations.add_metric(whose, list(zip(edges, accumulate(buckets), strict=True)), seconds)
    yield requests
    yield durations


def _proxy(status: ProxyStatus | None) -> Iterator[Metric]:
    up = GaugeMetricFamily("seatrial_gateway_up", "Whether the proxy runs.", labels=("proxy",))
    restarts = CounterMetricFamily(
        "seatrial_gateway_restarts", "How often it had to be started again.", labels=("proxy",)
    )
    if status is not None:
        up.add_metric((status.kind,), float(status.running))
        restarts.add_metric((status.kind,), status.restarts)
    yield up
    yield restarts


def _shares(services: Iterable[InForce]) -> Iterator[Metric]:
    weight = GaugeMetricFamily(
        "seatrial_gateway_weight", "The canary's share of requests, 0 to 1.", labels=("service",)
    )
    mirror = GaugeMetricFamily("seatrial_gateway_mirror", "The share that it gets copies of.", labels=("service",))
    endpoints = GaugeMetricFamily(
        "seatrial_gateway_endpoints", "Replicas that take requests.", labels=("service", "arm", "version")
    )
    for one in services:
        weight.add_metric((one.service,), one.weight / THOUSAND)
        mirror.add_metric((one.service,), one.mirror / THOUSAND)
        endpoints.add_metric((one.service, "stable", one.stable_version), len(one.stable))
        endpoints.add_metric((one.service, "canary", one.canary_version), len(one.canary))
    yield weight
    yield mirror
    yield endpoints


def _phases(phases: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily("seatrial_release_phase", "1: the release stands there.", labels=("service", "phase"))
    for service, phase in phases.items():
        family.add_metric((service, phase), 1.0)
    return family


def _platform(points: Iterable[PlatformPoint]) -> Iterator[Metric]:
    cpu = CounterMetricFamily("seatrial_replica_cpu_seconds", "CPU time of the process tree.", labels=_REPLICA)
    cores = GaugeMetricFamily("seatrial_replica_cpu_cores", "CPU that it used lately, in cores.", labels=_REPLICA)
    memory = GaugeMetricFamily("seatrial_replica_memory_bytes", "Memory of the process tree.", labels=_REPLICA)
    restarts = CounterMetricFamily(
        "seatrial_replica_restarts", "How often it failed and was started again.", labels=_REPLICA
    )
    for point in points:
        whose = (point.service, point.labels.get("arm", ""), point.version, point.replica)
        cpu.add_metric(whose, point.cpu_seconds)
        memory.add_metric(whose, point.memory)
        restarts.add_metric(whose, point.restarts)
        if point.cores is not None:
            cores.add_metric(whose, point.cores)
    yield from (cpu, cores, memory, restarts)
