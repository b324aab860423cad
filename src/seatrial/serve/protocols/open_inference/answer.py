"""What `/infer` answers: for models of columns as MLServer's scikit-learn runtime does, so that clients can switch.

That is `predict`, and `predict_proba` where it is asked for; a prediction a row has the shape [n, 1]; `parameters` are
there even if empty, and each output says `"content_type": "np"`, or `"str"` where that is asked for. (MLServer 1.7; it makes
up an `id` where the caller sent none, which we don't. tests/serve/contract compares the two, answer by answer.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.records.serving import Form, ModelInfo, Signature
from seatrial.serve.codec import JSON, NO_HEADERS, Answer, Asked, Refused
from seatrial.serve.model import Array, Outputs
from seatrial.serve.protocols.open_inference.binary import pack
from seatrial.serve.protocols.open_inference.datatypes import BYTES, datatype_of_array
from seatrial.serve.protocols.open_inference.request import HEADER_LENGTH, InferRequest, WantedOutput
from seatrial.serve.protocols.values import encode
from seatrial.serve.validation import Json, Reason, words

PREDICT = "predict"
PROBABILITIES = "predict_proba"
OCTETS = b"application/octet-stream"

_CONTENT_TYPE = "np"
_STRINGS = "str"
_JSON_TEXT = "pd_json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output that is wanted: its name, whether its data come as bytes, and MLServer's name for strings."""

    name: str
    binary: bool
    strings: str = _CONTENT_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a request wants to be answered; no `outputs` means whatever the model gives."""

    id: str | None
    outputs: tuple[Output, ...]
    binary: bool


class InferAnswers:
    """Answers of one model."""

    __slots__ = ("_default", "_floats", "_form", "_head", "_names", "_output", "_plain")

    def __init__(self, signature: Signature, info: ModelInfo) -> None:
        self._form = signature.form
        self._head = {"model_name": info.name, "model_version": info.version}
        self._output = signature.outputs[0].name if signature.form is Form.TENSORS and signature.outputs else PREDICT
        self._names = _names(signature)
        self._floats = _announced_floats(signature)
        self._plain = Style(id=None, outputs=(), binary=False)
        self._default = {binary: (Output(name=self._output, binary=binary),) for binary in (False, True)}

    def style(self, request: InferRequest) -> Style:
        """What a request wants back.

        Raises:
            Refused: it names an output that the model doesn't have, or a way that isn't known.
        """
        if request.id is None and not request.outputs and not request.parameters:
            return self._plain
        binary = request.parameters.get("binary_data_output") is True
        return Style(
            id=request.id, outputs=tuple(self._wanted(one, binary=binary) for one in request.outputs), binary=binary
        )

    def _wanted(self, output: WantedOutput, *, binary: bool) -> Output:
        parameters = output.parameters or {}
        if output.name not in self._names:
            known = ", ".join(map(words, self._names))
            raise Refused(400, Reason.UNKNOWN_OUTPUT, f"{words(output.name)} is no output, expected one of {known}")
        for unknown in ("classification", "shared_memory_region"):
            if parameters.get(unknown):
                raise Refused(400, Reason.MALFORMED, f"{unknown} of {words(output.name)} is not supported")
        return Output(
            name=output.name,
            binary=parameters.get("binary_data", binary) is True,
            strings=_STRINGS if parameters.get("content_type") == _STRINGS else _CONTENT_TYPE,
        )

    def encode(self, asked: Asked, outputs: Outputs, start: int) -> Answer:
        """JSON, or JSON and bytes behind it.

        Raises:
            Refused: an output isn't there (400), or isn't finite and has to go into JSON (422).
        """
        style: Style = asked.style
        tails: list[bytes] = []
        wanted = style.outputs or self._all(outputs, binary=style.binary)
        described = [self._described(one, outputs, start, asked.count, tails) for one in wanted]
        identity = {} if style.id is None else {"id": style.id}
        document = encode({**self._head, **identity, "parameters": {}, "outputs": described})
        if not tails:
            return Answer(200, document, JSON, NO_HEADERS)
        return Answer(200, b"".join([document, *tails]), OCTETS, ((HEADER_LENGTH, b"%d" % len(document)),))

    def _all(self, outputs: Outputs, *, binary: bool) -> tuple[Output, ...]:
        """What is answered where nothing is named."""
        if self._form is Form.TENSORS and outputs.arrays:
            return tuple(Output(name=name, binary=binary) for name in outputs.arrays)
        return self._default[binary]

    def _described(
        self, output: Output, outputs: Outputs, start: int, count: int, tails: list[bytes]
    ) -> dict[str, Json]:
        array, content_type = self._array(output.name, outputs, start, count)
        shape = [*array.shape, 1] if array.ndim == 1 and self._form is not Form.TENSORS else [*array.shape]
        datatype = datatype_of_array(array)
        parameters: dict[str, Json] = {"content_type": content_type}
        if datatype == BYTES and content_type == _CONTENT_TYPE:
            parameters["content_type"] = output.strings
        described: dict[str, Json] = {
            "name": output.name,
            "shape": shape,
            "datatype": datatype,
            "parameters": parameters,
        }
        if output.binary:
            tails.append(pack(array))
            parameters["binary_data_size"] = len(tails[-1])
        else:
            described["data"] = array.ravel().tolist()
        return described

    def _array(self, name: str, outputs: Outputs, start: int, count: int) -> tuple[Array, str]:
        found: Any = outputs.arrays.get(name)
        if found is None and name == PROBABILITIES:
            found = outputs.probabilities
        elif found is None:
            found = outputs.predictions
        if found is None:
            raise Refused(400, Reason.UNKNOWN_OUTPUT, f"this model has no {name}")
        array, content_type = _as_array(found[start : start + count])
        if array.dtype.kind == "f" and name in self._floats:
            array = array.astype(self._floats[name], copy=False)
        return array, content_type


def _announced_floats(signature: Signature) -> dict[str, np.dtype[Any]]:
    """Of models of columns, the floats that the metadata announce: which engine computes must not show in the datatype."""
    if signature.form is not Form.COLUMNS:
        return {}
    double = np.dtype("float64")
    announced = np.dtype(signature.outputs[0].dtype) if signature.outputs else double
    predicted = announced if announced.kind == "f" else double
    return {PREDICT: predicted, signature.output: predicted, PROBABILITIES: double}


def _names(signature: Signature) -> tuple[str, ...]:
    """The outputs that may be named, each once."""
    if signature.form is Form.TENSORS and signature.outputs:
        return tuple(output.name for output in signature.outputs)
    return tuple(dict.fromkeys((PREDICT, PROBABILITIES, signature.output)))


def _as_array(values: Json) -> tuple[Array, str]:
    """Values of any kind as an array that the protocol can carry, and MLServer's name for its content."""
    made = values if isinstance(values, np.ndarray) else _numbers(values)
    if made is not None and datatype_of_array(made) != BYTES:
        return made, _CONTENT_TYPE
    return _texts(_objects(values) if made is None else made.astype(object))


def _numbers(values: Sequence[Json]) -> Array | None:
    """A list of truth values or numbers as an array of one dtype; None for anything else."""
    kinds = set(map(type, values))
    if kinds <= {bool} or kinds <= {int, float}:
        return np.array(values)
    return None


def _objects(values: Sequence[Json]) -> Array:
    """A list as a 1-D array, whatever its values are."""
    made = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        made[index] = value
    return made


def _texts(values: Array) -> tuple[Array, str]:
    """Strings as they are; anything else as JSON."""
    if all(type(value) is str for value in values.flat):
        return values, _CONTENT_TYPE
    texts = _objects([encode(value).decode() for value in values.flat])
    return texts.reshape(values.shape), _JSON_TEXT
