"""From the validated file to the records that the rest of seatrial knows, with defaults and shared keys filled in."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, TypeVar

from pydantic import BaseModel

from seatrial.config import forging, metrics, registering, releasing, retraining
from seatrial.config.invalid import InvalidError
from seatrial.config.parts import environment_text, to_metric, to_resources, to_stack
from seatrial.config.schema import (
    DeploymentInput,
    HealthInput,
    MetricInput,
    RequestsInput,
    ResourcesInput,
    Shared,
    StackInput,
    TestInput,
)
from seatrial.config.whole import ProjectInput
from seatrial.records import (
    BuildSpec,
    DeploymentSpec,
    HealthSpec,
    MetricSpec,
    Project,
    RequestsSpec,
    Slice,
    TestSpec,
)

READY_PATH = "/readyz"
ModelT = TypeVar("ModelT", bound=BaseModel)
_Kind = Literal["behave", "pytest", "locust"]


def to_project(given: ProjectInput, default_name: str) -> Project:
    """The project that the file means. Raises InvalidError with the key that is wrong."""
    if given.base and given.overlay:
        raise InvalidError(("overlay",), "both base and overlay name the baseline", "keep one of them")
    if not given.deployments and not given.services and given.bot is None and not given.retrain:
        raise InvalidError(
            ("deployments",),
            "it names neither deployments nor services",
            "start with `deployments:`; see docs/reference/configuration.md",
        )
    return Project(
        name=given.name or default_name,
        deployments=tuple(_deployments(given)),
        base=given.base,
        overlay=given.overlay,
        axes=given.axes,
        confidence=given.confidence,
        until=given.until,
        seed=given.seed,
        max_cells=given.max_cells,
        registry=registering.to_registry(given.registry),
        promotions=registering.to_promotions(given),
        servings=registering.to_servings(given),
        notify=registering.to_receivers(given.notify),
        sync=registering.to_sync(given.sync),
        gateway=releasing.to_gateway(given.gateway),
        services=releasing.to_services(given.services),
        releases=releasing.to_releases(given.services),
        forge=forging.to_forge(given.forge),
        bot=forging.to_bot(given.bot, given.forge),
        retrainings=retraining.to_retrainings(given, default_name),
        hooks=(given.hooks.host, given.hooks.port),
    )


def _deployments(given: ProjectInput) -> Iterator[DeploymentSpec]:
    """One for each deployment, or for each of its named stacks. Raises InvalidError."""
    taken = set(given.deployments)
    for name, own in given.deployments.items():
        spec = _deployment(name, given, own)
        stacks = {} if own.stack else own.stacks or given.stacks
        if own.stack and own.stacks:
            raise InvalidError(
                ("deployments", name, "stacks"), "both stack and stacks name its software", "keep one of them"
            )
        if not stacks:
            yield spec
        for stack, each in stacks.items():
            if (full := f"{name}-{stack}") in taken:
                raise InvalidError(
                    ("deployments", full),
                    f"{full!r} is also what {name!r} on the stack {stack!r} is called",
                    "rename one",
                )
            yield replace(spec, name=full, stack=to_stack(each))


def _deployment(name: str, shared: ProjectInput, own: DeploymentInput) -> DeploymentSpec:
    requests = _requests(name, shared, own)
    tests = _tests(own.tests if own.tests is not None else shared.tests or ())
    if requests is None and not tests:
        raise InvalidError(
            ("deployments", name),
            f"deployment {name!r} has neither requests nor tests, so nothing would be measured",
            "add requests: {file: …} or tests: […]",
        )
    build = own.build or shared.build
    return DeploymentSpec(
        name=name,
        run=_serve_command(own.serve) if own.serve else own.run,
        served=own.serve is not None,
        url=own.url,
        env={key: environment_text(value) for key, value in (shared.env | own.env).items()},
        resources=to_resources(own.resources or shared.resources or ResourcesInput()),
        stack=to_stack(own.stack or shared.stack or StackInput()),
        build=BuildSpec(run=build.run, inputs=build.inputs, timeout=build.timeout) if build else None,
        health=_health(own.health or shared.health or (HealthInput(path=READY_PATH) if own.serve else HealthInput())),
        requests=requests,
        tests=tests,
        metrics=_metrics(name, shared, own, driven=requests is not None),
    )


def _serve_command(model: str) -> str:
    return f"python -P -m seatrial serve {model} --host 127.0.0.1 --port $PORT"


def _health(given: HealthInput) -> HealthSpec:
    return HealthSpec(path=given.path, deadline=given.deadline)


def _overlaid(shared: ModelT | None, own: ModelT | None) -> ModelT | None:
    """The shared settings with the keys that the deployment itself names laid over them."""
    if shared is None or own is None:
        return own or shared
    return shared.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def _requests(name: str, shared: Shared, own: Shared) -> RequestsSpec | None:
    given: RequestsInput | None = _overlaid(shared.requests, own.requests)
    if given is None:
        return None
    if given.file is None:
        raise InvalidError(
            ("deployments", name, "requests") if own.requests else ("requests",),
            "requests has no file",
            "name the JSON lines or CSV file of requests: file: requests.jsonl",
        )
    return RequestsSpec(
        file=given.file,
        labels=given.labels,
        path=given.path if given.path.startswith("/") else f"/{given.path}",
        method=given.method,
        headers=given.headers,
        body=given.body,
        wrap=given.wrap,
        label=given.label,
        prediction=given.prediction,
        rate=given.rate,
        count=given.count,
        warmup=given.warmup,
        timeout=given.timeout,
        block=given.block,
        concurrent=given.concurrent,
        arrivals=given.arrivals,
        cluster=given.cluster,
        slices=tuple(Slice(column=cut.column, bins=cut.bins) for cut in given.slices),
    )


def _tests(given: tuple[TestInput, ...]) -> tuple[TestSpec, ...]:
    tests: list[TestSpec] = []
    taken: set[str] = set()
    for test in given:
        kind, target = next((k, t) for k, t in _kinds(test) if t is not None)
        name = test.name or kind
        while name in taken:
            name = f"{test.name or kind}-{len(tests) + 1}"
        taken.add(name)
        tests.append(
            TestSpec(
                kind=kind,
                target=target,
                name=name,
                args=test.args,
                stack=test.stack,
                timeout=test.timeout,
                users=test.users,
                spawn_rate=test.spawn_rate,
                run_time=test.run_time,
                host_path=test.host_path,
                env={key: environment_text(value) for key, value in test.env.items()},
            )
        )
    return tuple(tests)


def _kinds(test: TestInput) -> tuple[tuple[_Kind, str | None], ...]:
    return (("behave", test.behave), ("pytest", test.pytest), ("locust", test.locust))


def _metrics(deployment: str, shared: Shared, own: Shared, *, driven: bool) -> tuple[MetricSpec, ...]:
    """The configured metrics first, in their order, then the built-in ones that nobody named, gates only where requests are driven."""
    named: list[MetricSpec] = []
    for name in dict.fromkeys((*shared.metrics, *own.metrics)):
        key: tuple[str | int, ...] = (
            ("deployments", deployment, "metrics", name) if name in own.metrics else ("metrics", name)
        )
        given = _overlaid(shared.metrics.get(name), own.metrics.get(name)) or MetricInput()
        named.append(to_metric(name, given, key))
    taken = {metric.name for metric in named}
    unnamed = (metrics.default_metric(name) for name in metrics.DEFAULT_METRICS if name not in taken)
    return (*named, *(replace(metric, gate=metric.gate and driven) for metric in unnamed))
