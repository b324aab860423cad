"""Windows from counters that a Prometheus keeps, for services that something else runs and measures.

What counts is the samples themselves, not `increase()`: windows of any length then add up to what the servers counted.
A window takes the samples after its begin, up to its end, so that it is late by as much as the scrapes are; it is handed
out once all servers were scraped after its end, or have had the time to be.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final, TypeAlias

from seatrial.adapters.metrics.edges import added, common_edges, counts
from seatrial.adapters.metrics.grid import moment, moments
from seatrial.adapters.metrics.prometheus_read import (
    Labels,
    Reading,
    Targets,
    grown,
    read,
    replica_of,
    targets,
    upper_edge,
    without_edge,
)
from seatrial.adapters.prometheus import PrometheusServer
from seatrial.ports import Watched
from seatrial.records import ArmWindow, Part, SourceSpec, UsageError, Window
from seatrial.release.promql import substituted
from seatrial.release.promql_parts import counter_selector, sibling

MOST_WINDOWS: Final = 120
_UNKNOWN_INTERVAL: Final = 15.0
_PROBED: Final = timedelta(minutes=15)
_SLACK: Final = 1.05
_MARGIN: Final = 1.0
_STATUS: Final = ("status", "code", "status_code", "http_status", "http_status_code", "response_code")
_ERROR: Final = "error"
_STATUS_FORM: Final = re.compile(r"[1-5](\d\d|xx)", re.IGNORECASE)
_Growth: TypeAlias = Mapping[Labels, list[float]]


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm's readings; `seconds` is None where the histogram has no sum that can be found."""

    requests: Reading
    errors: Reading
    latency: Reading
    seconds: Reading

    @property
    def all(self) -> tuple[Reading, ...]:
        return (self.requests, self.errors, self.latency, self.seconds)


class PrometheusMetrics:
    """Implements `seatrial.ports.Metrics`.

    Args:
        server: that is asked.
        spec: the PromQL; `$version`, `$service` and `$arm` in quotes are filled in.

    Raises:
        UsageError: windows can't be counted from such a query.
    """

    def __init__(self, server: PrometheusServer, spec: SourceSpec) -> None:
        self._server = server
        self._spec = spec
        self._intervals: dict[str, float] = {}
        for query in filter(None, (spec.requests, spec.errors, spec.latency)):
            counter_selector(query)

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """As `seatrial.ports.Metrics.windows`; of a long time the first windows only.

        Raises:
            UsageError: a query is wrong, servers are scraped less often than a window is long, or the arms' histograms have
                no bucket edge in common.
            TemporaryError: Prometheus does not answer.
        """
        edges = moments(since, until, watched.seconds)[: MOST_WINDOWS + 1]
        if not edges:
            return ()
        interval = self._interval(watched, until)
        grace = (interval or _UNKNOWN_INTERVAL) + _MARGIN
        span = (edges[0], min(until.timestamp(), edges[-1] + grace))
        stable, canary = (self._read(watched, arm, span) for arm in ("stable", "canary"))
        known = targets((*stable.all, *canary.all))
        whole = _whole(edges, known, until.timestamp() - grace)
        layout = _layout(watched, stable, canary)
        every = zip(
            edges,
            _arm_windows(stable, known, edges, layout),
            _arm_windows(canary, known, edges, layout),
            strict=False,
        )
        return tuple(
            Window(
                start=moment(start),
                seconds=watched.seconds,
                weight=0.0,
                stable=one,
                canary=other,
                edges=layout or None,
            )
            for start, one, other in list(every)[:whole]
        )

    def _read(self, watched: Watched, arm: str, span: tuple[float, float]) -> _Arm:
        spec = self._spec
        latency = self._selector(spec.latency, watched, arm)
        return _Arm(
            requests=self._reading(self._selector(spec.requests, watched, arm), span),
            errors=self._reading(self._selector(spec.errors, watched, arm), span),
            latency=self._reading(latency, span),
            seconds=self._reading(sibling(latency, "_bucket", "_sum"), span),
        )

    def _reading(self, selector: str | None, span: tuple[float, float]) -> Reading:
        return read(self._server, selector, *span) if selector else Reading(tracks={})

    def _selector(self, query: str, watched: Watched, arm: str) -> str:
        if not query:
            return ""
        version = watched.canary if arm == "canary" else watched.stable
        names = {"version": version, "service": watched.service, "arm": arm}
        return counter_selector(substituted(query, seconds=watched.seconds, names=names))

    def _interval(self, watched: Watched, until: datetime) -> float | None:
        """Seconds between two scrapes; None while too few samples are there to tell."""
        if watched.release not in self._intervals:
            selectors = {self._selector(self._spec.requests, watched, arm) for arm in ("stable", "canary")}
            found = [gap for selector in selectors for gap in self._gaps(selector, until)]
            if not found:
                return None
            self._intervals = {watched.release: median(found)}
        interval = self._intervals[watched.release]
        if interval > watched.seconds * _SLACK:
            raise UsageError(
                f"Prometheus scrapes these servers every {interval:.2g} s, and windows are {watched.seconds:g} s long",
                where=f"services.{watched.service}.release.window",
                remedy=f"set it to {math.ceil(2 * interval)}s or more, or scrape more often",
            )
        return interval

    def _gaps(self, selector: str, until: datetime) -> list[float]:
        series = self._server.samples(selector, until - _PROBED, until)
        return [
            later - earlier
            for one in series
            for (earlier, _), (later, _) in zip(one.samples, one.samples[1:], strict=False)
        ]


