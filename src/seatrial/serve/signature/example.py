"""A row that can be sent: made up from types and ranges where the model brings none, for the docs page and the warm-up."""

import math
from typing import Any

import numpy as np

from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.signature.values import integers, kind_of


def write_example(signature: Signature) -> Any:  # noqa: ANN401 - JSON is anything
    """A valid row that was made up; whoever puts it into a signature leaves `trusted_example` False.

    Returns:
        COLUMNS: a list in the order of the fields. TENSORS: a mapping from the tensor's name to nested lists of one
        row (without the batch axis; open axes have length 1). JSON: None, since nothing is known.
    """
    if signature.form is Form.COLUMNS:
        return [_value(field) for field in signature.fields]
    if signature.form is Form.TENSORS:
        return {tensor.name: _nested(tensor) for tensor in signature.tensors}
    return None


def _value(field: Field) -> Any:  # noqa: ANN401
    if field.choices:
        return field.choices[0]
    if field.kind is Kind.STRING:
        return "text"
    if field.kind is Kind.BOOLEAN:
        return False
    return _integer(field) if field.kind is Kind.INTEGER else _number(field)


def _middle(field: Field) -> float:
    """Inside the range, or 1: harmless to logarithms and divisions, unlike 0."""
    low, high = field.minimum, field.maximum
    if low is None and high is None:
        return 1.0
    if low is None:
        return float(high or 0.0) - 1.0
    return low + 1.0 if high is None else low / 2 + high / 2


def _number(field: Field) -> float:
    value = _middle(field)
    if field.minimum is not None:
        value = max(value, math.nextafter(field.minimum, math.inf) if field.exclusive_minimum else field.minimum)
    if field.maximum is not None:
        value = min(value, math.nextafter(field.maximum, -math.inf) if field.exclusive_maximum else field.maximum)
    return float(value)


def _integer(field: Field) -> int:
    low, high = integers(field)
    return int(min(max(round(_middle(field)), low), high))


def _nested(tensor: Tensor) -> Any:  # noqa: ANN401
    one = {Kind.STRING: "text", Kind.BOOLEAN: False, Kind.INTEGER: 1, Kind.NUMBER: 1.0}[kind_of(tensor.dtype)]
    return np.full([size or 1 for size in tensor.shape[1:]], one, dtype=object).tolist()
