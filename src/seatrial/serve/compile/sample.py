"""Rows that exercise a model: where a compiled copy would first disagree, if it did.

Half of the values lie where the model changes its answer (on, just below and just above thresholds, in float32's and
float64's neighbours; in encoders' categories), the rest is spread as the training data was, as far as the model tells.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Field, Kind, Signature
from seatrial.serve.compile.landmarks import Floats, Landmarks
from seatrial.serve.model import Rows

STRANGE_TEXT: Final = "never seen in training"
Value = Any
"""A value of a column, as it stands in JSON."""

_NEAR: Final = 0.5
_MISSING: Final = 0.03
_STRANGE: Final = 0.1
_FAR: Final = 3.0


def sample_rows(
    signature: Signature,
    count: int,
    rng: np.random.Generator,
    landmarks: Sequence[Landmarks] = (),
    open_fields: Iterable[str] = (),
) -> Rows:
    """Rows that a model of this signature takes, its example first.

    Args:
        signature: of the form COLUMNS; values keep to its ranges and choices.
        count: how many rows.
        rng: seeded; equal generators give equal rows.
        landmarks: one a field, from `landmarks_of`; empty where nothing is known.
        open_fields: names of encoded fields whose unknown values the model takes.

    Returns:
        `count` lists of Python scalars in the order of the fields.
    """
    known = landmarks or [Landmarks() for _ in signature.fields]
    examples = _example_values(signature)
    taken = set(open_fields)
    columns = [
        _column(each, marks, examples.get(each.name), count, rng, strange=each.name in taken)
        for each, marks in zip(signature.fields, known, strict=True)
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    if count and len(examples) == len(signature.fields):
        rows[0] = [examples[each.name] for each in signature.fields]
    return rows


def stranger(field: Field, marks: Landmarks) -> Value | None:
    """A value that the model's encoders never saw; None where the field isn't encoded or has its choices already."""
    if not marks.categories or field.choices:
        return None
    if field.kind is Kind.STRING:
        return STRANGE_TEXT
    if field.kind is Kind.BOOLEAN:
        return None
    beyond = max((float(each) for each in marks.categories if isinstance(each, (int, float))), default=0.0) + 1
    return int(beyond) if field.kind is Kind.INTEGER else float(beyond)


def _example_values(signature: Signature) -> dict[str, Any]:
    """The example's values by field; empty where there is none or it has another form."""
    example = signature.example
    names = [each.name for each in signature.fields]
    if isinstance(example, Mapping):
        return {name: example[name] for name in names if name in example}
    if isinstance(example, (list, tuple)) and len(example) == len(names):
        return dict(zip(names, example, strict=True))
    return {}


def _column(
    field: Field, marks: Landmarks, example: Value, count: int, rng: np.random.Generator, *, strange: bool
) -> list[Any]:
    values = _values(field, marks, example, count, rng)
    if strange:
        _sprinkle(values, stranger(field, marks), _STRANGE, rng)
        if field.kind is Kind.STRING:  # an empty text is what a graph takes for a missing one
            _sprinkle(values, "", _MISSING, rng)
    if field.optional:
        _sprinkle(values, None if field.kind is Kind.STRING else math.nan, _MISSING, rng)
    return values


def _sprinkle(values: list[Any], value: Value, share: float, rng: np.random.Generator) -> None:
    for index in np.flatnonzero(rng.random(len(values)) < share):
        values[index] = value


def _values(field: Field, marks: Landmarks, example: Value, count: int, rng: np.random.Generator) -> list[Any]:
    choices = list(field.choices) or of_kind(marks.categories, field.kind)
    if choices:
        return [choices[index] for index in rng.integers(len(choices), size=count)]
    if field.kind is Kind.BOOLEAN:
        return [bool(each) for each in rng.integers(2, size=count)]
    if field.kind is Kind.STRING:
        texts = ["", "a", example if isinstance(example, str) else "b"]
        return [texts[index] for index in rng.integers(len(texts), size=count)]
    numbers = _numbers(field, marks, example, count, rng)
    return _integers(numbers, field) if field.kind is Kind.INTEGER else _kept_in_range(numbers, field)


