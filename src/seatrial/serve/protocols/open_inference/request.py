"""What a request to `/infer` holds: tensors as JSON or as bytes behind it, and what is wanted back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from seatrial.serve.codec import Limits, Refused
from seatrial.serve.model import Array
from seatrial.serve.protocols.open_inference.binary import unpack
from seatrial.serve.protocols.open_inference.datatypes import dtype_of
from seatrial.serve.validation import (
    FAILURES,
    TOLD,
    Ragged,
    Reason,
    invalid,
    nested,
    not_json,
    parse,
    short,
    too_deep,
    words,
)

HEADER_LENGTH = b"inference-header-content-length"
_SIZE = "binary_data_size"
_MOST_AXES = 32

_Axis = Annotated[int, Meta(ge=0, le=2**31)]
_Shape = Annotated[list[_Axis], Meta(max_length=_MOST_AXES)]
_Parameters = dict[str, Any]


class InputTensor(msgspec.Struct, gc=False):
    """An input as it stands in the JSON; `data` is left for later, and isn't there where it comes as bytes."""

    name: str
    shape: _Shape
    datatype: str
    parameters: _Parameters | None = None
    data: msgspec.Raw = msgspec.Raw()


class WantedOutput(msgspec.Struct, gc=False):
    """An output that the caller names."""

    name: str
    parameters: _Parameters | None = None


class Document(msgspec.Struct, gc=False):
    """The JSON of a request; what else stands in it is not read."""

    inputs: Annotated[list[InputTensor], Meta(min_length=1)]
    id: str | None = None
    parameters: _Parameters | None = None
    outputs: list[WantedOutput] | None = None


# Columns that Python's own types can carry as they are.
_COLUMNS: dict[str, msgspec.json.Decoder[Any]] = {
    "FP64": msgspec.json.Decoder(list[float]),
    "INT64": msgspec.json.Decoder(list[Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]]),
    "BOOL": msgspec.json.Decoder(list[bool]),
    "BYTES": msgspec.json.Decoder(list[str]),
}

_decode = msgspec.json.Decoder(Document).decode


@dataclass(slots=True)
class Received:
    """One input tensor.

    Attributes:
        name, datatype, shape: as sent; the shape has no axis below 0.
        content_type: MLServer's hint (`pd`, `pd_json`, `np` …), or None.
        raw: its data as JSON; empty where it is binary.
        binary: its data as bytes, or None.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    content_type: Any
    raw: msgspec.Raw
    binary: memoryview | None

    def array(self, limits: Limits, *, nulls: bool = False) -> Array:
        """The values, of the sent datatype and shape.

        Args:
            limits: of nesting.
            nulls: whether null stands for NaN.

        Raises:
            Refused: they don't fit the shape or the datatype.
        """
        if self.binary is not None:
            return unpack(self.binary, self.datatype, self.shape, self.name)
        return self._from_json(limits, nulls=nulls)

    def column(self, limits: Limits, *, nulls: bool = False) -> list[Any]:
        """As `array`, in one axis and as Python's values."""
        if self.binary is None and self.datatype in _COLUMNS:
            try:
                values: list[Any] = _COLUMNS[self.datatype].decode(self.raw)
            except FAILURES:
                pass
            else:
                if len(values) == math.prod(self.shape):
                    return values
        return self.array(limits, nulls=nulls).ravel().tolist()

    def _from_json(self, limits: Limits, *, nulls: bool) -> Array:
        dtype = dtype_of(self.datatype)
        parsed = parse(bytes(self.raw), limits)
        try:
            found = nested(parsed.value)
        except Ragged:
            raise self._misshapen("arrays of different lengths") from None
        if not found.shape or len(found.leaves) != math.prod(self.shape):
            raise self._misshapen(f"{len(found.leaves)} values")
        array = found.array(dtype, self.shape, nulls=nulls)
        if array is None:
            raise invalid(tuple(islice(found.misfits(self.name, dtype, nulls=nulls), TOLD)))
        parsed.require_strict()
        return array

    def _misshapen(self, found: str) -> Refused:
        message = f"{short(self.name)} has {found}, expected {math.prod(self.shape)} for the shape {list(self.shape)}"
        return Refused(400, Reason.MALFORMED, message)


@dataclass(slots=True)
class InferRequest:
    """A request in one piece."""

    tensors: list[Received]
    id: str | None
    parameters: _Parameters
    outputs: list[WantedOutput]


def read_request(body: bytes, headers: Mapping[bytes, bytes], limits: Limits) -> InferRequest:
    """The tensors and wishes of a body.

    Raises:
        Refused: it isn't what the protocol says.
    """
    length = headers.get(HEADER_LENGTH)
    if length is None:
        document = _document(body, limits)
        tensors = _tensors(document, memoryview(b""))
    else:
        split = _header_length(length, len(body))
        document = _document(body[:split], limits)
        tensors = _tensors(document, memoryview(body)[split:])
    return InferRequest(tensors, document.id, document.parameters or {}, document.outputs or [])


def _header_length(length: bytes, total: int) -> int:
    if not length.isdigit() or len(length) > len(str(total)) or int(length) > total:
        message = f"Inference-Header-Content-Length is {words(length.decode('latin-1'))}, expected at most {total}"
        raise Refused(400, Reason.MALFORMED, message)
    return int(length)


def _document(body: bytes, limits: Limits) -> Document:
    try:
        return _decode(body)
    except RecursionError:
        raise too_deep(limits) from None
    except msgspec.ValidationError as error:
        message = f"this is no request of the Open Inference Protocol: {error}"
        raise Refused(400, Reason.MALFORMED, message) from None
    except ValueError as error:
        parse(body, limits).require_strict()
        raise not_json(body, error) from None


def _tensors(document: Document, data: memoryview) -> list[Received]:
    tensors = []
    offset = 0
    for sent in document.inputs:
        parameters = sent.parameters or {}
        binary = None
        if _SIZE in parameters:
            size = _binary_size(parameters[_SIZE], len(data) - offset, sent.name)
            binary = data[offset : offset + size]
            offset += size
        elif not bytes(sent.data):
            raise Refused(400, Reason.MALFORMED, f"{words(sent.name)} has no data")
        content_type = parameters.get("content_type")
        tensors.append(Received(sent.name, sent.datatype, tuple(sent.shape), content_type, sent.data, binary))
    if offset != len(data):
        message = f"{len(data) - offset} bytes behind the JSON belong to no tensor"
        raise Refused(400, Reason.MALFORMED, message)
    return tensors


def _binary_size(size: Any, left: int, name: str) -> int:  # noqa: ANN401 - as the caller sent it
    if type(size) is not int or not 0 <= size <= left:
        message = (
            f"binary_data_size of {words(name)} is {words(size)}, expected at most {left}, what is left of the body"
        )
        raise Refused(400, Reason.MALFORMED, message)
    return size
