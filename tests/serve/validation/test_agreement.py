"""The good path and the explaining path agree, and both agree with JSON Schema as another library reads it."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.codec import Limits, Refused
from seatrial.serve.model import Rows
from seatrial.serve.protocols.predict import ColumnsPredict
from seatrial.serve.protocols.schemas import row_schemas
from seatrial.serve.validation import FAILURES, Columns, Decoders, decoders, wrapped_decoders
from tests.serve.validation.strategies import documents, items, signatures

LIMITS = Limits(rows=3)
MANY = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


def quickly(found: Decoders, shape: str, body: bytes) -> Rows | None:
    """Rows by the good path; None where it leaves the decision to the other."""
    try:
        rows: Rows = getattr(found, shape)(body)
    except FAILURES:
        return None
    return rows


def judged(fields: tuple[Field, ...], rows: list[Any]) -> Rows | None:
    """Rows by the explaining path; None where they are refused."""
    try:
        return Columns(fields, LIMITS).check(rows)
    except Refused:
        return None


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[Field, ...], list[Any]]:
    """Fields, and rows that may or may not be theirs."""
    fields = draw(signatures())
    return fields, draw(st.lists(items(fields), min_size=1, max_size=4))


@MANY
@given(cases())
def test_what_the_good_path_takes_the_other_takes_as_the_same_rows(case: tuple[tuple[Field, ...], list[Any]]) -> None:
    """One by one and together, bare and wrapped; types of the values included."""
    fields, rows = case
    bare, wrapped = decoders(fields, LIMITS), wrapped_decoders(fields, LIMITS, "inputs")
    shapes: list[tuple[str, Any, list[Any]]] = [("records", rows, rows), ("positions", rows, rows)]
    shapes += [(shape, row, [row]) for row in rows for shape in ("record", "position")]
    for shape, document, plain in shapes:
        for found, body in ((bare, json.dumps(document)), (wrapped, json.dumps({"inputs": document}))):
            quick = quickly(found, shape, body.encode())
            if quick is not None:
                event("taken by the good path")
                assert repr(judged(fields, plain)) == repr(quick)


def schema(fields: tuple[Field, ...]) -> Any:
    """What the OpenAPI document says of a row, ready to validate."""
    found = row_schemas(Signature(form=Form.COLUMNS, fields=fields))
    return jsonschema.Draft202012Validator({"anyOf": [found["Row"], found["RowByPosition"]]})


@MANY
@given(cases())
def test_a_row_is_taken_if_and_only_if_the_schema_allows_it(case: tuple[tuple[Field, ...], list[Any]]) -> None:
    """So that a client that checks against the document is never surprised."""
    fields, rows = case
    allowed = schema(fields)
    for row in rows:
        as_received = json.loads(json.dumps(row))
        assert allowed.is_valid(as_received) == (judged(fields, [as_received]) is not None)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[tuple[Field, ...], Any]:
    """Fields, and a body that may or may not be a request for them."""
    fields = draw(signatures())
    return fields, draw(documents(fields))


def outcome(codec: ColumnsPredict, body: bytes) -> str:
    """What comes of a body: its rows and whether they are many, or the refusal."""
    try:
        asked = codec.decode(body, {})
    except Refused as refused:
        return f"{refused.status} {refused.message}"
    return repr((asked.batch, asked.style))


@MANY
@given(bodies())
def test_the_shape_of_a_body_is_seen_alike_by_its_bytes_and_by_its_value(case: tuple[tuple[Field, ...], Any]) -> None:
    """The same body, written so that the good path can't recognise it, has the same outcome."""
    fields, document = case
    codec = ColumnsPredict(Signature(form=Form.COLUMNS, fields=fields), LIMITS)
    plain = json.dumps(document)
    hidden = plain.replace('"inputs"', r'"\u0069nputs"').replace('"instances"', r'"\u0069nstances"')
    spaced = json.dumps(document, indent=1)
    assert outcome(codec, plain.encode()) == outcome(codec, hidden.encode()) == outcome(codec, spaced.encode())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_good_path_is_taken_at_all(depth: int) -> None:
    """Else the properties above would hold for nothing."""
    fields = tuple(Field(name=f"x{index}") for index in range(depth))
    row = [float(index) for index in range(depth)]
    found = decoders(fields, LIMITS)
    named = {f"x{index}": value for index, value in enumerate(row)}
    assert [row] == quickly(found, "record", json.dumps(named).encode())
    assert [row] == quickly(found, "position", json.dumps(row).encode())
    assert [row, row] == quickly(found, "records", json.dumps([named, named]).encode())
    assert [row, row] == quickly(found, "positions", json.dumps([row, row]).encode())
