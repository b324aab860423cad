"""Triton's client reads our answers and writes our requests; without a server, by the functions it has for that."""

from typing import Any

import numpy as np
import pytest

from seatrial.records.serving import Signature
from seatrial.serve.model import Outputs
from tests.serve.protocols.models import SECONDS, cars, numbers, pair, same, v2

http: Any = pytest.importorskip("tritonclient.http")


def tensor(name: str, array: Any, datatype: str, *, binary: bool) -> Any:
    """An input as the client has it."""
    made = http.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def exchange(signature: Signature, inputs: list[Any], outputs: Outputs, wanted: list[Any] | None) -> tuple[Any, Any]:
    """The batch that the model gets, and what the client reads of the answer."""
    body, length = http.InferenceServerClient.generate_request_body(inputs, outputs=wanted, request_id="7")
    headers = {} if length is None else {b"inference-header-content-length": b"%d" % length}
    codec = v2(signature)
    asked = codec.decode(body, headers)
    made = codec.encode(asked, outputs, 0, SECONDS)
    told = dict(made.headers).get(b"inference-header-content-length")
    result = http.InferenceServerClient.parse_response_body(
        made.body, header_length=None if told is None else int(told)
    )
    assert "7" == result.get_response()["id"]
    return asked.batch, result


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_numbers_go_both_ways(*, binary_in: bool, binary_out: bool) -> None:
    """As bytes or as JSON."""
    matrix = np.array([[0.5, 1.5], [2.5, 3.5]], dtype=np.float32)
    wanted = [http.InferRequestedOutput(name, binary_data=binary_out) for name in ("predict", "predict_proba")]
    outputs = Outputs(np.array([1, 0]), np.array([[0.25, 0.75], [0.5, 0.5]]))
    batch, result = exchange(
        numbers(2, classes=(0, 1)), [tensor("input", matrix, "FP32", binary=binary_in)], outputs, wanted
    )
    assert same(matrix, batch)
    assert same(np.array([[1], [0]]), result.as_numpy("predict"))
    assert same(outputs.probabilities, result.as_numpy("predict_proba"))


def test_strings_go_both_ways() -> None:
    """As BYTES; where no output is named the client asks for bytes."""
    inputs = [
        tensor("doors", np.array([3, 5], dtype=np.int8), "INT8", binary=True),
        tensor("diesel", np.array([True, False]), "BOOL", binary=True),
        tensor("owner", np.array(["Ada", "Bøb"], dtype=object), "BYTES", binary=True),
    ]
    batch, result = exchange(cars(), inputs, Outputs(np.array(["gut", "schön"], dtype=object)), None)
    assert [[3, True, "Ada"], [5, False, "Bøb"]] == [[row[1], row[2], row[4]] for row in batch]
    assert [["gut"], ["schön"]] == [[value.decode() for value in row] for row in result.as_numpy("predict")]


def test_several_tensors_go_both_ways() -> None:
    """In and out."""
    ids, scale = np.array([[1, 2]], dtype=np.int64), np.array([0.5], dtype=np.float32)
    logits = np.array([[1.5, 2.5]], dtype=np.float32)
    inputs = [tensor("ids", ids, "INT64", binary=True), tensor("scale", scale, "FP32", binary=False)]
    outputs = Outputs(logits, arrays={"logits": logits, "label": np.array([1])})
    batch, result = exchange(pair(), inputs, outputs, None)
    assert same(ids, batch["ids"])
    assert same(scale, batch["scale"])
    assert same(logits, result.as_numpy("logits"))
    assert same(np.array([1]), result.as_numpy("label"))
