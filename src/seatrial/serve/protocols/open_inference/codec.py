"""The Open Inference Protocol, version 2, over HTTP: `POST /v2/models/NAME/infer`, JSON and binary tensors."""

from collections.abc import Mapping

from seatrial.records.serving import Form, ModelInfo, Signature
from seatrial.serve.codec import JSON, Answer, Asked, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import schemas
from seatrial.serve.protocols.errors import error_answer
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.open_inference.answer import InferAnswers
from seatrial.serve.protocols.open_inference.datatypes import DTYPES
from seatrial.serve.protocols.open_inference.inputs import reader
from seatrial.serve.protocols.open_inference.metadata import metadata
from seatrial.serve.protocols.open_inference.request import read_request
from seatrial.serve.protocols.operation import Operation, Schema
from seatrial.serve.protocols.values import encode
from seatrial.serve.validation import GOOD_TYPES, Json, all_numbers, require_json


class OpenInference:
    """The codec of `/infer`, for every form."""

    __slots__ = ("_answers", "_info", "_limits", "_read", "_signature")

    def __init__(self, signature: Signature, info: ModelInfo, limits: Limits) -> None:
        self._signature = signature
        self._info = info
        self._limits = limits
        self._read = reader(signature, limits)
        self._answers = InferAnswers(signature, info)

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """The tensors of a request; see `serve.codec.Codec`."""
        if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
            require_json(headers)
        request = read_request(body, headers, self._limits)
        style = self._answers.style(request)
        batch, count = self._read(request.tensors)
        return Asked(batch, count, style)

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:  # noqa: ARG002 - the protocol has no place for the time
        """The wanted outputs; see `serve.codec.Codec`."""
        return self._answers.encode(asked, outputs, start)

    def refuse(self, refused: Refused) -> Answer:
        """The error document, which has the protocol's `error`."""
        return error_answer(refused)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        return Operation(
            summary="Infer (Open Inference Protocol V2)",
            description=f"{_TAKES[self._signature.form]} {_BINARY}",
            request=REQUEST,
            examples={"one row": {"id": "1", "inputs": self._example()}},
            answer=ANSWER,
            parameters=(LENGTH_HEADER,),
            binary=True,
        )

    def _example(self) -> list[dict[str, Json]]:
        """One row, as short as the form allows."""
        if self._signature.form is Form.JSON:
            (described,) = metadata(self._signature, self._info)["inputs"]
            return [{**described, "shape": [1, 1], "data": [encode(example_row(self._signature)).decode()]}]
        row = example_row(self._signature)
        if self._signature.form is Form.COLUMNS and all_numbers(self._signature.fields) and None not in row.values():
            return [{"name": "input", "datatype": "FP64", "shape": [1, len(row)], "data": [[*row.values()]]}]
        return [
            {**described, "shape": schemas.shape_of([row[described["name"]]]), "data": [row[described["name"]]]}
            for described in metadata(self._signature, self._info)["inputs"]
            if row.get(described["name"]) is not None
        ]


_TAKES = {
    Form.COLUMNS: "It takes one tensor (rows, fields) of any name, or a tensor for each column.",
    Form.TENSORS: "It takes the model's tensors by their names; the first axis of each is the batch.",
    Form.JSON: "It takes a tensor with a value for each row; strings are JSON where their content type is `pd_json`.",
}
_BINARY = "With `Inference-Header-Content-Length`, tensors may follow the JSON as bytes (binary tensor data extension)."
_PARAMETERS: Schema = {"type": "object", "description": "Named options."}
_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": [*DTYPES]},
        "parameters": _PARAMETERS,
        "data": {"type": "array", "description": "Values in row-major order, flat or nested."},
    },
}
REQUEST: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": _PARAMETERS,
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "parameters": _PARAMETERS},
            },
        },
    },
}
ANSWER: Schema = {
    "type": "object",
    "required": ["model_name", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": _PARAMETERS,
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
LENGTH_HEADER: Schema = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "description": "Bytes of JSON at the head of a body that goes on with binary tensors.",
    "schema": {"type": "integer", "minimum": 0},
}
