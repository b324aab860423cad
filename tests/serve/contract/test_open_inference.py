"""The documents of the Open Inference Protocol's specification, by plain HTTP.

`SCHEMAS` says what kserve/open-inference-protocol, `specification/protocol/open_inference_rest.yaml`, says of answers.
"""

import math
from typing import Any

import httpx
import jsonschema
import pytest

from tests.serve.contract.asking import question, tensor
from tests.serve.running import Server

STRING = {"type": "string"}
SHAPE = {"type": "array", "items": {"type": "integer"}}
INTEGERS = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
DATATYPES = ["BOOL", *INTEGERS, "FP16", "FP32", "FP64", "BYTES"]


def members(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these members; others may stand beside them."""
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def several(item: dict[str, Any]) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": item}


TENSOR = {"name": STRING, "datatype": {"enum": DATATYPES}, "shape": SHAPE}
DATA = several({"type": ["number", "string", "boolean"]})
SCHEMAS = {
    "server": members({"name": STRING, "version": STRING, "extensions": several(STRING)}),
    "model": members(
        {"name": STRING, "platform": STRING, "inputs": several(members(TENSOR)), "outputs": several(members(TENSOR))},
        versions=several(STRING),
    ),
    "answer": members(
        {"model_name": STRING, "outputs": several(members({**TENSOR, "data": DATA}, parameters={"type": "object"}))},
        model_version=STRING,
        id=STRING,
        parameters={"type": "object"},
    ),
    "error": members({"error": STRING}),
    "ready": members({"name": STRING, "ready": {"const": True}}),
}
ONE = tensor("input", [1, 3], "FP64", [0.1, 0.2, 0.3])


def valid(kind: str, answer: httpx.Response) -> Any:
    """An answer's document, which is what the specification says."""
    assert "application/json" == answer.headers["content-type"]
    jsonschema.validate(answer.json(), SCHEMAS[kind])
    return answer.json()


def test_health_routes_say_yes(ridge: Server) -> None:
    """By their status, which is what a probe looks at, and by their document."""
    assert {"live": True} == ridge.get("/v2/health/live").json()
    assert {"ready": True} == ridge.get("/v2/health/ready").json()
    for path in ("/v2/models/ridge/ready", "/v2/models/ridge/versions/v1/ready"):
        assert "ridge" == valid("ready", ridge.get(path))["name"]


@pytest.mark.parametrize("name", ["ridge", "grade", "two", "shop"])
def test_metadata_are_as_specified(request: pytest.FixtureRequest, name: str) -> None:
    """Of the server and of models of every form, with the version and without."""
    server: Server = request.getfixturevalue(name)

    assert "seatrial" == valid("server", server.get("/v2"))["name"]
    told = valid("model", server.get(f"/v2/models/{name}"))
    assert told == valid("model", server.get(f"/v2/models/{name}/versions/v1"))
    assert (name, ["v1"]) == (told["name"], told["versions"])
    assert all(-1 == tensor["shape"][0] for tensor in (*told["inputs"], *told["outputs"]))


@pytest.mark.parametrize(
    ("name", "asked", "outputs"),
    [
        ("ridge", question(ONE), ["predict"]),
        ("grade", question(ONE, outputs=["predict_proba", "predict"]), ["predict_proba", "predict"]),
        (
            "two",
            question(*(tensor(side, [2, 2], "FP32", [1, 2, 3, 4]) for side in ("left", "right"))),
            ["total", "larger"],
        ),
        (
            "two",
            question(*(tensor(side, [1, 2], "FP32", [[1, 2]]) for side in ("left", "right")), outputs=["larger"]),
            ["larger"],
        ),
        ("shop", question(tensor("input", [1], "BYTES", ['{"user": "eve"}'], content_type="pd_json")), ["predict"]),
        ("shop", question(tensor("user", [2, 1], "BYTES", ["eve", "bob"])), ["predict"]),
    ],
)
def test_an_answer_is_as_specified(
    request: pytest.FixtureRequest, name: str, asked: dict[str, Any], outputs: list[str]
) -> None:
    """The outputs that were asked for, the caller's id, and as many values as the shape says."""
    server: Server = request.getfixturevalue(name)

    told = valid("answer", server.post(asked, f"/v2/models/{name}/infer"))

    assert (name, "v1", "order-7") == (told["model_name"], told["model_version"], told["id"])
    assert outputs == [output["name"] for output in told["outputs"]]
    for output in told["outputs"]:
        assert math.prod(output["shape"]) == len(output["data"])


@pytest.mark.parametrize(
    ("status", "path", "asked"),
    [
        (400, "/v2/models/ridge/infer", {}),
        (400, "/v2/models/ridge/infer", []),
        (400, "/v2/models/ridge/infer", question(ONE | {"datatype": "FP65"})),
        (400, "/v2/models/ridge/infer", question(ONE | {"shape": [-1, 3]})),
        (400, "/v2/models/ridge/infer", question(ONE | {"data": [1, 2]})),
        (422, "/v2/models/ridge/infer", question(ONE | {"data": [1, 2, None]})),
        (404, "/v2/models/nobody/infer", question(ONE)),
    ],
)
def test_an_error_is_as_specified(ridge: Server, status: int, path: str, asked: Any) -> None:
    """An HTTP status, and an object with `error`."""
    answer = ridge.post(asked, path)

    assert status == answer.status_code
    assert valid("error", answer)["error"]


def test_metadata_of_a_model_that_is_not_there_is_an_error(ridge: Server) -> None:
    """404, with the same document."""
    for path in ("/v2/models/nobody", "/v2/models/ridge/versions/v9"):
        answer = ridge.get(path)
        assert httpx.codes.NOT_FOUND == answer.status_code
        assert valid("error", answer)["error"]
