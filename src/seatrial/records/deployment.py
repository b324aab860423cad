"""The parts of a validated project: stacks, requests, tests, metrics and deployments, with every default filled in.

Durations are seconds, sizes bytes, rates per second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from seatrial.records.compare import Direction, Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits of one cell: `cpu` in cores, `memory` in bytes; None where unlimited."""

    cpu: float | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSpec:
    """Where a software stack is declared.

    `file` is relative to the project (requirements.txt, uv.lock, pylock.toml, pyproject.toml or Pipfile.lock); None means detect;
    `host` in place of a file means the environment that seatrial itself was started from.
    """

    file: str | None = None
    host: bool = False
    python: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """A command that prepares a version (training, say); its products are cached by the digest of `inputs`."""

    run: str
    inputs: tuple[str, ...] = ("**",)
    timeout: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSpec:
    """`path` must answer below 400 within `deadline` seconds of the start."""

    path: str = "/"
    deadline: float = 60.0


class Driving(StrEnum):
    """How arrivals are spaced."""

    UNIFORM = "uniform"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One way to cut the requests: by the values of `column`, or by numeric `bins` (edges, ascending)."""

    column: str
    bins: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsSpec:
    """The requests that every cell gets.

    Attributes:
        file: JSON lines or CSV, relative to the project of the candidate.
        labels: a second file with one label a line, in the same order; None where the labels are in `file`.
        path, method, headers: of the HTTP request.
        body: field of a row that is the JSON body; None sends the whole row without label, id and cluster.
        wrap: where set, the body is sent as `{wrap: body}`.
        label: field of a row that holds the label; None where there are none.
        prediction: dotted path of the prediction in the answer (`prediction`, `outputs.0.value`); empty: the whole answer.
        rate: requests a second, open loop, per cell.
        count: requests per cell; None means each row once; more than rows: the file is repeated.
        warmup: requests sent first and left out of the figures.
        timeout: seconds from the intended send time.
        block: seconds of one turn of a cell; None picks one.
        cluster: field that names the independent unit (user, session); None: each request is its own.
        slices: cuts for the sliced metrics.
    """

    file: str
    labels: str | None = None
    path: str = "/predict"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    wrap: str | None = None
    label: str | None = None
    prediction: str = "prediction"
    rate: float = 50.0
    count: int | None = None
    warmup: int = 20
    timeout: float = 10.0
    block: float | None = None
    concurrent: bool = False
    arrivals: Driving = Driving.UNIFORM
    cluster: str | None = None
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpec:
    """One external test that runs against each cell.

    `target` is the feature's name for behave, a path for pytest and locust. `stack` is `cell`, a requirements file,
    or None for an environment of seatrial's own that holds the runner. `env` is the test's alone; `${NAME}` in it refers to
    what seatrial tells the test and to the caller's environment.
    """

    kind: Literal["behave", "pytest", "locust"]
    target: str
    name: str
    args: tuple[str, ...] = ()
    stack: str | None = None
    timeout: float = 600.0
    users: int = 5
    spawn_rate: float = 5.0
    run_time: float = 10.0
    host_path: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """How one metric is computed and judged.

    Attributes:
        name: as in the report: `accuracy`, `latency_p99`, `errors`, `memory_peak`, or a key that a test stored.
        function: scikit-learn metric name, or `module:function(labels, predictions) -> float`; None for built-ins.
        direction: which way is better.
        margin: how much worse the candidate may be; in the metric's unit, or a fraction of the baseline if `relative`.
        margin_text: the margin as the user wrote it (`5%`, `1pp`, `2ms`).
        floor: least absolute margin of a relative one, so that 10 % of half a millisecond fails nobody.
        limit: value that the candidate must not cross, whatever the baseline.
        gap: how much the largest difference between slices may grow; None does not judge it.
        prediction: dotted path inside the prediction that this metric reads; empty: the prediction itself.
        gate: whether it counts for the verdict.
        sliced: whether it is computed per slice too, with its gap.
    """

    name: str
    family: Family
    direction: Direction
    function: str | None = None
    margin: float | None = None
    margin_text: str = ""
    relative: bool = False
    floor: float = 0.0
    limit: float | None = None
    gap: float | None = None
    prediction: str = ""
    gate: bool = False
    sliced: bool = False
    unit: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """One deployment of the project: how it starts, what it gets and how it is judged.

    Attributes:
        run: the command; None where it already runs at `url`.
        served: the command is seatrial's own model server, whose packages the stack then needs.
    """

    name: str
    run: str | None = None
    served: bool = False
    url: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    stack: StackSpec = StackSpec()
    build: BuildSpec | None = None
    health: HealthSpec = HealthSpec()
    requests: RequestsSpec | None = None
    tests: tuple[TestSpec, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
