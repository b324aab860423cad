"""Signatures and codecs that the tests of the protocols share, and a way to ask them without a server."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.records.serving import Engine, EngineChoice, Field, Form, Kind, ModelInfo, Signature, Tensor
from seatrial.serve.codec import Answer, Asked, Codec, Endpoint, Limits, Refused
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import endpoints

JSON_HEADERS = {b"content-type": b"application/json"}
SECONDS = 0.000123456


def info(name: str = "wine") -> ModelInfo:
    """Who answers."""
    return ModelInfo(
        name=name,
        version="7",
        digest="sha256:" + "ab" * 32,
        flavour="sklearn",
        source="models/wine.joblib",
        stack={"scikit-learn": "1.9.1", "numpy": "2.4.6"},
        choice=EngineChoice(
            engine=Engine.ONNX,
            reason="compiled: equal on 200 rows and 270 times as fast",
            evidence={"rows": 200, "largest_difference": 1.5e-7, "seconds": {"native": 0.0257, "onnx": 0.00009}},
        ),
    )


def wine(**more: Any) -> Signature:
    """Two numbers, one of them in a range, and an integer."""
    fields = (
        Field(name="alcohol"),
        Field(name="pH", minimum=0.0, maximum=14.0, exclusive_maximum=True),
        Field(name="year", kind=Kind.INTEGER, dtype="int64", minimum=1900),
    )
    return Signature(form=Form.COLUMNS, fields=fields, **more)


ROW = {"alcohol": 9.4, "pH": 3.5, "year": 2019}
VALUES = [9.4, 3.5, 2019]


def numbers(count: int, **more: Any) -> Signature:
    """Nothing but numbers, with names that were made up."""
    return Signature(
        form=Form.COLUMNS, fields=tuple(Field(name=f"x{index}") for index in range(count)), named=False, **more
    )


def cars() -> Signature:
    """One field of each kind, some of which may be left out."""
    fields = (
        Field(name="km", optional=True, minimum=0.0),
        Field(name="doors", kind=Kind.INTEGER, dtype="int8", choices=(3, 5)),
        Field(name="diesel", kind=Kind.BOOLEAN, dtype="bool"),
        Field(name="colour", kind=Kind.STRING, dtype="object", choices=("red", "blue"), optional=True),
        Field(name="owner", kind=Kind.STRING, dtype="object"),
    )
    return Signature(form=Form.COLUMNS, fields=fields)


CAR = {"km": 12.5, "doors": 5, "diesel": True, "colour": "red", "owner": "Ada"}


def image(**more: Any) -> Signature:
    """One tensor of two by three floats."""
    tensors = (Tensor(name="pixels", dtype="float32", shape=(None, 2, 3)),)
    return Signature(form=Form.TENSORS, tensors=tensors, **more)


def pair() -> Signature:
    """Two tensors in, two out."""
    return Signature(
        form=Form.TENSORS,
        tensors=(
            Tensor(name="ids", dtype="int64", shape=(None, None)),
            Tensor(name="scale", dtype="float32", shape=(None,)),
        ),
        outputs=(
            Tensor(name="logits", dtype="float32", shape=(None, 2)),
            Tensor(name="label", dtype="int64", shape=(None,)),
        ),
    )


def anything() -> Signature:
    """A Python class."""
    return Signature(form=Form.JSON)


@dataclass(frozen=True)
class Declared:
    """A route as a Python class declares it."""

    method: str
    path: str


def all_endpoints(signature: Signature, limits: Limits | None = None) -> tuple[Endpoint, ...]:
    """Of a model without routes of its own."""
    return endpoints(signature, info(), limits or Limits())


def predict(signature: Signature, limits: Limits | None = None) -> Codec:
    """`POST /predict`."""
    return all_endpoints(signature, limits)[0].codec


def v1(signature: Signature, limits: Limits | None = None) -> Codec:
    """KServe V1."""
    return all_endpoints(signature, limits)[1].codec


def v2(signature: Signature, limits: Limits | None = None) -> Codec:
    """The Open Inference Protocol."""
    return all_endpoints(signature, limits)[2].codec


def rows(codec: Codec, document: Any) -> Any:
    """The batch that the model would get."""
    return codec.decode(as_body(document), JSON_HEADERS).batch


def answer(codec: Codec, document: Any, outputs: Outputs, start: int = 0) -> Any:
    """The JSON of the answer to `document`, if the model says `outputs`."""
    made = codec.encode(codec.decode(as_body(document), JSON_HEADERS), outputs, start, SECONDS)
    assert made.status == 200
    return json.loads(made.body)


def attempt(codec: Codec, body: bytes, headers: dict[bytes, bytes]) -> Asked | Refused:
    """Rows, or how the body is refused; anything else that is raised fails the test."""
    try:
        return codec.decode(body, headers)
    except Refused as refused:
        return refused


def refusal(codec: Codec, document: Any, headers: dict[bytes, bytes] | None = None) -> Refused:
    """How `document` is refused."""
    found = attempt(codec, as_body(document), JSON_HEADERS if headers is None else headers)
    assert isinstance(found, Refused), found
    return found


def told(codec: Codec, document: Any) -> tuple[int, Any]:
    """Status and JSON of the refusal of `document`."""
    made: Answer = codec.refuse(refusal(codec, document))
    return made.status, json.loads(made.body)


def as_body(document: Any) -> bytes:
    """Bytes as they are, anything else as JSON."""
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def same(first: Any, second: Any) -> bool:
    """Equal, with equal types, and NaN equal to NaN; row by row."""
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return bool(first.dtype == second.dtype) and bool(np.array_equal(first, second))
    return repr(first) == repr(second)
