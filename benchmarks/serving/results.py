"""What was found, as it is written to the JSON file: single measurements, nothing averaged yet."""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run of the client against one server.

    Attributes:
        requests, seconds: answered, in this time.
        p50, p99: milliseconds.
        cpu: milliseconds of the server's whole process tree for each request.
        failed: answers of status 400 and up, broken connections and timeouts.
        busy: share of the server's core that the server used.
        foreign: share of the server's core that others used: anything but a few per cent spoils the figures.
    """

    connections: int
    requests: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    failed: int
    busy: float
    foreign: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One server started, checked, measured and stopped.

    Attributes:
        start: seconds from its exec to its first good answer.
        difference: largest relative difference of its answers to the model's own; None for a constant server.
        idle: share of its core that it uses while nobody asks.
        memory: bytes after the load, of all its processes.
        memory_kind: `PSS`, or `RSS` where pages that processes share could not be divided among them.
        metrics: whether it showed any.
    """

    server: str
    model: str
    repeat: int
    start: float
    difference: float | None
    idle: float
    memory: int
    memory_kind: str
    metrics: bool
    loads: tuple[Load, ...]

    def load(self, connections: int) -> Load | None:
        """The run with so many connections."""
        return next((load for load in self.loads if load.connections == connections), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds to something that a server's start is compared with: `python` (import and load), or `cold` (nothing compiled)."""

    kind: str
    server: str
    model: str
    repeat: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What a server weighs: bytes without bytecode, distributions, and the versions that its models were trained with.

    `model_difference` is the largest relative difference between the predictions of its models and of the first server's.
    """

    server: str
    title: str
    ours: bool
    size: int
    packages: int
    stack: dict[str, str]
    model_difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A server that could not be installed, started or measured, and why; `model` is empty for an installation."""

    server: str
    title: str
    model: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Results:
    """Everything of one run."""

    machine: dict[str, str]
    options: dict[str, object]
    installed: list[Installed] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write all as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    def of(self, server: str, model: str) -> list[Visit]:
        """The visits of a server with a model, in the order of the repeats."""
        found = [visit for visit in self.visits if (visit.server, visit.model) == (server, model)]
        return sorted(found, key=lambda visit: visit.repeat)

    def loads(self, server: str, model: str, connections: int) -> list[Load]:
        """Its runs with so many connections, in the order of the repeats."""
        found = (visit.load(connections) for visit in self.of(server, model))
        return [load for load in found if load is not None]

    def start_seconds(self, kind: str, server: str, model: str) -> list[float]:
        """Seconds of one kind of start, in the order of the repeats."""
        found = [start for start in self.starts if (start.kind, start.server, start.model) == (kind, server, model)]
        return [start.seconds for start in sorted(found, key=lambda start: start.repeat)]

    def peers(self) -> Iterator[Installed]:
        """The servers that aren't ours."""
        return (installed for installed in self.installed if not installed.ours)


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one figure."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """Median and range; None of nothing."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def figures(loads: Sequence[Load], figure: Callable[[Load], float]) -> Spread | None:
    """One figure over several runs."""
    return spread([figure(load) for load in loads])
