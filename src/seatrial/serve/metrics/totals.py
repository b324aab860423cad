"""From the blocks of all workers and of the past to one number for each series."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from seatrial.serve.metrics.folder import PASSING, View, Worker
from seatrial.serve.metrics.processes import Process, Usage
from seatrial.serve.metrics.slots import Series
from seatrial.serve.metrics.sums import total

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The sum of some series.

    Attributes:
        named: the single slots.
        edges: of the buckets, ascending; empty where there are none.
        cumulated: how many fell at or below each edge, and then all.
    """

    named: Mapping[str, float]
    edges: tuple[float, ...] = ()
    cumulated: tuple[float, ...]

    @property
    def count(self) -> float:
        """How many fell into any bucket."""
        return self.cumulated[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the server as a whole has counted.

    Attributes:
        lasting: blocks of the past and of all workers, by kind: what only grows.
        passing: blocks of the workers that run, by kind.
        running: those workers, with what they use (None where there is no /proc).
        owner: the process that made the folder, where known.
        processes: of all of the server's processes that exist.
    """

    lasting: Mapping[str, Sequence[Series]]
    passing: Mapping[str, Sequence[Series]]
    running: tuple[tuple[Worker, Usage | None], ...]
    owner: Process | None
    processes: Mapping[Process, Usage]

    def lasting_by(self, kind: str, key: Callable[[Mapping[str, str]], Labels]) -> dict[Labels, Tally]:
        """Sums of one kind, by what `key` makes of the labels, sorted."""
        return _by(self.lasting.get(kind, ()), key)

    def passing_by(self, kind: str, key: Callable[[Mapping[str, str]], Labels]) -> dict[Labels, Tally]:
        """The same of what is true of the workers that run."""
        return _by(self.passing.get(kind, ()), key)

    def in_progress(self) -> dict[Labels, float]:
        """Requests that were started and neither answered nor abandoned, by handler and method.

        It is a difference of numbers that are read one after the other, hence at least 0.
        """
        started = self.passing_by("started", route_of)
        done: dict[Labels, float] = defaultdict(float)
        for worker, _ in self.running:
            for series in worker.series:
                done[route_of(series.block.labels)] += _done(series)
        return {route: max(0.0, tally.named["started"] - done[route]) for route, tally in started.items()}

    def connections(self) -> float:
        """Connections that are open."""
        return sum(series.named["connections"] for series in self.passing.get("open", ()))


def gather(view: View, processes: Mapping[Process, Usage]) -> Totals:
    """Everything that `view` holds; workers that `processes` does not show to be running hold no requests any more."""
    running = tuple(
        (worker, processes.get(worker.process))
        for worker in view.workers
        if _runs(worker.process, processes.get(worker.process))
    )
    everything = [*view.past, *(series for worker in view.workers for series in worker.series)]
    return Totals(
        lasting=_by_kind(series for series in everything if series.block.kind not in PASSING),
        passing=_by_kind(series for worker, _ in running for series in worker.series if series.block.kind in PASSING),
        running=running,
        owner=view.owner,
        processes=processes,
    )


def route_of(labels: Mapping[str, str]) -> Labels:
    """Handler and method, empty where a block has none."""
    return (labels.get("handler", ""), labels.get("method", ""))


def merge(series: Sequence[Series]) -> Tally:
    """The sum of blocks of one kind.

    Blocks may have different edges, after a reload with other buckets. The newest block's edges are shown, and a block
    counts at an edge what it has at its own nearest edge below: exact where edges agree, a lower bound elsewhere, never
    going back, and always complete at infinity.
    """
    named: dict[str, list[float]] = defaultdict(list)
    for one in series:
        for name, value in one.named.items():
            named[name].append(value)
    edges = max(series, key=lambda one: one.block.born).block.edges
    cumulated = tuple(map(sum, zip(*(_at(edges, one) for one in series), strict=True)))
    return Tally(named={name: total(values) for name, values in named.items()}, edges=edges, cumulated=cumulated)


def _at(edges: tuple[float, ...], series: Series) -> Sequence[float]:
    if not edges:
        return (0.0,)
    own = tuple(accumulate(series.buckets))
    if series.block.edges == edges:
        return own
    below = (0.0, *own)
    return [*(below[bisect_right(series.block.edges, edge)] for edge in edges), own[-1]]


def _by(series: Iterable[Series], key: Callable[[Mapping[str, str]], Labels]) -> dict[Labels, Tally]:
    groups: dict[Labels, list[Series]] = defaultdict(list)
    for one in series:
        groups[key(one.block.labels)].append(one)
    return {labels: merge(groups[labels]) for labels in sorted(groups)}


def _by_kind(series: Iterable[Series]) -> dict[str, list[Series]]:
    kinds: dict[str, list[Series]] = defaultdict(list)
    for one in series:
        kinds[one.block.kind].append(one)
    return kinds


def _done(series: Series) -> float:
    if series.block.kind == "answers":
        return total(series.buckets)
    return series.named["abandoned"] if series.block.kind == "abandoned" else 0.0


def _runs(process: Process, used: Usage | None) -> bool:
    if not process.started:  # no /proc: there is nothing to ask
        return True
    return used is not None and used.running
