"""The parts of the file that are about releases: the gateway, the services behind it, and how each is released."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seatrial.config.invalid import InvalidError
from seatrial.config.quantities import parse_margin
from seatrial.config.schema import (
    GatewayInput,
    ReleaseInput,
    ServiceInput,
    SourceInput,
    StepInput,
    ThresholdInput,
)
from seatrial.records import (
    Arm,
    GatewaySpec,
    JudgePolicy,
    QualityPolicy,
    ReleaseSpec,
    ReleaseStep,
    ServiceSpec,
    SourceSpec,
    StepKind,
    Sticky,
    Threshold,
)
from seatrial.records.traffic import THOUSAND

FIGURES = ("latency_mean_ms", "error_rate", "success_rate", "requests_per_second")
QUANTILES = ("latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms", "latency_p999_ms")


def to_gateway(given: GatewayInput) -> GatewaySpec:
    """The proxy before the services."""
    return GatewaySpec(proxy=given.proxy, host=given.host, port=given.port, binary=given.binary)


def to_services(given: Mapping[str, ServiceInput]) -> tuple[ServiceSpec, ...]:
    """What the gateway answers for. Raises InvalidError where two services would get the same requests."""
    services = tuple(_service(name, service) for name, service in given.items())
    taken: dict[tuple[str, str], str] = {}
    for service in services:
        for host in service.hosts or ("",):
            other = taken.setdefault((host.casefold(), service.prefix), service.name)
            if other != service.name:
                raise InvalidError(
                    ("services", service.name),
                    f"it would get the same requests as {other!r}",
                    "give it another prefix, or hosts of its own",
                )
    return services


def to_releases(given: Mapping[str, ServiceInput]) -> dict[str, ReleaseSpec]:
    """How each service is released, by name. Raises InvalidError for steps or thresholds that can't work."""
    return {name: _release(name, service.release) for name, service in given.items()}


def _service(name: str, given: ServiceInput) -> ServiceSpec:
    if (given.stable is None) != (given.canary is None):
        raise InvalidError(
            ("services", name), "only one of its arms is run by something else", "name both stable and canary, or none"
        )
    sticky = given.sticky
    return ServiceSpec(
        name=name,
        model=given.model or name,
        replicas=given.replicas,
        canary_replicas=given.canary_replicas,
        prefix=given.prefix,
        hosts=given.hosts,
        stable_url=given.stable,
        canary_url=given.canary,
        sticky=None
        if sticky is None
        else Sticky(kind="header" if sticky.header else "cookie", name=sticky.header or sticky.cookie or ""),
        safe_methods=tuple(method.upper() for method in given.safe_methods),
        safe_paths=given.safe_paths,
        timeout=given.timeout,
        retries=given.retries,
        health=given.health,
    )


def _release(name: str, given: ReleaseInput) -> ReleaseSpec:
    return ReleaseSpec(
        stage=given.stage,
        steps=tuple(_steps(name, given.steps)) or ReleaseSpec().steps,
        longest=given.longest,
        at_timeout=given.at_timeout,
        bake=given.bake,
        if_running=given.if_running,
        window=given.window,
        source=_source(given.source),
        policy=_policy(name, given),
        thresholds=tuple(_threshold(name, place, each, given.source) for place, each in enumerate(given.thresholds)),
    )


def _steps(name: str, given: tuple[StepInput, ...]) -> Iterator[ReleaseStep]:
    weights = [place for place, step in enumerate(given) if step.weight]
    if given and not weights:
        raise InvalidError(
            ("services", name, "release", "steps"),
            "without a weight the canary gets no requests, and nothing can be judged",
            "add a step like {weight: 20%, until: decided}",
        )
    for place, step in enumerate(given):
        share = _thousandths(step.mirror if step.mirror is not None else step.weight or 0.0)
        if step.weight is not None and share == THOUSAND:
            raise InvalidError(
                ("services", name, "release", "steps", place, "weight"),
                "with all requests on the canary nothing is left to compare it with",
                "the release promotes it by itself after its last step",
            )
        kind = StepKind.APPROVAL if step.approval else StepKind.WEIGHT if step.mirror is None else StepKind.MIRROR
        last = bool(weights) and place == weights[-1]
        yield ReleaseStep(kind=kind, share=share, dwell=step.dwell, decided=last or step.until == "decided")


def _thousandths(share: float) -> int:
    return round(share * THOUSAND)


def _source(given: SourceInput) -> SourceSpec:
    return SourceSpec(
        kind=given.kind,
        url=given.url or "",
        requests=given.requests or "",
        errors=given.errors or "",
        latency=given.latency or "",
    )


def _policy(name: str, given: ReleaseInput) -> JudgePolicy:
    plain = JudgePolicy()
    margins = dict(plain.margins)
    for metric, text in given.margins.items():
        if text == "off":
            margins[metric] = None
            continue
        margins[metric], relative = parse_margin(text)
        if relative != (metric != "errors"):
            wanted = "a difference, as 0.2pp" if metric == "errors" else "a share of stable's, as 5%"
            raise InvalidError(
                ("services", name, "release", "margins", metric), f"{text!r} is of the wrong kind", f"write {wanted}"
            )
    return replace(
        plain,
        alpha=given.alpha,
        beta=given.beta,
        margins=margins,
        quality=tuple(_quality(name, metric, each.margin) for metric, each in given.quality.items()),
        tolerance=given.tolerance,
        warmup=given.warmup,
        soak=given.soak,
        dispersion=given.dispersion,
        split_margin=plain.split_margin if given.split_margin is None else given.split_margin,
        request_margin=plain.request_margin if given.split_margin is None else given.split_margin,
    )


def _quality(name: str, metric: str, text: str) -> QualityPolicy:
    margin, relative = parse_margin(text)
    if not relative:
        raise InvalidError(
            ("services", name, "release", "quality", metric, "margin"),
            f"{text!r} is not a share of stable's",
            "write for example 3%",
        )
    return QualityPolicy(name=metric, margin=margin, root=metric == "rmse")


def _threshold(name: str, place: int, given: ThresholdInput, source: SourceInput) -> Threshold:
    key = ("services", name, "release", "thresholds", place)
    if given.metric is not None and given.metric not in (*FIGURES, *QUANTILES):
        raise InvalidError(key, f"there is no figure {given.metric!r}", f"known: {', '.join((*FIGURES, *QUANTILES))}")
    if given.query is not None and not (given.url or source.url):
        raise InvalidError(key, "no Prometheus is named that could answer the query", "add url: http://…")
    below = given.below is not None
    value = given.below if given.below is not None else given.above or 0.0
    operator = "<" if below else ">"
    return Threshold(
        name=given.name or f"{given.metric or given.query} {operator} {value:g}",
        metric=given.metric or given.name or "query",
        operator="<" if below else ">",
        value=value,
        arm=Arm(given.arm),
        seconds=given.window,
        samples=given.samples,
        query=given.query or "",
        url=given.url or source.url or "",
    )
