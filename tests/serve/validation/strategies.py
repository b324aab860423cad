"""Fields and bodies at random: right ones, nearly right ones, and any JSON at all."""

import math
from typing import Any

from hypothesis import strategies as st

from seatrial.records.serving import Field, Kind

NAMES = st.sampled_from(["a", "b", "pH", "inputs", "instances", "fixed acidity", 'q"uote', "ä", "f0", ""])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.floats(min_value=-10, max_value=10)
JSON_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 20), st.integers(), FLOATS, SMALL, st.text(max_size=5), NAMES
)
ANY_JSON = st.recursive(
    JSON_SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def _edges(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted((draw(SMALL), draw(SMALL)))
    edges: dict[str, Any] = {}
    if draw(st.booleans()):
        edges |= {"minimum": low, "exclusive_minimum": draw(st.booleans())}
    if draw(st.booleans()):
        edges |= {"maximum": high, "exclusive_maximum": draw(st.booleans())}
    return edges


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    """One field of any kind, range, choice and dtype."""
    kind = draw(st.sampled_from(Kind))
    optional = draw(st.booleans())
    if kind is Kind.NUMBER:
        dtype = draw(st.sampled_from(["float64", "float32", "float16", "int64"]))
        choices = draw(st.sampled_from([(), (), (1.5, 2.0, 3)])) if dtype == "float64" else ()
        return Field(name=name, dtype=dtype, choices=choices, optional=optional, **_edges(draw))
    if kind is Kind.INTEGER:
        dtype = draw(st.sampled_from(["int64", "uint64", "int8", "uint8", "float64"]))
        choices = draw(st.sampled_from([(), (), (1, 2, 3)]))
        return Field(name=name, kind=kind, dtype=dtype, choices=choices, optional=optional, **_edges(draw))
    if kind is Kind.BOOLEAN:
        choices = draw(st.sampled_from([(), (), (True,)]))
        return Field(name=name, kind=kind, dtype="bool", choices=choices, optional=optional)
    choices = draw(st.sampled_from([(), ("x", "red", 'q"')]))
    return Field(name=name, kind=kind, dtype="object", choices=choices, optional=optional)


@st.composite
def signatures(draw: st.DrawFn) -> tuple[Field, ...]:
    """The fields of a model."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return tuple(draw(fields(name)) for name in names)


@st.composite
def values(draw: st.DrawFn, field: Field) -> Any:
    """Mostly right for `field`, or just beyond."""
    likely: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.NUMBER: SMALL
        | FLOATS
        | st.integers(-300, 300)
        | st.sampled_from([*field.choices, 65504.0, 3.4028235e38, 0]),
        Kind.INTEGER: st.integers(-300, 300)
        | st.integers(2**63 - 2, 2**63 + 1)
        | st.integers(2**64 - 2, 2**64)
        | st.integers(-10, 10).map(float)
        | st.sampled_from([*field.choices, 0]),
        Kind.BOOLEAN: st.booleans(),
        Kind.STRING: st.text(max_size=3) | st.sampled_from([*field.choices, "x"]),
    }
    edges = [edge for edge in (field.minimum, field.maximum) if edge is not None]
    if edges and draw(st.integers(0, 3)) == 0:
        edge = draw(st.sampled_from(edges))
        return draw(st.sampled_from([edge, math.nextafter(edge, math.inf), math.nextafter(edge, -math.inf)]))
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON_SCALARS)
    return draw(likely[field.kind])


@st.composite
def items(draw: st.DrawFn, signature: tuple[Field, ...]) -> Any:
    """Mostly a row of `signature`, by name or by position."""
    if draw(st.integers(0, 9)) == 0:
        return draw(ANY_JSON)
    row = {field.name: draw(values(field)) for field in signature}
    if draw(st.integers(0, 5)) == 0:
        row.pop(draw(st.sampled_from([field.name for field in signature])))
    if draw(st.integers(0, 8)) == 0:
        row[draw(NAMES)] = draw(JSON_SCALARS)
    if draw(st.booleans()):
        return [*row.values()]
    return dict(draw(st.permutations(list(row.items()))))


@st.composite
def documents(draw: st.DrawFn, signature: tuple[Field, ...]) -> Any:
    """A body for `POST /predict`: one row or many, bare or in an envelope, or any JSON."""
    shape = draw(st.integers(0, 6))
    one, many = draw(items(signature)), draw(st.lists(items(signature), max_size=4))
    if shape == 0:
        return draw(ANY_JSON)
    made = one if shape in (1, 2) else many
    if draw(st.booleans()):
        return made
    return {draw(st.sampled_from(["inputs", "instances", "dataframe_records"])): made}
