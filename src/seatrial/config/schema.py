"""The parts of `seatrial.yaml`, as pydantic models: the edge where input of users is checked.

Shorthands (a bare string for `stack`, `build`, `health` and `slices`) are widened before validation, so that each
model has one form. `docs/reference/configuration.md` is tested against these models.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from seatrial.config.quantities import (
    parse_bound,
    parse_cpu,
    parse_duration,
    parse_figure,
    parse_margin,
    parse_rate,
    parse_size,
)
from seatrial.records import Direction, Driving, EventKind, ForgeKind, StageGate, Verdict

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


def widen(key: str) -> Callable[[object], object]:
    """Turn a bare string into `{key: string}`."""

    def widened(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return widened


def _share(value: object) -> float:
    """A share as `20%`, `0.5%` or a fraction."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a share is written as 20% or 0.2")  # noqa: TRY004 - pydantic wants ValueError
    share, _ = parse_margin(value)
    if not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not a share from 0% to 100%")
    return share


Share = Annotated[float, BeforeValidator(_share)]
DurationOrNone = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Probability = Annotated[float, Field(gt=0, lt=0.5)]


def _threshold(value: object) -> object:
    """Turn `latency_mean_ms < 500` into its parts."""
    if not isinstance(value, str):
        return value
    found = parse_bound(value)
    if found is None:
        raise ValueError(f"{value!r} is not a threshold; write for example latency_mean_ms < 500")
    metric, sign, figure = found
    return {"metric": metric, "below" if sign == "<" else "above": figure, "name": value}


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
        description="`requirements.txt`, `uv.lock`, `pylock.toml`, `pyproject.toml`, `Pipfile.lock` or `Pipfile`; `host` uses the environment that "
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
    slices: tuple[Annotated[SliceInput, BeforeValidator(widen("column"))], ...] = Field(
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
    env: dict[str, str | int | float | bool] = Field(
        {},
        description="Environment of the test alone; `${NAME}` refers to what seatrial tells the test "
        "(`${STORE_METRICS_PATH}`), else to the caller's.",
    )

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

    stack: Annotated[StackInput, BeforeValidator(widen("file"))] | None = Field(None, description="Software stack.")
    stacks: dict[Name, Annotated[StackInput, BeforeValidator(widen("file"))]] = Field(
        {}, description="Several, by name: the deployment is tried on each, as `DEPLOYMENT-STACK`."
    )
    build: Annotated[BuildInput, BeforeValidator(widen("run"))] | None = Field(None, description="Build command.")
    health: Annotated[HealthInput, BeforeValidator(widen("path"))] | None = Field(None, description="Health check.")
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
    tests: tuple[Annotated[ModelTestInput, BeforeValidator(widen("pytest"))], ...] | None = Field(
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


class GatewayInput(Strict):
    """The proxy before all services of the project."""

    proxy: Literal["envoy", "nginx", "haproxy"] = Field("envoy", description="Which proxy.")
    host: Text = Field("127.0.0.1", description="Address that it listens at.")
    port: Annotated[int, Field(gt=0, lt=65536)] = Field(8080, description="Port that it listens at.")
    binary: Text | None = Field(
        None, description="Path of the proxy's program. Default: Envoy of the `gateway` extra, else the one on PATH."
    )


class StickyInput(Strict):
    """What keeps a user on one side; exactly one of `header` and `cookie`."""

    header: Text | None = Field(None, description="Name of a request header, a user id say.")
    cookie: Text | None = Field(None, description="Name of a cookie; who has none gets one.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.header is None) == (self.cookie is None):
            raise ValueError("stickiness is by exactly one of header and cookie")
        return self


class StepInput(Strict):
    """One step of a release; exactly one of `mirror`, `weight` and `approval`."""

    mirror: Share | None = Field(None, description="Share of the safe requests that the canary gets a copy of.")
    weight: Share | None = Field(None, description="Share of the requests that the canary gets, in steps of 0.1 %.")
    approval: bool = Field(False, description="Wait until a person says `seatrial release approve`.")  # noqa: FBT003
    dwell: DurationOrNone = Field(0.0, alias="for", description="Least time that it lasts.")
    until: Literal["decided"] | None = Field(
        None, description="`decided`: it lasts until the judge says promote. Default of the last weight."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if [self.mirror is not None, self.weight is not None, self.approval].count(True) != 1:
            raise ValueError("a step is exactly one of mirror, weight and approval")
        return self


class QualityInput(Strict):
    """One model metric that labels tell later; a bare margin is `{margin: …}`."""

    margin: Margin = Field("3%", description="How much worse it may be, as a share of stable's.")


class ThresholdInput(Strict):
    """One fixed bound; a bare string is `METRIC < VALUE`."""

    metric: Text | None = Field(None, description="`latency_mean_ms`, `latency_p99_ms`, `error_rate`, `success_rate`….")
    query: Text | None = Field(
        None, description="PromQL in place of a metric; `$window` and `$version` in it are filled in."
    )
    name: Text | None = Field(None, description="Name in the report. Default: as it is written.")
    below: float | None = Field(None, description="It has to stay below this.")
    above: float | None = Field(None, description="It has to stay above this.")
    arm: Literal["stable", "canary"] = Field("canary", description="Whose figure.")
    window: Duration = Field(300.0, description="Length of the trailing window that the figure is of.")
    samples: Annotated[int, Field(ge=0)] = Field(100, description="With fewer requests it says nothing yet.")
    url: Url | None = Field(None, description="Prometheus that answers the query. Default: that of `source`.")

    @model_validator(mode="after")
    def _clear(self) -> Self:
        if (self.metric is None) == (self.query is None):
            raise ValueError("a threshold is of exactly one of metric and query")
        if (self.below is None) == (self.above is None):
            raise ValueError("a threshold has exactly one of below and above")
        return self


class SourceInput(Strict):
    """Where the judge's figures come from; a bare string is the kind."""

    kind: Literal["access-log", "serve", "prometheus"] = Field(
        "access-log", description="The gateway's log, the model servers' own metrics, or a Prometheus server."
    )
    url: Url | None = Field(None, description="Of the Prometheus server.")
    requests: Text | None = Field(None, description="PromQL of the counter of requests, with `$version` in it.")
    errors: Text | None = Field(None, description="PromQL of the counter of requests that failed.")
    latency: Text | None = Field(None, description="PromQL of the histogram's `_bucket` series.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "prometheus" and None in {self.url, self.requests, self.latency}:
            raise ValueError("a prometheus source needs url, requests and latency")
        return self


class ReleaseInput(Strict):
    """How the service is released."""

    stage: Text = Field("Production", description="Stage of the registry that the version gets in the end.")
    steps: tuple[StepInput, ...] = Field(
        (), description="Default: 20 % until the judge has decided (`[{weight: 20%, until: decided}]`)."
    )
    longest: Duration = Field(43200.0, description="It ends without a verdict after this long.")
    at_timeout: Literal["abort", "promote", "pause"] = Field("abort", description="What is done then.")
    bake: DurationOrNone = Field(0.0, description="How long the old version is kept ready after the promotion.")
    if_running: Literal["refuse", "wait", "replace"] = Field(
        "refuse", description="What a release does that finds another of the same service."
    )
    window: Annotated[Duration, Field(ge=1)] = Field(10.0, description="Length of the windows that are judged.")
    source: Annotated[SourceInput, BeforeValidator(widen("kind"))] = Field(
        SourceInput(), description="Where the figures come from."
    )
    alpha: Probability = Field(0.01, description="Largest probability of aborting a canary that is no worse.")
    beta: Probability = Field(0.05, description="Largest probability of promoting one worse than a margin.")
    margins: dict[Literal["latency_p50", "latency_p90", "latency_p99", "errors"], Margin | Literal["off"]] = Field(
        {}, description="How much worse each may be. Default: 5%, 10%, 10% and 0.2pp; `off` drops one."
    )
    quality: dict[Literal["rmse", "mae", "error_rate"], Annotated[QualityInput, BeforeValidator(widen("margin"))]] = (
        Field({}, description="Model metrics from labels that come in later.")
    )
    tolerance: Share = Field(0.03, description="Latency may be worse by so much without being called harm.")
    warmup: DurationOrNone = Field(600.0, description="The canary's first time, which is left out.")
    soak: DurationOrNone = Field(0.0, description="Nothing is promoted earlier.")
    split_margin: Share | None = Field(
        None,
        description="How far the canary's share may be from what was asked for, as a part of it, for promotion. Default: 5 % "
        "of users, 2 % where there is no key to tell them by.",
    )
    dispersion: Annotated[float, Field(ge=1)] | None = Field(
        None, description="Factor on all variances. Default: estimated from sessions and replicas."
    )
    thresholds: tuple[Annotated[ThresholdInput, BeforeValidator(_threshold)], ...] = Field(
        (), description="Fixed bounds beside the statistics: `latency_mean_ms < 500`."
    )


class ServiceInput(Strict):
    """One service that the gateway answers for."""

    model: Name | None = Field(None, description="Its name in the registry. Default: the service's name.")
    replicas: Annotated[int, Field(gt=0, le=256)] = Field(2, description="Replicas of the stable version.")
    canary_replicas: Annotated[int, Field(gt=0, le=256)] = Field(1, description="Replicas of the canary.")
    prefix: Annotated[str, Field(pattern=r"^/")] = Field("/", description="Path prefix of its requests.")
    hosts: tuple[Text, ...] = Field((), description="Host names of its requests. Default: any.")
    stable: Url | None = Field(None, description="Where stable is, if something else runs it.")
    canary: Url | None = Field(None, description="Where the canary is, if something else runs it.")
    sticky: StickyInput | None = Field(None, description="What keeps a user on one side. Default: nothing does.")
    safe_methods: tuple[Text, ...] = Field(
        ("GET", "HEAD", "OPTIONS"), description="Methods whose requests may be mirrored."
    )
    safe_paths: tuple[Annotated[str, Field(pattern=r"^/")], ...] = Field(
        (), description="Prefixes whose requests may be mirrored whatever the method."
    )
    timeout: Duration = Field(15.0, description="A request is given up after this long.")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="How often a request that failed is tried at another replica."
    )
    health: Annotated[str, Field(pattern=r"^/")] = Field(
        "/readyz", description="Path that tells whether a replica lives."
    )
    release: ReleaseInput = Field(ReleaseInput(), description="How it is released.")


RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)+$")]


class ForgeInput(Strict):
    """Where the repository's pull requests are; a bare string is the kind."""

    kind: ForgeKind = Field(
        description="`github`, `gitlab`, `gitea` (Forgejo too), or `local`: the git repository itself."
    )
    url: Url | None = Field(None, description="Of the forge. Default of GitHub and GitLab: their public site.")
    token: Text | None = Field(
        None,
        description="Token, as `${NAME}`. Default: `GITHUB_TOKEN`, `GITLAB_TOKEN` or `GITEA_TOKEN` of the environment.",
    )
    repository: RepositoryName | None = Field(None, description="`owner/name`. Default: that of git's remote `origin`.")
    api: Url | None = Field(None, description="Root of its API, where that can't be told from the URL.")
    app: Annotated[str, BeforeValidator(str), Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = Field(
        None,
        description="Id or client id of a GitHub App that acts in place of a token: the way to check runs for a bot.",
    )
    key: Text | None = Field(
        None, description="File with the App's private key, or `${NAME}` of a variable that holds it."
    )
    reports: Text | None = Field(
        None,
        description="Where `--publish` copies full reports to: a folder, or `s3://bucket/prefix`. Default: nowhere.",
    )
    reports_url: Url | None = Field(None, description="Under which people reach those. Default: they are not linked.")


def _folder(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError(f"{value!r} is not a folder in the repository")
    return value.strip("/") or "."


Folder = Annotated[str, Field(min_length=1), AfterValidator(_folder)]


class WatchedInput(Strict):
    """How the pull requests of one repository are tried."""

    projects: tuple[Folder, ...] = Field((".",), min_length=1, description="Folders that have a configuration.")
    label: Text | None = Field(None, description="Only pull requests with this label. Default: all.")
    forks: bool = Field(
        True,  # noqa: FBT003
        description="Whether who may write can have a fork's pull request tried by `/seatrial run`.",
    )


class BotInput(Strict):
    """What `seatrial server` does for pull requests."""

    repositories: dict[RepositoryName, WatchedInput] = Field(min_length=1, description="Repositories, by `owner/name`.")
    secret: Text = Field(description="That webhooks are signed with, as `${NAME}`.")
    host: Text = Field("127.0.0.1", description="Address for webhooks and pages.")
    port: Annotated[int, Field(ge=0, lt=65536)] = Field(8300, description="Port for webhooks and pages.")
    concurrency: Annotated[int, Field(gt=0, le=64)] = Field(
        1, description="Deployments tried at once by one process; more than one disturb each other."
    )
    url: Url | None = Field(None, description="Under which people reach its pages. Default: comments don't link them.")
    token: Text | None = Field(
        None,
        description="Password of its pages, as `${NAME}`. Without one they are shown on this machine only (webhooks are taken from anywhere).",
    )
    keep: Duration = Field(90 * 86_400.0, description="How long ended trials and their reports are kept.")
