"""JSON Schema (2020-12, as OpenAPI 3.1 has it) of what a model takes and gives, from its signature.

Whatever a schema here allows, the codecs accept; they also take a few forms that JSON Schema can't describe (columns of
equal length), which the descriptions name.
"""

import math

import numpy as np

from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.codec import Limits
from seatrial.serve.protocols.operation import Schema
from seatrial.serve.validation import Json, allowed_choices, expected, integer_range, largest_float, whole

_FLOAT64 = largest_float("float64")


def ref(name: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def row_schemas(signature: Signature) -> dict[str, Schema]:
    """What one row is: `Row` (by name; for JSON models anything), and for columns `RowByPosition`."""
    if signature.form is Form.COLUMNS:
        return {"Row": _record(signature.fields), "RowByPosition": _position(signature.fields)}
    if signature.form is Form.TENSORS:
        return {"Row": _tensors(signature.tensors, batch=False), "Batch": _tensors(signature.tensors, batch=True)}
    return {"Row": {"description": "Any JSON value."}}


def _record(fields: tuple[Field, ...]) -> Schema:
    return {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in fields},
        "required": [field.name for field in fields if not field.optional],
        "additionalProperties": False,
    }


def _position(fields: tuple[Field, ...]) -> Schema:
    return {
        "type": "array",
        "prefixItems": [{"title": field.name, **field_schema(field)} for field in fields],
        "items": False,
        "minItems": len(fields),
        "maxItems": len(fields),
    }


def field_schema(field: Field) -> Schema:
    """One field; null is allowed where it is optional."""
    schema: Schema = {"description": expected(field)}
    if field.choices:
        return schema | {"enum": [*allowed_choices(field), *([None] if field.optional else [])]}
    name = "integer" if whole(field) else field.kind.value
    schema["type"] = [name, "null"] if field.optional else name
    return schema | _range(field)


def _range(field: Field) -> Schema:
    if field.kind in (Kind.BOOLEAN, Kind.STRING):
        return {}
    if whole(field):
        allowed = integer_range(field)
        return {"minimum": allowed.start, "maximum": allowed.stop - 1}
    held = largest_float(field.dtype)
    edges = {
        "exclusiveMinimum" if field.exclusive_minimum else "minimum": field.minimum,
        "exclusiveMaximum" if field.exclusive_maximum else "maximum": field.maximum,
    }
    declared = {name: edge for name, edge in edges.items() if edge is not None and math.isfinite(edge)}
    return declared if held == _FLOAT64 else {"minimum": -held, "maximum": held} | declared


def _tensors(tensors: tuple[Tensor, ...], *, batch: bool) -> Schema:
    return {
        "type": "object",
        "properties": {tensor.name: _array(tensor, tensor.shape if batch else tensor.shape[1:]) for tensor in tensors},
        "required": [tensor.name for tensor in tensors],
        "additionalProperties": False,
    }


def _array(tensor: Tensor, shape: tuple[int | None, ...]) -> Schema:
    schema = _element(tensor.dtype)
    for size in reversed(shape):
        fixed = {"minItems": 1} if size is None else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema} | fixed
    return schema


def _element(dtype: str) -> Schema:
    made = np.dtype(dtype)
    if made.kind in "iu":
        return {"type": "integer", "minimum": int(np.iinfo(made).min), "maximum": int(np.iinfo(made).max)}
    if made.kind == "f":
        return {"type": "number", "minimum": -largest_float(dtype), "maximum": largest_float(dtype)}
    return {"type": "boolean" if made.kind == "b" else "string"}


def many(items: Schema, limits: Limits) -> Schema:
    """A list of rows."""
    return {"type": "array", "items": items, "minItems": 1, "maxItems": limits.rows}


def envelope(**fields: Schema) -> Schema:
    """An object with exactly these fields."""
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


def prediction_schema(signature: Signature) -> Schema:
    """What the model says about one row, as far as that is known."""
    return {"enum": list(signature.classes)} if signature.classes else {}


def predict_answer(signature: Signature) -> Schema:
    """Of `POST /predict`: values for one row, lists for many."""
    one, latency = prediction_schema(signature), {"type": "number", "description": "Seconds since the request came."}
    chance = {"type": "number", "minimum": 0, "maximum": 1, "description": "Of the predicted class."}
    return {
        "anyOf": [
            _predicted(signature.output, one, chance, latency),
            _predicted(signature.output, {"type": "array", "items": one}, {"type": "array", "items": chance}, latency),
        ]
    }


def _predicted(output: str, value: Schema, chance: Schema, latency: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"probability": chance, "latency": latency} | {output: value},
        "required": sorted({output, "latency"}),
    }


def shape_of(value: Json) -> list[int]:
    """The shape of nested lists, by their first elements."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape
