"""KServe's V1 protocol by plain HTTP, as its data plane documents it.

| List Models | GET | /v1/models | {"models": [name]} |
| Model Ready | GET | /v1/models/NAME | {"name": name, "ready": bool} |
| Predict | POST | /v1/models/NAME:predict | {"instances": []} or {"inputs": []} | {"predictions": []} |
"""

from typing import Any

import httpx
import pytest

from tests.serve.contract import fitted
from tests.serve.running import Server

ROWS = [[0.1, 0.2, 0.3], [1.5, -2.0, 3.0]]
NAMED = [dict(zip(fitted.NAMES, row, strict=True)) for row in ROWS]
ARRAYS = [{"left": [1, 2], "right": [2, 1]}, {"left": [3, 4], "right": [0.5, 8]}]


@pytest.mark.parametrize("name", ["ridge", "grade", "two", "shop"])
def test_models_are_listed_and_ready(request: pytest.FixtureRequest, name: str) -> None:
    """Whatever their form; one that isn't there is 404."""
    server: Server = request.getfixturevalue(name)

    assert {"models": [name]} == server.get("/v1/models").json()
    assert {"name": name, "ready": True} == server.get(f"/v1/models/{name}").json()
    assert httpx.codes.NOT_FOUND == server.get("/v1/models/nobody").status_code


@pytest.mark.parametrize(
    "document", [{"instances": ROWS}, {"inputs": ROWS}, {"instances": ROWS, "signature_name": "serving_default"}]
)
def test_instances_are_answered_with_predictions(ridge: Server, document: Any) -> None:
    """A list with one for each, and nothing beside."""
    answer = ridge.post(document, "/v1/models/ridge:predict")

    assert (httpx.codes.OK, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert {"predictions": pytest.approx(fitted.models()["ridge"].predict(ROWS))} == answer.json()


@pytest.mark.parametrize(
    ("name", "document", "predictions"),
    [
        ("grade", {"instances": ROWS}, [1, 2]),
        ("grade", {"instances": NAMED}, [1, 2]),
        ("two", {"instances": ARRAYS}, [[3, 3], [3.5, 12]]),
        ("two", {"inputs": {"left": [[1, 2]], "right": [[2, 1]]}}, [[3, 3]]),
        ("shop", {"instances": [{"user": "eve"}, [7, 7, 7]]}, [{"user": "eve", "items": [1, 2]}, 3]),
    ],
)
def test_models_of_every_form_are_asked_alike(
    request: pytest.FixtureRequest, name: str, document: Any, predictions: list[Any]
) -> None:
    """Labels, arrays, or whatever the class answers."""
    server: Server = request.getfixturevalue(name)

    assert {"predictions": predictions} == server.post(document, f"/v1/models/{name}:predict").json()


@pytest.mark.parametrize(
    ("status", "document", "message"),
    [
        (400, {}, "instances"),
        (400, {"rows": ROWS}, "instances"),
        (422, {"instances": []}, "no rows"),
        (422, {"instances": [[1, 2]]}, "expected an array of 3 values"),
        (422, {"instances": [[1, 2, 3], [1, "two", 3]]}, 'x1 is "two"'),
    ],
)
def test_errors_are_sentences(ridge: Server, status: int, document: Any, message: str) -> None:
    """Under `error`, with the value that is to blame."""
    answer = ridge.post(document, "/v1/models/ridge:predict")

    assert status == answer.status_code
    assert message in answer.json()["error"]


def test_what_is_not_served_is_not_found(ridge: Server) -> None:
    """Another model, and explanations, which need an explainer."""
    for path in ("/v1/models/nobody:predict", "/v1/models/ridge:explain"):
        assert httpx.codes.NOT_FOUND == ridge.post({"instances": ROWS}, path).status_code
