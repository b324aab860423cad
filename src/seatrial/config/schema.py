"""The shape of `seatrial.yaml`, as pydantic models: the edge where input of users is checked.

Shorthands (a bare string for `stack`, `build`, `health` and `slices`) are widened before validation, so that each
model has one form. `docs/reference/configuration.md` is tested against these models.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from seatrial.config.quantities import (
    parse_cpu,
    parse_duration,
    parse_figure,
    parse_margin,
    parse_rate,
    parse_size,
)
from seatrial.records import Axis, Direction, Driving, EventKind, StageGate, Verdict

Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Cpu = Annotated[float, BeforeValidator(parse_cpu), Field(gt=0)]
Rate = Annotated[float, BeforeValidator(parse_rate), Field(gt=0, le=100_000)]
Figure = Annotated[float, BeforeValidator(parse_figure)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


def _margin(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError("a margin is a number or text such as 5%, 1pp or 2ms")  # noqa: TRY004 - pydantic wants ValueError
    parse_margin(value)
    return str(value)


Margin = Annotated[str, BeforeValidator(_margin)]


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is not an http:// or https:// URL")
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_http_url)]


def _widen(key: str) -> Callable[[object], object]:
    """Turn a bare string into `{key: string}`."""

    def widen(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return widen


class Strict(BaseModel):
    """No key passes unknown, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResourcesInput(Strict):
    """Limits of each cell."""

    cpu: Cpu | None = Field(None, description="Cores, as `1`, `0.5` or `500m`.")
    memory: Size | None = Field(None, description="Memory, as `512Mi` or `2Gi`.")


class StackInput(Strict):
    """The software stack; a bare string is the file, or `host`."""

    file: Text | None = Field(
        None,
        description="`requirements.txt`, `uv.lock`, `pylock.toml` or `pyproject.toml`; `host` uses the environment that "
        "seatrial runs in. Default: the first of pylock.toml, uv.lock, requirements.txt, pyproject.toml that exists, else `host`.",
    )
    python: Text | None = Field(None, description="Python version for the environment, as `3.12`.")


class BuildInput(Strict):
    """A command that prepares a version; a bare string is the command."""

    run: Text = Field(description="Command, without a shell; `$NAME` is filled in from the environment.")
    inputs: tuple[Text, ...] = Field(
        ("**",), description="Patterns of the files that decide whether it must run again."
    )
    timeout: Duration = Field(1800.0, description="It is stopped after this long.")


class HealthInput(Strict):
    """When a deployment counts as ready; a bare string is the path."""

    path: Text = Field("/", description="Must answer with a status below 400.")
    deadline: Duration = Field(60.0, description="From the start until ready.")


class SliceInput(Strict):
    """One way to cut the requests; a bare string is the column."""

    column: Text = Field(description="Field of the request rows.")
    bins: tuple[float, ...] = Field((), description="Ascending edges, for a numeric column.")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.bins) != sorted(set(self.bins)):
            raise ValueError("bins must ascend, without repeats")
        return self


class RequestsInput(Strict):
    """The requests that every cell gets."""

    file: Text | None = Field(None, description="JSON lines, or CSV with a header. Relative to the project.")
    labels: Text | None = Field(None, description="A second file with one label a line, in the order of `file`.")
    path: Text = Field("/predict", description="Path of the HTTP request.")
    method: Literal["GET", "POST", "PUT"] = Field("POST", description="Method of the HTTP request.")
    headers: dict[str, str] = Field(
        {}, description="Further headers; `${NAME}` refers to the caller's environment and is in no report."
    )
    body: Text | None = Field(
        None,
        description="Field that is the JSON body. Default: the row without label, `id` and cluster.",
    )
    wrap: Text | None = Field(None, description="Send the body as `{wrap: body}`.")
    label: Text | None = Field(None, description="Field that holds the label.")
    prediction: str = Field(
        "prediction", description="Dotted path of the prediction in the answer; empty for the whole answer."
    )
    rate: Rate = Field(50.0, description="Requests a second to each cell, open loop, as `50/s`.")
    count: Annotated[int, Field(gt=0)] | None = Field(None, description="Requests per cell. Default: each row once.")
    warmup: Annotated[int, Field(ge=0)] = Field(20, description="Requests sent first and left out of the figures.")
    timeout: Duration = Field(10.0, description="Counted from the intended send time.")
    block: Duration | None = Field(
        None, description="Length of one turn of a cell. Default: chosen from rate and count."
    )
    concurrent: bool = Field(False, description="Drive the cells of a deployment at once instead of in turns.")  # noqa: FBT003
    arrivals: Driving = Field(Driving.UNIFORM, description="`uniform` or `poisson` spacing.")
    cluster: Text | None = Field(None, description="Field that names the independent unit (a user, a session).")
    slices: tuple[Annotated[SliceInput, BeforeValidator(_widen("column"))], ...] = Field(
        (), description="Columns by which the model metrics are also computed, with the gap between slices."
    )


