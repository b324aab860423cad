"""Whatever arrives, it is rows or a refusal with an error that is JSON; for every protocol and form of model."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Signature
from seatrial.serve.codec import Codec, Limits, Refused
from seatrial.serve.protocols import endpoints
from seatrial.serve.validation import Reason
from tests.serve.protocols.models import CAR, ROW, VALUES, Declared, anything, attempt, cars, image, info, pair, wine
from tests.serve.validation.strategies import ANY_JSON

SIGNATURES: dict[str, Signature] = {
    "wine": wine(),
    "cars": cars(),
    "image": image(),
    "pair": pair(),
    "anything": anything(),
}
CODECS: dict[str, Codec] = {
    f"{name} {endpoint.paths[0]}": endpoint.codec
    for name, signature in SIGNATURES.items()
    for endpoint in endpoints(signature, info(), Limits(rows=3), (Declared("POST", "/recommend/{user}"),))
}
TENSOR = {"name": "alcohol", "shape": [1, 3], "datatype": "FP64", "data": VALUES, "parameters": {"binary_data_size": 8}}
SEEDS: list[Any] = [
    ROW,
    [VALUES, VALUES],
    {"inputs": [CAR]},
    {"instances": [ROW]},
    {"dataframe_split": {"columns": ["pH"], "data": [[1]]}},
    {"id": "1", "inputs": [TENSOR], "outputs": [{"name": "predict", "parameters": {"binary_data": True}}]},
    {"pixels": [[1, 2, 3], [4, 5, 6]]},
    {"ids": [1], "scale": 0.5},
]
STATUSES = {400, 404, 413, 415, 422}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A body that was right, with some bytes changed, cut out, doubled or put in."""
    body = bytearray(json.dumps(draw(st.sampled_from(SEEDS))).encode())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        stop = min(len(body), start + draw(st.integers(0, 6)))
        body[start:stop] = draw(
            st.binary(max_size=4)
            | st.sampled_from([b"NaN", b"-Infinity", b"1e999", b"[", b"{", b"null", b"true", b'"', b"\\ud800", b"-1"])
            | st.just(bytes(body[start:stop]) * 2)
        )
    return bytes(body)


DATATYPES = st.sampled_from(["FP64", "FP32", "FP16", "INT64", "INT8", "UINT64", "BOOL", "BYTES", "BF16", ""])
SHAPES = st.lists(st.integers(-1, 4) | st.sampled_from([2**31, 2**40]), max_size=4)
SIZES = st.integers(-1, 40) | st.just("8") | st.none()


@st.composite
def inference(draw: st.DrawFn) -> bytes:
    """Something like a request of the Open Inference Protocol, with bytes behind it."""
    names = st.sampled_from(["alcohol", "pH", "year", "pixels", "ids", "scale", "km", "doors", "owner", "x"])
    inputs = [
        {
            "name": draw(names),
            "shape": draw(SHAPES),
            "datatype": draw(DATATYPES),
            **draw(st.sampled_from([{}, {"parameters": {"content_type": "pd_json"}}])),
            **({"data": draw(ANY_JSON)} if draw(st.booleans()) else {"parameters": {"binary_data_size": draw(SIZES)}}),
        }
        for _ in range(draw(st.integers(0, 3)))
    ]
    head = json.dumps({"inputs": inputs}).encode()
    return head + b"\n" + draw(st.binary(max_size=60))


def check(codec: Codec, body: bytes, headers: dict[bytes, bytes]) -> None:
    """Rows or a refusal, and nothing else."""
    found = attempt(codec, body, headers)
    if not isinstance(found, Refused):
        assert 1 <= found.count <= 3
        return
    assert found.status in STATUSES
    assert found.kind in set(Reason)
    document = json.loads(codec.refuse(found).body)
    assert document["error"]
    assert len(document.get("details", ())) <= 20


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary(max_size=80) | mutated() | inference(),
    length=st.none() | st.integers(0, 300),
    target=st.binary(max_size=20),
)
def test_any_bytes_are_rows_or_a_refusal(name: str, body: bytes, length: int | None, target: bytes) -> None:
    """No other exception, no other status, no reason that metrics don't know."""
    headers = {b":path": b"/recommend/" + target}
    if length is None and b"\n" in body:
        length = body.index(b"\n")
    if length is not None:
        headers[b"inference-header-content-length"] = b"%d" % length
    check(CODECS[name], body, headers)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=ANY_JSON
    | st.sampled_from(["inputs", "instances"]).flatmap(lambda key: st.fixed_dictionaries({key: ANY_JSON}))
)
def test_any_json_is_rows_or_a_refusal(name: str, document: Any) -> None:
    """Inside an envelope, too."""
    check(CODECS[name], json.dumps(document).encode(), {b":path": b"/recommend/1"})