def _whole(edges: Sequence[float], known: Targets, past: float) -> int:
    """How many of the windows nothing can come in for any more.

    A window is whole once every server was scraped after its end; one that is never heard of again, once a whole interval
    has gone by, since a scrape ends before the next one begins.
    """
    heard = min(known.last.values(), default=-float("inf"))
    return sum(1 for end in edges[1:] if end <= past or end < heard)


def _layout(watched: Watched, *arms: _Arm) -> tuple[float, ...]:
    found = [layout for arm in arms for layout in _edges_of(arm.latency)]
    layout = common_edges(found)
    if found and not layout:
        raise UsageError(
            "the histograms of stable and canary have no bucket edge in common",
            where=f"services.{watched.service}.release.source.latency",
            remedy="name the `_bucket` series of one histogram, with the same buckets in both versions",
        )
    return layout


def _edges_of(latency: Reading) -> Iterable[set[float]]:
    found: dict[Labels, set[float]] = {}
    for labels in latency.tracks:
        if (edge := upper_edge(labels)) is not None:
            found.setdefault(without_edge(labels), set()).add(edge)
    return found.values()


def _arm_windows(arm: _Arm, known: Targets, edges: Sequence[float], layout: Sequence[float]) -> Iterable[ArmWindow]:
    requests, errors, latency, seconds = (grown(reading, known, edges) for reading in arm.all)
    for index in range(len(edges) - 1):
        whole = _part(index, requests, errors, latency, layout)
        yield ArmWindow(
            requests=whole.requests,
            errors=_kinds(index, errors),
            latency=whole.latency,
            seconds=sum(steps[index] for steps in seconds.values()) if seconds else None,
            replicas={
                name: _part(index, _of(name, requests), _of(name, errors), _of(name, latency), layout)
                for name in sorted(set(map(replica_of, requests)) - {""})
            },
        )


def _part(index: int, requests: _Growth, errors: _Growth, latency: _Growth, layout: Sequence[float]) -> Part:
    return Part(
        requests=round(sum(steps[index] for steps in requests.values())),
        errors=round(sum(steps[index] for steps in errors.values())),
        latency=counts(_cumulated(index, latency), layout) if layout else {},
    )


def _cumulated(index: int, latency: _Growth) -> dict[float, float]:
    return added({edge: steps[index]} for labels, steps in latency.items() if (edge := upper_edge(labels)) is not None)


def _of(name: str, found: _Growth) -> _Growth:
    return {labels: steps for labels, steps in found.items() if replica_of(labels) == name}


def _kinds(index: int, errors: _Growth) -> dict[str, int]:
    found: dict[str, float] = {}
    for labels, steps in errors.items():
        kind = _kind(dict(labels))
        found[kind] = found.get(kind, 0.0) + steps[index]
    return {kind: round(number) for kind, number in sorted(found.items()) if round(number)}


def _kind(labels: Mapping[str, str]) -> str:
    """`5xx` of a status, or `error`: kinds are few, whatever the labels hold."""
    status = next((labels[name] for name in _STATUS if labels.get(name)), "")
    return f"{status[0]}xx" if _STATUS_FORM.fullmatch(status) else _ERROR
