"""JSON Schemas of reports, made from the records, so that those who read a `report.json` know what is in it."""

import typing
from typing import Any

import msgspec


def schema_of(record: type, *, title: str, description: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of a record as msgspec writes it: a figure that isn't a finite number is null."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        **msgspec.json.schema(record),
    }
    return typing.cast("dict[str, Any]", _nullable(schema))


def text_of(schema: dict[str, Any]) -> str:
    """A schema as it stands in docs/reference/."""
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2).decode() + "\n"


def _nullable(node: object) -> object:
    """Every plain number may be null too."""
    if isinstance(node, list):
        return [_nullable(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "number":
        return {**node, "type": ["number", "null"]}
    return {key: _nullable(inner) for key, inner in node.items()}
