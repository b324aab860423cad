"""A request to show: the model's own example where it has one, else one made up from the types and ranges."""

import math

import numpy as np

from seatrial.records.serving import Form, Signature
from seatrial.serve.signature.example import write_example
from seatrial.serve.validation import Json


def example_row(signature: Signature) -> Json:
    """One valid row as JSON: an object by name (COLUMNS, TENSORS), or any JSON."""
    example = _jsonable(write_example(signature) if signature.example is None else signature.example)
    if signature.form is Form.COLUMNS and isinstance(example, list):
        return {field.name: value for field, value in zip(signature.fields, example, strict=True)}
    return {} if example is None else example


def _jsonable(value: Json) -> Json:
    """Without numpy's types, and with null for NaN."""
    if isinstance(value, (np.generic, np.ndarray)):
        return _jsonable(value.tolist())
    if isinstance(value, dict):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