class TestInput(Strict):
    """One external test; exactly one of `behave`, `pytest` and `locust`."""

    behave: Text | None = Field(None, description="Name of a feature or scenario (`behave -i NAME`).")
    pytest: Text | None = Field(None, description="Path of tests.")
    locust: Text | None = Field(None, description="Path of a locustfile, run headless.")
    name: Name | None = Field(None, description="Name in the report. Default: the kind.")
    args: tuple[str, ...] = Field((), description="Further arguments of the runner.")
    stack: Text | None = Field(
        None, description="`cell`, or a requirements file. Default: an environment with the runner and `requests`."
    )
    timeout: Duration = Field(600.0, description="It fails after this long.")
    users: Annotated[int, Field(gt=0)] = Field(5, description="locust: users at once.")
    spawn_rate: Annotated[float, Field(gt=0)] = Field(5.0, description="locust: users started a second.")
    run_time: Duration = Field(10.0, description="locust: how long it runs.")
    host_path: str = Field("", description="locust: path behind the deployment's address, as `/v1`.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.behave, self.pytest, self.locust)) != 1:
            raise ValueError("a test names exactly one of behave, pytest and locust")
        return self


class MetricInput(Strict):
    """How one metric is computed and judged."""

    function: Text | None = Field(
        None, description="Name in `sklearn.metrics`, or `module:function` of (labels, predictions)."
    )
    source: Literal["answers", "tests"] = Field(
        "answers", alias="from", description="`tests`: a figure that an external test stored under this name."
    )
    direction: Direction | None = Field(None, description="`higher`, `lower` or `none`: which way is better.")
    margin: Margin | None = Field(
        None, description="How much worse the candidate may be: `5%` of the baseline, `1pp`, `2ms`, `0.01`."
    )
    floor: Figure | None = Field(None, description="Least absolute value of a relative margin.")
    limit: Figure | None = Field(None, description="Value that the candidate must not cross, whatever the baseline.")
    gap: Figure | None = Field(
        None,
        description="How much the fairness gap (the largest difference between slices) may grow. Default: not judged.",
    )
    gate: bool | None = Field(
        None, description="Whether it counts for the verdict. Default: if it has a margin or a limit."
    )
    sliced: bool = Field(True, description="Whether a model metric is computed per slice.")  # noqa: FBT003
    prediction: str = Field("", description="Dotted path inside the prediction that this metric reads.")
    options: dict[str, Any] = Field({}, description="Keyword arguments of the function.")


class Shared(Strict):
    """Keys that may stand at the top (for all deployments) and in a deployment (for it alone)."""

    stack: Annotated[StackInput, BeforeValidator(_widen("file"))] | None = Field(None, description="Software stack.")
    build: Annotated[BuildInput, BeforeValidator(_widen("run"))] | None = Field(None, description="Build command.")
    health: Annotated[HealthInput, BeforeValidator(_widen("path"))] | None = Field(None, description="Health check.")
    resources: ResourcesInput | None = Field(None, description="Limits.")
    env: dict[str, str | int | float | bool] = Field({}, description="Environment; `${NAME}` refers to the caller's.")
    requests: RequestsInput | None = Field(None, description="Requests to drive.")
    tests: tuple[TestInput, ...] | None = Field(None, description="External tests.")
    metrics: dict[Text, MetricInput] = Field({}, description="Metrics, by name.")


class DeploymentInput(Shared):
    """One deployment: a model to be served, a command that starts it, or the URL where it runs."""

    serve: Text | None = Field(
        None,
        description="Model for `seatrial serve`, which the trial then runs: a file, a folder or `module:Class`. "
        "Options of that command may follow it.",
    )
    run: Text | None = Field(None, description="Command, without a shell. It must listen on 127.0.0.1:$PORT.")
    url: Url | None = Field(None, description="Where it already runs.")

    @model_validator(mode="after")
    def _one_way_to_be_reached(self) -> Self:
        if [self.serve, self.run, self.url].count(None) != 2:  # noqa: PLR2004 - all but one
            raise ValueError("a deployment has exactly one of serve, run and url")
        return self


class StageInput(Strict):
    """One stage of the registry."""

    several: bool = Field(True, description="Whether several versions of a model may hold it at once.")  # noqa: FBT003
    gate: StageGate = Field(
        StageGate.OPEN, description="`open`: people may set it; `promotion`: only a promotion run that passed."
    )
    people: tuple[Text, ...] = Field((), description="Who may set an open stage. Default: everyone.")
    displaced_to: Text | None = Field(
        None, description="Stage of a version whose place a newcomer took. Default: the first stage."
    )


class RegistryInput(Strict):
    """Where models are registered; a bare string is the URL."""

    url: Text | None = Field(
        None,
        description="`postgresql://…`, `sqlite:///…`, or `http(s)://…` of an MLflow server; `${NAME}` refers to the "
        "caller's environment. Default: SQLite in `.seatrial/`.",
    )
    artifacts: Text | None = Field(
        None, description="Folder or `s3://bucket/prefix` for the files of versions. Default: `.seatrial/store`."
    )
    ledger: Text | None = Field(
        None,
        description="With an MLflow server, which keeps no ledger: the database (`postgresql://…`) of the one that all "
        "who move models there share. Default: SQLite in `.seatrial/`.",
    )
    stages: dict[Name, StageInput] | None = Field(
        None,
        description="Stages in their order; the first is where every version begins. Default: None, Staging, and "
        "Production, which one version holds and `promotion` guards.",
    )
    break_glass: bool = Field(
        False,  # noqa: FBT003
        description="Whether people may enter a guarded stage in an emergency, with `--break-glass --reason`.",
    )


class ModelTestInput(Strict):
    """One test of a promotion; exactly one of `pytest` and `behave`. A bare string is the path for pytest."""

    pytest: Text | None = Field(None, description="Path of tests.")
    behave: Text | None = Field(None, description="Name of a feature or scenario.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.pytest is None) == (self.behave is None):
            raise ValueError("a test names exactly one of pytest and behave")
        return self


class ModelInput(Strict):
    """How one registered model is promoted and deployed."""

    deployment: Text | None = Field(
        None, description="Deployment that serves it. Default: the only one, or the one of the model's name."
    )
    path: Text | None = Field(
        None,
        description="Where a version's files are laid in the project before the deployment starts. Default: the path "
        "in its `serve:`.",
    )
    tests: tuple[Annotated[ModelTestInput, BeforeValidator(_widen("pytest"))], ...] | None = Field(
        None,
        description="Tests that get the model's path and URL. Default: `src/model/tests/test_model.py`, if it is there.",
    )


class NotifyInput(Strict):
    """One receiver of messages; a bare string is the URL."""

    url: Text = Field(
        description="URL as apprise has them (`slack://…`, `mailto://…`, `json://…`); `${NAME}` refers to the caller's "
        "environment, which is where secrets belong."
    )
    name: Name | None = Field(None, description="Name in messages about it. Default: its scheme and place.")
    events: tuple[EventKind, ...] = Field((), description="What it wants to hear. Default: everything.")
    verdicts: tuple[Verdict, ...] = Field((), description="Which verdicts it wants to hear. Default: all.")


class SyncInput(Strict):
    """Where the project's code goes; a bare string is the target."""

    target: Text = Field(
        description="A folder, `s3://bucket/prefix` or `databricks://HOST/PATH`; `${NAME}` refers to the caller's environment."
    )
    paths: tuple[Text, ...] = Field(("src/**",), description="Patterns of the files that are copied.")
    folder: Text = Field(
        "ml_apps/{project}/{branch}",
        description="Below the target, with the project's and the branch's name filled in.",
    )


class ProjectInput(Shared):
    """The whole file."""

    name: Name | None = Field(None, description="Name of the project. Default: the folder's.")
    base: Text | None = Field(
        None,
        description="Baseline: a revision or the URL of a service. Default: the merge-base with the default branch.",
    )
    overlay: Text | None = Field(None, description="Folder whose files, laid over the candidate's, make the baseline.")
    axes: dict[Axis, tuple[Text, ...]] = Field({}, description="Path patterns per axis, tried before the defaults.")
    confidence: Annotated[float, Field(ge=0.8, lt=1)] = Field(0.95, description="Of every interval.")
    until: Literal["all", "decided"] = Field("all", description="`decided` stops as soon as the verdict is settled.")
    seed: int = Field(0, description="Of everything random.")
    max_cells: Annotated[int, Field(gt=0, le=1024)] = Field(64, description="Largest number of cells in a plan.")
    deployments: dict[Name, DeploymentInput] = Field(min_length=1, description="Deployments, by name.")
    registry: Annotated[RegistryInput, BeforeValidator(_widen("url"))] = Field(
        RegistryInput(), description="Where models are registered, and their stages."
    )
    models: dict[Name, ModelInput] = Field({}, description="How registered models are promoted and deployed, by name.")
    notify: tuple[Annotated[NotifyInput, BeforeValidator(_widen("url"))], ...] = Field(
        (), description="Who is told of trials, promotions and deployments."
    )
    sync: Annotated[SyncInput, BeforeValidator(_widen("target"))] | None = Field(
        None, description="Where `seatrial sync` copies the project's code."
    )
