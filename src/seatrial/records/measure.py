"""What was seen of one cell: its start, every answer, its usage, its tests, and how it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Stage(StrEnum):
    """Where on its way a cell is, or where it failed."""

    CHECKOUT = "checkout"
    STACK = "stack"
    BUILD = "build"
    START = "start"
    DRIVE = "drive"
    TEST = "test"
    MEASURE = "measure"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a cell failed: a row of the report, never a lost row. `exit_status` is negative for a signal, as in subprocess."""

    stage: Stage
    message: str
    exit_status: int | None = None
    log_tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the runtime did about the resources that were asked for.

    `kind` is `cgroup v1`, `cgroup v2` or `none`; `notes` say in words what was asked for and not enforced.
    """

    kind: str
    cpu_enforced: bool = False
    memory_enforced: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePoint:
    """Usage of a process tree at one moment: seconds since the cell's start, CPU seconds used so far, bytes held now."""

    at: float
    cpu_seconds: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A cell's usage over time and how it was read (`cgroup v1`, `cgroup v2` or `psutil`)."""

    source: str
    points: tuple[UsagePoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a deployment was driven with: `digest` of the requests and labels files, `rows` as they are kept in the store."""

    deployment: str
    digest: str
    rows: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One request's fate. The latency counts from the intended send time, so that a stall is not hidden.

    Attributes:
        request: index of the row in the requests file.
        block: index of the turn in which it was sent; the same for every cell.
        sent: intended send time, seconds since the cell's driving began.
        lag: seconds by which the request left later than intended.
        latency: seconds from the intended send time to the last byte of the answer (or to the error).
        status: HTTP status; None if there was no answer.
        error: kind of error (`timeout`, `dns`, `tls`, `redirect`, `connect`, `disconnected`, `http_5xx`, `http_4xx`,
            `not_json`, `no_prediction`, `nan`, `too_large`); None if the answer is good.
        prediction: what was found at the configured path; None if there is an error.
    """

    request: int
    block: int
    sent: float
    lag: float
    latency: float
    status: int | None = None
    error: str | None = None
    prediction: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSamples:
    """All samples of one turn of one cell, with the usage of the cell over that turn (None where unknown)."""

    cell: str
    block: int
    samples: tuple[Sample, ...]
    seconds: float
    cpu_seconds: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed package of a stack."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One case of an external test."""

    name: str
    outcome: Literal["passed", "failed", "error", "skipped"]
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What one external test said about one cell.

    `metrics` is what it wrote to `STORE_METRICS_PATH` (flat, numbers only; text is in `info`), plus what the runner
    itself measured (locust). `junit` is the path of the kept JUnit XML, relative to the run's folder.
    """

    cell: str
    test: str
    kind: str
    passed: bool
    cases: tuple[TestCase, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, str] = field(default_factory=dict)
    junit: str | None = None
    log_tail: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """Everything seen of one cell except its samples, which are too many to travel and stay with the run.

    Attributes:
        ready_seconds: from start to healthy.
        stack_bytes: size of its environment on disk.
        scrape: its own `/metrics`, last value per sample name with labels; empty if it has none.
        log: path of its log, relative to the run's folder.
    """

    cell: str
    stage: Stage
    failure: Failure | None = None
    ready_seconds: float | None = None
    stack_digest: str | None = None
    stack_bytes: int | None = None
    packages: tuple[Package, ...] = ()
    build_seconds: float | None = None
    build_cached: bool = False
    limits: Limits | None = None
    usage: Usage | None = None
    driven_seconds: float = 0.0
    requests: int = 0
    tests: tuple[TestResult, ...] = ()
    scrape: Mapping[str, float] = field(default_factory=dict)
    log: str | None = None
