"""The one record that every form of the report is made from; `report.json` is this record as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from seatrial.records.change import Axis, Change
from seatrial.records.compare import Comparison, Family, Interval
from seatrial.records.measure import CellResult, Package
from seatrial.records.plan import Role
from seatrial.records.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """Latency distribution of one cell, for plotting: quantile levels (0…1) and the latency in seconds at each."""

    levels: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """One cell in the report: what happened to it and the figures for its plots.

    `errors` counts by kind; `lag_p99` is how late the driver itself was, in seconds.
    """

    cell: str
    deployment: str
    version: str
    role: Role
    result: CellResult
    errors: Mapping[str, int] = field(default_factory=dict)
    good: int = 0
    latency: LatencySummary | None = None
    lag_p99: float | None = None
    throughput: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChange:
    """What a change did to a deployment's stack: `changed` pairs baseline's package with candidate's."""

    added: tuple[Package, ...] = ()
    removed: tuple[Package, ...] = ()
    changed: tuple[tuple[Package, Package], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionEffect:
    """How far one axis alone moved one metric: baseline with only that axis from the candidate, minus baseline."""

    deployment: str
    metric: str
    family: Family
    axis: Axis
    effect: float | None
    interval: Interval | None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReport:
    """The verdict on one deployment. `reasons` are sentences, the worst first."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    cells: tuple[CellSummary, ...] = ()
    stack: StackChange | None = None
    attribution: tuple[AttributionEffect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole trial.

    Attributes:
        schema: version of this format; consumers check it.
        complete: False where the trial was interrupted (Ctrl-C, crash) and the report holds what was finished.
        timings: seconds spent per phase (`change`, `plan`, `build`, `deploy`, `drive`, `test`, `compare`, `report`).
        machine: facts of the machine (cores, memory, python, cgroup kind).
        settings: what the driver and judge were told (rate, requests, seed, confidence).
    """

    run: str
    project: str
    seatrial: str
    started: datetime
    ended: datetime
    change: Change
    verdict: Verdict
    headline: str
    deployments: tuple[DeploymentReport, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    timings: Mapping[str, float] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    schema: int = 1
