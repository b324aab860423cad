"""From validated parts of the file to records, for the parts that stand in several places."""

from seatrial.config import metrics
from seatrial.config.invalid import InvalidError
from seatrial.config.quantities import parse_figure, parse_margin
from seatrial.config.schema import MetricInput, ResourcesInput, StackInput
from seatrial.records import Direction, Family, MetricSpec, Resources, StackSpec


def environment_text(value: str | float | bool) -> str:  # noqa: FBT001 - YAML has booleans
    """As a shell would have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_resources(given: ResourcesInput) -> Resources:
    """Limits."""
    return Resources(cpu=given.cpu, memory=given.memory)


def to_stack(given: StackInput) -> StackSpec:
    """Where the stack is declared."""
    if given.file == "host":
        return StackSpec(host=True)
    return StackSpec(file=given.file, python=given.python)


def to_metric(name: str, given: MetricInput, key: tuple[str | int, ...]) -> MetricSpec:
    """One metric with what is known of it filled in. Raises InvalidError with its key."""
    facts = _facts(name, given, key)
    direction = given.direction or facts.direction
    margin_text = given.margin if given.margin is not None else ("" if given.limit is not None else facts.margin)
    gate = given.gate if given.gate is not None else bool(margin_text) or given.limit is not None
    if direction is Direction.NONE:
        if gate:
            raise InvalidError(
                key,
                f"metric {name!r} is to be judged, but which way is better isn't known",
                "add direction: higher or lower",
            )
        margin_text = ""
    if gate and not margin_text and given.limit is None:
        raise InvalidError(key, f"metric {name!r} is a gate without margin or limit", "add margin: 5% or limit: …")
    margin, relative = parse_margin(margin_text) if margin_text else (None, False)
    return MetricSpec(
        name=name,
        family=facts.family,
        direction=direction,
        function=given.function or facts.function,
        margin=margin,
        margin_text=margin_text,
        relative=relative,
        floor=_floor(given, facts) if relative else 0.0,
        limit=given.limit,
        gap=given.gap,
        prediction=given.prediction,
        gate=gate,
        sliced=given.sliced,
        unit=facts.unit,
        options=given.options,
    )


def _floor(given: MetricInput, facts: metrics.Known) -> float:
    """The floor that the file names; the built-in one goes with the built-in margin only."""
    if given.floor is not None:
        return given.floor
    return parse_figure(facts.floor) if given.margin is None else 0.0


def _facts(name: str, given: MetricInput, key: tuple[str | int, ...]) -> metrics.Known:
    if given.source == "tests":
        return metrics.Known(Family.TEST, Direction.NONE)
    facts = metrics.known(name, given.function)
    if facts is not None:
        return facts
    if given.function is not None and ":" in given.function:
        return metrics.Known(Family.MODEL, Direction.NONE)
    wanted = given.function or name
    near = metrics.nearest(wanted, metrics.KNOWN)
    raise InvalidError(
        key,
        f"unknown metric {wanted!r}" + (f"; did you mean {near!r}?" if near else ""),
        "use a built-in name, a name in sklearn.metrics, or function: module:function; "
        "a figure that a test stores is declared with from: tests",
    )