def of_kind(categories: Sequence[Any], kind: Kind) -> list[Any]:
    """Those categories that a field of this kind can hold."""
    wanted: Mapping[Kind, tuple[type, ...]] = {Kind.STRING: (str,), Kind.BOOLEAN: (bool,), Kind.INTEGER: (int,)}
    return [each for each in categories if isinstance(each, wanted.get(kind, (int, float)))]


def _numbers(field: Field, marks: Landmarks, example: Value, count: int, rng: np.random.Generator) -> Floats:
    spread = _spread(field, marks, example, count, rng)
    near = _near_edges(np.concatenate([*marks.edges, *marks.values]) if marks.edges or marks.values else np.empty(0))
    if not near.size:
        return spread
    return np.where(rng.random(count) < _NEAR, rng.choice(near, size=count), spread)


def _near_edges(edges: Floats) -> Floats:
    """Each edge and its neighbours among the floats of 32 and of 64 bits."""
    with np.errstate(over="ignore"):
        single = edges.astype(np.float32)
        singles = [single, np.nextafter(single, np.float32(-np.inf)), np.nextafter(single, np.float32(np.inf))]
        doubles = [edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)]
        near = np.concatenate([*doubles, *(each.astype(np.float64) for each in singles)])
    finite: Floats = near[np.isfinite(near)]
    return finite


def _spread(field: Field, marks: Landmarks, example: Value, count: int, rng: np.random.Generator) -> Floats:
    """Values spread as the training data was: one of the known distributions for each value."""
    draws = [*_draws(field, marks)] or [_around(example)]
    table = np.stack([draw(rng, count) for draw in draws])
    picked: Floats = table[rng.integers(len(draws), size=count), np.arange(count)]
    return picked


Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _draws(field: Field, marks: Landmarks) -> Iterable[Draw]:
    for centre, spread in marks.spreads:
        yield _normal(centre, spread)
        yield _normal(centre, _FAR * spread)
    for low, high in marks.ranges:
        yield _uniform(low, high)
    if field.minimum is not None and field.maximum is not None:
        yield _uniform(field.minimum, field.maximum)
    if marks.edges and not (marks.spreads or marks.ranges):
        edges = np.concatenate(marks.edges)
        yield _normal(float(np.median(edges)), float(np.std(edges)) or 1.0)


def _around(example: Value) -> Draw:
    usable = isinstance(example, (int, float)) and math.isfinite(example)
    centre = float(example) if usable else 0.0
    return _normal(centre, abs(centre) or 1.0)


def _normal(centre: float, spread: float) -> Draw:
    return lambda rng, count: rng.normal(centre, spread, size=count)


def _uniform(low: float, high: float) -> Draw:
    return lambda rng, count: rng.uniform(low, high, size=count)


def _bounds(field: Field) -> tuple[float, float]:
    """The lowest and highest allowed value."""
    low = -np.inf if field.minimum is None else field.minimum
    high = np.inf if field.maximum is None else field.maximum
    return (
        float(np.nextafter(low, np.inf)) if field.exclusive_minimum and math.isfinite(low) else low,
        float(np.nextafter(high, -np.inf)) if field.exclusive_maximum and math.isfinite(high) else high,
    )


def _kept_in_range(numbers: Floats, field: Field) -> list[Any]:
    kept: list[Any] = np.clip(numbers, *_bounds(field)).tolist()
    return kept


_LARGEST_INTEGER: Final = 2.0**53


def _integers(numbers: Floats, field: Field) -> list[Any]:
    low, high = _bounds(field)
    held = np.clip(
        np.rint(numbers), max(math.ceil(max(low, -_LARGEST_INTEGER)), -_LARGEST_INTEGER), min(high, _LARGEST_INTEGER)
    )
    return [math.floor(each) for each in held]
