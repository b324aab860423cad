"""KServe's V1 protocol, which is TensorFlow Serving's: `POST /v1/models/NAME:predict`.

`{"instances": [row, …]}` is answered by `{"predictions": [value, …]}`, whatever the model's form. TensorFlow Serving's
columnar `{"inputs": {"a": [1, 2], …}}` is read as well, and answered in the same way. `signature_name` is not read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from seatrial.records.serving import Form, Signature
from seatrial.serve.codec import JSON, Answer, Asked, Limits, Refused
from seatrial.serve.model import Batch, Outputs
from seatrial.serve.protocols import rows, schemas
from seatrial.serve.protocols.errors import error_answer
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.operation import Operation, Schema
from seatrial.serve.protocols.tensors import TensorReader
from seatrial.serve.protocols.values import encode, predictions
from seatrial.serve.validation import GOOD_TYPES, Json, Reason, parse, require_json, require_rows, words

COMPANIONS = frozenset({"signature_name"})
ENVELOPES = {
    "instances": rows.Envelope(unwrap=rows.many_rows_of, shapes=("records", "positions")),
    "inputs": rows.Envelope(unwrap=rows.many_rows_or_columns_of, shapes=("records", "positions")),
}

Read = Callable[[bytes], tuple[Batch, int]]


class KServeV1:
    """The codec of `POST /v1/models/NAME:predict`, for every form."""

    __slots__ = ("_limits", "_read", "_signature")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._signature = signature
        self._limits = limits
        self._read: Read = _READERS[signature.form](signature, limits)

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """The instances; see `serve.codec.Codec`."""
        if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
            require_json(headers)
        batch, count = self._read(body)
        return Asked(batch, count)

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:  # noqa: ARG002 - the protocol has no place for the time
        """Always a list; see `serve.codec.Codec`."""
        return Answer(200, encode({"predictions": predictions(outputs, start, asked.count)}))

    def refuse(self, refused: Refused) -> Answer:
        """The error document, which has V1's `error`."""
        return error_answer(refused)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        example = example_row(self._signature)
        one = schemas.prediction_schema(self._signature)
        return Operation(
            summary="Predict many rows (KServe V1, TensorFlow Serving)",
            request=schemas.envelope(instances=self._instances()),
            examples={"two rows": {"instances": [example, example]}},
            answer=schemas.envelope(predictions={"type": "array", "items": one}),
        )

    def _instances(self) -> Schema:
        several = schemas.many(schemas.ref("Row"), self._limits)
        if self._signature.form is not Form.COLUMNS:
            return several
        return {"anyOf": [several, schemas.many(schemas.ref("RowByPosition"), self._limits)]}


def _columns(signature: Signature, limits: Limits) -> Read:
    read = rows.RowsReader(signature.fields, limits, envelopes=ENVELOPES, bare=None, companions=COMPANIONS).read

    def columns(body: bytes) -> tuple[Batch, int]:
        batch, _ = read(body)
        return batch, len(batch)

    return columns


def _tensors(signature: Signature, limits: Limits) -> Read:
    reader = TensorReader(signature, limits)

    def tensors(body: bytes) -> tuple[Batch, int]:
        parsed = parse(body, limits)
        name, value = _envelope(parsed.value)
        arrays = reader.read_rows(_list(value)) if name == "instances" else reader.read(value)
        parsed.require_strict()
        return arrays.batch, arrays.count

    return tensors


def _anything(signature: Signature, limits: Limits) -> Read:  # noqa: ARG001 - any JSON is a row
    def anything(body: bytes) -> tuple[Batch, int]:
        parsed = parse(body, limits)
        parsed.require_strict()
        values = _list(_envelope(parsed.value)[1])
        require_rows(len(values), limits)
        return values, len(values)

    return anything


_READERS: dict[Form, Callable[[Signature, Limits], Read]] = {
    Form.COLUMNS: _columns,
    Form.TENSORS: _tensors,
    Form.JSON: _anything,
}


def _envelope(value: Json) -> tuple[str, Any]:
    if type(value) is dict and value.keys() <= {*ENVELOPES, *COMPANIONS}:
        for name in ENVELOPES:
            if name in value:
                return name, value[name]
    raise Refused(400, Reason.MALFORMED, f'found {words(value)}, expected {{"instances": […]}}')


def _list(value: Json) -> list[Any]:
    if type(value) is not list:
        raise Refused(400, Reason.MALFORMED, f"instances are {words(value)}, expected an array of rows")
    return value
