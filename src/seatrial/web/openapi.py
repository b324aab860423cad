"""What the judge answers over HTTP, as an OpenAPI document made from the very shapes that requests are read with."""

from functools import cache
from typing import Any, Final

import msgspec

from seatrial import __version__
from seatrial.web.answers import PHASES, VERDICTS
from seatrial.web.asked import FlaggerJson, JudgeJson
from seatrial.web.windows import WindowJson

HOOKS: Final = (
    "confirm-rollout",
    "pre-rollout",
    "rollout",
    "confirm-traffic-increase",
    "confirm-promotion",
    "post-rollout",
    "rollback",
    "event",
)


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    (judge, flagger, window), components = msgspec.json.schema_components(
        (JudgeJson, FlaggerJson, WindowJson), ref_template="#/components/schemas/{name}"
    )
    components["JudgeJson"]["properties"] |= {
        name: {"type": "array", "items": window, "description": "Windows by time, each once."}
        for name in ("history", "windows")
    }
    components |= {"Answer": _ANSWER, "Error": _ERROR}
    return {
        "openapi": "3.1.0",
        "info": {"title": "seatrial judge", "version": __version__},
        "paths": {
            "/v1/judge": {
                "post": _operation("What the judge says of a release, after what is new about it.", body=judge),
                "get": _operation("What it said last; learns nothing.", parameters=[_RELEASE]),
                "delete": _operation("Forget a release.", parameters=[_RELEASE]),
            },
            "/v1/flagger/{hook}": {
                "post": _operation("A webhook of Flagger: 200 says yes, 403 no.", parameters=[_HOOK], body=flagger)
            },
            "/healthz": {"get": {"summary": "Whether it runs.", "responses": {"200": {"description": "It does."}}}},
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(summary: str, *, body: object = None, parameters: list[Any] | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": _content("The answer.", {"$ref": "#/components/schemas/Answer"}),
            "default": _content("What is wrong, and the remedy.", {"$ref": "#/components/schemas/Error"}),
        },
    }
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_RELEASE: Final = {"name": "release", "in": "query", "required": True, "schema": {"type": "string"}}
_HOOK: Final = {"name": "hook", "in": "path", "required": True, "schema": {"enum": list(HOOKS)}}
_ANSWER: Final = {
    "type": "object",
    "required": ["decision", "verdict", "phase", "value", "why", "windows"],
    "properties": {
        "decision": {"enum": [decision.value for decision in PHASES]},
        "verdict": {"enum": sorted(set(VERDICTS.values()))},
        "phase": {"enum": list(PHASES.values())},
        "value": {"type": "number", "minimum": 0, "description": "Evidence of harm: 1 aborts."},
        "why": {"type": "string"},
        "windows": {"type": "integer", "description": "How many were judged."},
        "judged_to": {"type": ["string", "null"], "format": "date-time"},
        "notes": {"type": "array", "items": {"type": "string"}},
        "judgement": {"type": ["object", "null"], "description": "All of it: docs/reference/judge.md."},
        "state": {"type": "string", "description": "To be sent with the next windows, where no release is named."},
    },
}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["what", "where", "remedy"],
            "properties": {name: {"type": "string"} for name in ("what", "where", "remedy")},
        }
    },
}
