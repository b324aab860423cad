"""The OpenAPI document is valid, and whatever it allows is taken."""

import json
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.records.serving import Form, Signature
from seatrial.serve.codec import Endpoint, Limits
from seatrial.serve.model import Outputs
from seatrial.serve.protocols import document, endpoints
from tests.serve.protocols.models import (
    JSON_HEADERS,
    SECONDS,
    Declared,
    anything,
    as_body,
    cars,
    image,
    info,
    numbers,
    pair,
    refusal,
    wine,
)

LIMITS = Limits(rows=3)
SIGNATURES: dict[str, Signature] = {
    "wine": wine(output="quality", classes=(5, 6)),
    "cars": cars(),
    "numbers": numbers(3),
    "image": image(),
    "pair": pair(),
    "anything": anything(),
}
ROUTES = (Declared("GET", "/recommend/{user}"), Declared("POST", "/films/{film}/like"))


def listed(signature: Signature) -> tuple[Endpoint, ...]:
    """All endpoints, own routes of a Python class included."""
    return endpoints(signature, info(), LIMITS, ROUTES if signature.form is Form.JSON else ())


def described(name: str) -> Any:
    """The document as a client gets it."""
    signature = SIGNATURES[name]
    return json.loads(msgspec.json.encode(document(signature, info(), listed(signature))))


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_document_is_valid(name: str) -> None:
    """By the loader of schemathesis, which reads all of it."""
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_dict(described(name))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {"/predict", "/v1/models/wine:predict", "/v2/models/wine/infer", "/healthz", "/metrics", "/feedback"} <= {
        operation.path for operation in operations
    }


def test_the_document_follows_the_specification() -> None:
    """As another validator reads it."""
    validator = pytest.importorskip("openapi_spec_validator")
    for name in SIGNATURES:
        validator.validate(described(name))


def test_operations_have_ids_of_their_own() -> None:
    """Generators of clients name functions after them."""
    paths = described("anything")["paths"]
    found = [one["operationId"] for path in paths.values() for one in path.values() if "operationId" in one]
    assert sorted(set(found)) == sorted(found)
    assert "get_recommend_user_" in found


def test_every_error_that_a_request_can_bring_about_is_listed() -> None:
    """With the schema of the error document, which the errors follow."""
    for name, signature in SIGNATURES.items():
        found = described(name)
        error = found["components"]["schemas"]["Error"]
        for endpoint in listed(signature)[:3]:
            refused = refusal(endpoint.codec, b'{"inputs": [1, "x"], "y": 2}' if name != "anything" else b"{")
            made = endpoint.codec.refuse(refused)
            responses = found["paths"][endpoint.paths[0]]["post"]["responses"]
            assert str(made.status) in responses
            jsonschema.validate(json.loads(made.body), error)


def request_schema(name: str, endpoint: Endpoint) -> Any:
    """JSON Schema of a body, with what it refers to."""
    found = described(name)
    body = found["paths"][endpoint.paths[0]][endpoint.method.lower()]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    return json.loads(json.dumps({**schema, "components": found["components"]}))


WITHOUT_SHAPES = [name for name in SIGNATURES if name not in ("image", "pair")]


@pytest.mark.parametrize("name", WITHOUT_SHAPES)
@pytest.mark.parametrize("protocol", [0, 1])
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_the_document_allows_is_taken(name: str, protocol: int, data: st.DataObject) -> None:
    """Bodies that schemathesis draws from it, for `POST /predict` and KServe V1."""
    schemathesis = pytest.importorskip("schemathesis")
    endpoint = listed(SIGNATURES[name])[protocol]
    operation = schemathesis.openapi.from_dict(described(name))[endpoint.paths[0]]["POST"]
    body = data.draw(operation.as_strategy()).body
    assert 1 <= endpoint.codec.decode(as_body(body), JSON_HEADERS).count <= 3


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_example_is_taken_and_follows_its_schema(name: str) -> None:
    """So that what people copy works."""
    for endpoint in listed(SIGNATURES[name]):
        operation = described(name)["paths"][endpoint.paths[0]][endpoint.method.lower()]
        if "requestBody" not in operation:
            continue
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        assert examples
        for example in examples.values():
            jsonschema.Draft202012Validator(request_schema(name, endpoint)).validate(example["value"])
            path = endpoint.paths[0].replace("{", "").replace("}", "").encode()
            endpoint.codec.decode(as_body(example["value"]), {b":path": path})


@pytest.mark.parametrize("document_", [{"alcohol": 1, "pH": 1, "year": 2000}, [[1, 1, 2000], [1, 1, 2000]]])
def test_answers_follow_their_schema(document_: Any) -> None:
    """One and many, with probabilities."""
    found = described("wine")
    endpoint = listed(SIGNATURES["wine"])[0]
    schema = found["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    asked = endpoint.codec.decode(as_body(document_), JSON_HEADERS)
    made = endpoint.codec.encode(asked, Outputs(np.array([5, 6]), np.array([[0.5, 0.5]] * 2)), 0, SECONDS)
    jsonschema.Draft202012Validator({**schema, "components": found["components"]}).validate(json.loads(made.body))
