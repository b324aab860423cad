"""The OpenAPI 3.1 document of everything that the server answers, made from what the codecs say of themselves."""

import re
from typing import Any, cast

from seatrial.records.serving import ModelInfo, Signature
from seatrial.serve.codec import Endpoint
from seatrial.serve.protocols.errors import ERROR_SCHEMA
from seatrial.serve.protocols.operation import Described, Operation, Schema
from seatrial.serve.protocols.schemas import envelope, ref, row_schemas
from seatrial.serve.validation import Json

_REASONS = {
    200: "Answered.",
    202: "Accepted.",
    400: "Not JSON, not UTF-8, or not what the protocol says.",
    401: "The token is missing or wrong.",
    404: "Nothing is there.",
    409: "The server keeps no prediction log.",
    413: "Too many rows, or too large a body.",
    415: "A content type or encoding that is not read.",
    422: "Values that the model does not take, or an answer that JSON cannot carry.",
    500: "The model failed.",
    503: "Overloaded, loading or stopping; try again after the time in Retry-After.",
}
_IDENTIFIER = re.compile(r"\W+")


def document(signature: Signature, info: ModelInfo, endpoints: tuple[Endpoint, ...], server_url: str = "/") -> Json:
    """The document, ready for msgspec.

    Args:
        signature: of the model.
        info: who it is.
        endpoints: as listed by `protocols.endpoints`.
        server_url: where clients find the server.
    """
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        operation = cast("Described", endpoint.codec).operation()
        for number, path in enumerate(endpoint.paths):
            paths.setdefault(path, {})[endpoint.method.lower()] = _operation(operation, endpoint, number)
    for path, methods in _ordinary(info).items():
        paths.setdefault(path, {}).update(methods)
    return {
        "openapi": "3.1.0",
        "info": {"title": info.name, "version": info.version, "description": _description(info)},
        "servers": [{"url": server_url}],
        "paths": paths,
        "components": {
            "schemas": {**row_schemas(signature), "Error": ERROR_SCHEMA},
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
    }


def _description(info: ModelInfo) -> str:
    return f"Model `{info.name}`, version `{info.version}` ({info.flavour}), answered by {info.choice.engine.value}."


def _operation(operation: Operation, endpoint: Endpoint, number: int) -> Json:
    made: dict[str, Json] = {
        "operationId": _IDENTIFIER.sub("_", f"{endpoint.method.lower()}{endpoint.paths[number]}"),
        "tags": ["model"],
        "summary": operation.summary,
        "responses": {"200": _answered(operation)} | {str(one): _refused(one) for one in operation.refusals},
    }
    if operation.description:
        made["description"] = operation.description
    if operation.parameters:
        made["parameters"] = list(operation.parameters)
    if operation.request is not None:
        made["requestBody"] = {"required": True, "content": _asked(operation)}
    return made


def _asked(operation: Operation) -> Json:
    examples = {name: {"value": value} for name, value in operation.examples.items()}
    asked: dict[str, Json] = {"schema": operation.request}
    return {"application/json": asked | ({"examples": examples} if examples else {})}


def _answered(operation: Operation) -> Json:
    content: dict[str, Json] = {"application/json": {"schema": operation.answer}}
    if operation.binary:
        content["application/octet-stream"] = {}
    return {"description": _REASONS[200], "content": content}


def _refused(status: int) -> Json:
    refused: dict[str, Json] = {"description": _REASONS[status]}
    refused["content"] = {"application/json": {"schema": ref("Error")}}
    if status == 503:  # noqa: PLR2004 - HTTP
        refused["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return refused


# The ordinary routes.


def _ordinary(info: ModelInfo) -> dict[str, Json]:
    model, version = f"/v2/models/{info.name}", f"/v2/models/{info.name}/versions/{info.version}"
    return {
        "/healthz": _get("Whether the process lives"),
        "/healthcheck": _get("As /healthz"),
        "/readyz": _get("Whether the model is loaded and warm", 503),
        "/metrics": _get("Prometheus metrics", kind="text/plain"),
        "/openapi.json": _get("This document"),
        "/docs": _get("The model's page", kind="text/html"),
        "/v1/models": _get("The models (KServe V1)"),
        f"/v1/models/{info.name}": _get("Whether the model is ready (KServe V1)"),
        "/v2": _get("Name, version and extensions of the server"),
        "/v2/health/live": _get("Whether the process lives (Open Inference Protocol)"),
        "/v2/health/ready": _get("Whether the model is ready (Open Inference Protocol)", 503),
        model: _get("Tensors, engine and evidence of the model"),
        version: _get("As without the version"),
        f"{model}/ready": _get("Whether the model is ready"),
        f"{version}/ready": _get("As without the version"),
        "/feedback": {"post": _FEEDBACK},
        "/admin/reload": {"post": _RELOAD},
    }


def _get(summary: str, *refusals: int, kind: str = "application/json") -> Json:
    schema: Schema = {"type": "object"} if kind == "application/json" else {"type": "string"}
    return {
        "get": {
            "tags": ["server"],
            "summary": summary,
            "responses": {"200": {"description": _REASONS[200], "content": {kind: {"schema": schema}}}}
            | {str(one): _refused(one) for one in refusals},
        }
    }


_LABEL: Schema = {
    "type": "object",
    "required": ["request_id", "label"],
    "properties": {
        "request_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512,
            "description": "Of the answer: its header x-request-id.",
        },
        "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "description": "Of the request; 0 if left out."},
        "label": {
            "type": ["string", "number", "boolean", "array", "object"],
            "description": "What was true.",
        },
    },
    "additionalProperties": False,
}
_FEEDBACK: dict[str, Any] = {
    "tags": ["server"],
    "summary": "Labels that became known later",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_LABEL, {"type": "array", "items": _LABEL, "minItems": 1}]},
                "examples": {"one label": {"value": {"request_id": "3f2b-1", "row": 0, "label": 6}}},
            }
        },
    },
    "responses": {
        "202": {
            "description": _REASONS[202],
            "content": {"application/json": {"schema": envelope(accepted={"type": "integer"})}},
        }
    }
    | {str(status): _refused(status) for status in (400, 409, 413, 422, 503)},
}
_RELOAD: dict[str, Any] = {
    "tags": ["server"],
    "summary": "Load the model anew, without a failed request",
    "description": "There only if the server was started with a token.",
    "security": [{"admin": []}],
    "responses": {
        "202": {"description": _REASONS[202], "content": {"application/json": {"schema": {"type": "object"}}}}
    }
    | {str(status): _refused(status) for status in (401, 404)},
}
