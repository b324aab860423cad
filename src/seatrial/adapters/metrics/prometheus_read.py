"""One reading of a Prometheus: the counters of both arms over some windows, and what is known of the servers behind them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from seatrial.adapters.metrics.counters import Track, growth
from seatrial.adapters.metrics.grid import moment
from seatrial.adapters.prometheus import PrometheusServer, Series

LOOKBACK: Final = 600.0
_INFINITY: Final = float("inf")
_TARGET: Final = ("job", "instance", "pod")
_BUCKET: Final = "le"

Labels: TypeAlias = tuple[tuple[str, str], ...]
Target: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The series of one selector: their value at the begin, where they had one, and the samples after it."""

    tracks: Mapping[Labels, Track]


def read(server: PrometheusServer, selector: str, begin: float, end: float) -> Reading:
    """Ask for everything between two moments, in seconds since 1970. Raises as `PrometheusServer.ask`."""
    first, last = moment(begin), moment(end)
    bases = {
        _labels(series): series.samples[0][1]
        for series in server.ask(f"last_over_time({selector}[{LOOKBACK:.0f}s])", first)
    }
    samples = {_labels(series): series.samples for series in server.samples(selector, first, last)}
    keys = sorted({*bases, *samples})
    return Reading(tracks={key: Track(base=bases.get(key), samples=samples.get(key, ())) for key in keys})


@dataclass(frozen=True, slots=True)
class Targets:
    """When each server was first and last heard of, in seconds; `first` of one that was there before is minus infinity."""

    first: Mapping[Target, float]
    last: Mapping[Target, float]


def targets(readings: Iterable[Reading]) -> Targets:
    """What several readings over the same windows tell of the servers."""
    first: dict[Target, float] = {}
    last: dict[Target, float] = {}
    for labels, track in (each for reading in readings for each in reading.tracks.items()):
        target = target_of(labels)
        begin = -_INFINITY if track.base is not None else track.samples[0][0]
        end = track.samples[-1][0] if track.samples else -_INFINITY
        first[target] = min(first.get(target, _INFINITY), begin)
        last[target] = max(last.get(target, -_INFINITY), end)
    return Targets(first=first, last=last)


def grown(reading: Reading, known: Targets, edges: Sequence[float]) -> dict[Labels, list[float]]:
    """The growth of each series by window, buckets of one histogram together.

    A series without a past began at zero where its server was heard of before: the first error of a kind makes a new
    series. Where the server is new as well, nobody knows how much it had counted before.
    """
    found: dict[Labels, list[float]] = {}
    for rest, group in _histograms(reading).items():
        begin = min((track.samples[0][0] for track in group.values() if track.samples), default=_INFINITY)
        found |= growth(group, edges, from_zero=known.first[target_of(rest)] < begin)
    return found


def target_of(labels: Labels) -> Target:
    """The server that a series is of, as far as its labels tell."""
    given = dict(labels)
    return tuple(given.get(name, "") for name in _TARGET)


def replica_of(labels: Labels) -> str:
    """The name of the replica that a series is of; empty where it has none."""
    given = dict(labels)
    return given.get("instance") or given.get("pod") or ""


def upper_edge(labels: Labels) -> float | None:
    """Where a bucket ends; None for what is no bucket."""
    try:
        return float(dict(labels)[_BUCKET])
    except (KeyError, ValueError):
        return None


def without_edge(labels: Labels) -> Labels:
    """The labels of the histogram that a bucket is of."""
    return tuple(pair for pair in labels if pair[0] != _BUCKET)


def _labels(series: Series) -> Labels:
    return tuple(sorted(series.labels.items()))


def _histograms(reading: Reading) -> Mapping[Labels, dict[Labels, Track]]:
    groups: dict[Labels, dict[Labels, Track]] = {}
    for labels, track in reading.tracks.items():
        groups.setdefault(without_edge(labels), {})[labels] = track
    return groups
