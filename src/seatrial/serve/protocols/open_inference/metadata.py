"""What the server says about itself and its model: `GET /v2`, `GET /v2/models/NAME`."""

from seatrial import __version__
from seatrial.records.serving import Field, Form, ModelInfo, Signature, Tensor
from seatrial.serve.protocols.open_inference.answer import PREDICT, PROBABILITIES
from seatrial.serve.protocols.open_inference.datatypes import BYTES, datatype_of
from seatrial.serve.validation import Json, all_numbers

_ANY = -1
_TYPES = {bool: "BOOL", int: "INT64", float: "FP64"}


def server_metadata() -> dict[str, Json]:
    """For `GET /v2`."""
    return {"name": "seatrial", "version": __version__, "extensions": ["binary_tensor_data"]}


def metadata(signature: Signature, info: ModelInfo) -> dict[str, Json]:
    """For `GET /v2/models/NAME`: the protocol's document, and under `seatrial` who the model is and what computes it."""
    choice = info.choice
    return {
        "name": info.name,
        "versions": [info.version],
        "platform": info.flavour,
        "inputs": _inputs(signature),
        "outputs": _outputs(signature),
        "seatrial": {
            "form": signature.form.value,
            "digest": info.digest,
            "source": info.source,
            "stack": dict(info.stack),
            "engine": choice.engine.value,
            "reason": choice.reason,
            "evidence": dict(choice.evidence),
        },
    }


def _inputs(signature: Signature) -> list[dict[str, Json]]:
    """Tensors as they may be sent: of a model without names one for all columns, of one with names one a column."""
    if signature.form is Form.TENSORS:
        return [_tensor(tensor) for tensor in signature.tensors]
    if signature.form is Form.JSON:
        return [{"name": "input", "datatype": BYTES, "shape": [_ANY, 1], "parameters": {"content_type": "pd_json"}}]
    if not signature.named and all_numbers(signature.fields):
        return [{"name": "input", "datatype": "FP64", "shape": [_ANY, len(signature.fields)]}]
    return [_column(field) for field in signature.fields]


def _column(field: Field) -> dict[str, Json]:
    return {"name": field.name, "datatype": datatype_of(field.dtype), "shape": [_ANY, 1]}


def _tensor(tensor: Tensor) -> dict[str, Json]:
    shape = [_ANY if size is None else size for size in tensor.shape]
    return {"name": tensor.name, "datatype": datatype_of(tensor.dtype), "shape": shape}


def _outputs(signature: Signature) -> list[dict[str, Json]]:
    if signature.form is Form.TENSORS and signature.outputs:
        return [_tensor(tensor) for tensor in signature.outputs]
    predicted = {"name": PREDICT, "datatype": _predicted(signature), "shape": [_ANY, 1]}
    if not signature.classes:
        return [predicted]
    return [predicted, {"name": PROBABILITIES, "datatype": "FP64", "shape": [_ANY, len(signature.classes)]}]


def _predicted(signature: Signature) -> str:
    if signature.outputs:
        return datatype_of(signature.outputs[0].dtype)
    if signature.classes:
        return _TYPES.get(type(signature.classes[0]), BYTES)
    return BYTES if signature.form is Form.JSON else "FP64"
