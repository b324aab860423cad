"""A signature written as the file that would bring it about: a start for owners who want to add ranges."""

from typing import Any

from seatrial.records.serving import Field, Form, Signature, Tensor
from seatrial.serve.signature.values import default_dtype


def to_document(signature: Signature) -> dict[str, Any]:
    """The content of a `signature.yaml` that says the same; plain JSON values.

    An unnamed vector becomes `count:` with the limits of its first field, which all of them share.
    """
    document: dict[str, Any] = {}
    if signature.form is not Form.JSON:
        document["inputs"] = _inputs(signature)
    document["output"] = {"name": signature.output}
    if signature.output_range is not None:
        document["output"]["range"] = list(signature.output_range)
    if signature.classes:
        document["classes"] = list(signature.classes)
    if signature.trusted_example:
        document["example"] = signature.example
    return document


def _inputs(signature: Signature) -> dict[str, Any]:
    if signature.form is Form.TENSORS:
        return {tensor.name: _tensor(tensor) for tensor in signature.tensors}
    if not signature.named and signature.fields:
        return {"count": len(signature.fields), **_limits(signature.fields[0])}
    return {field.name: _limits(field) for field in signature.fields}


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape)}


def _limits(field: Field) -> dict[str, Any]:
    limits: dict[str, Any] = {"type": field.kind.value}
    if field.dtype != default_dtype(field.kind, optional=field.optional):
        limits["dtype"] = field.dtype
    if field.minimum is not None:
        limits["exclusive_minimum" if field.exclusive_minimum else "minimum"] = field.minimum
    if field.maximum is not None:
        limits["exclusive_maximum" if field.exclusive_maximum else "maximum"] = field.maximum
    if field.choices:
        limits["choices"] = list(field.choices)
    if field.optional:
        limits["optional"] = True
    return limits
