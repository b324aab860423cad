"""GitLab's published OpenAPI document, and what it says about a request and its answer.

`openapi.json` names its source. That document is generated and says less than it seems to; where it is known to be wrong,
this is read instead, each time the narrowest that is true of GitLab:

- A list's answer is described by its items: operations with a parameter `page` answer arrays of the schema that they name.
- Attributes that hold several things name the schema of one: a list of that is right as well.
- Nothing is declared nullable: null is right everywhere.
- A POST is documented with 200 where GitLab answers 201.
- `Member` has the attributes of `user` beside its own instead of below it.
- A schema that is not in `openapi.json` is of nothing that is used here: null.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft202012Validator, FormatChecker

Json = Any
_SCHEMAS = "#/components/schemas/"
_MERGED = {"APIEntitiesMember": "user"}
_ERRORS = {400, 401, 403, 404, 405, 409, 422, 429, *range(500, 528)}
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    template: str
    method: str
    said: Mapping[str, Json]
    path: Mapping[str, str]

    @property
    def is_list(self) -> bool:
        """Whether it answers in pages."""
        return any(each["name"] == "page" for each in self.said["parameters"])


class Published:
    """The document."""

    def __init__(self, file: Path = Path(__file__).parent / "openapi.json") -> None:
        document = json.loads(file.read_text(encoding="utf-8"))
        self._schemas: dict[str, Json] = document["components"]["schemas"]
        self._paths = [(template, _pattern(template), said) for template, said in document["paths"].items()]

    def operation(self, method: str, path: str) -> Operation | None:
        """What the document has at a path, as it stands in the request line (without the query)."""
        for template, pattern, said in self._paths:
            if (found := pattern.fullmatch(path)) and method.lower() in said:
                values = {name: unquote(value) for name, value in found.groupdict().items()}
                return Operation(template, method.lower(), said[method.lower()], values)
        return None

    def request_problems(self, method: str, path: str, query: str, body: Json) -> Sequence[str]:
        """Whatever the document does not allow in a request."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not in the document"]
        problems = [f"{operation.template}: {problem}" for problem in self._parameters(operation, query)]
        asked = operation.said.get("requestBody")
        if asked is None:
            return problems if body is None else [*problems, f"{operation.template} takes no body"]
        return problems + self._mismatches(asked["schema"], {} if body is None else body, operation.template)

    def answer_problems(self, method: str, path: str, status: int, body: Json) -> Sequence[str]:
        """Whatever the document does not say of an answer."""
        operation = self.operation(method, path)
        if operation is None:
            return []
        if status in _ERRORS:
            told = isinstance(body, dict) and ("message" in body or "error" in body)
            return [] if told else [f"{operation.template}: an error without a message"]
        documented = operation.said["responses"]
        code = "200" if (status, operation.method) == (201, "post") and "201" not in documented else str(status)
        if code not in documented:
            return [f"{operation.template}: {status} is not documented"]
        if status == 204:
            return [] if body is None else [f"{operation.template}: 204 with a body"]
        schema = documented[code]["schema"]
        return self._mismatches(
            {"type": "array", "items": schema} if operation.is_list else schema, body, operation.template
        )

    def _parameters(self, operation: Operation, query: str) -> list[str]:
        declared = {each["name"]: each["schema"] for each in operation.said["parameters"]}
        given = [*operation.path.items(), *parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))]
        problems = [f"{name} is no parameter" for name, _ in given if name not in declared | dict(operation.path)]
        for name, text in given:
            if name in declared:
                problems += self._mismatches(declared[name], _typed(declared[name], text), name)
        return problems

    def _mismatches(self, schema: Json, value: Json, where: str) -> list[str]:
        closed = {"$defs": {name: self._of(name) for name in self._schemas}, **self._closed(schema)}
        found = Draft202012Validator(closed, format_checker=_FORMATS).iter_errors(value)
        return [
            f"{where}{each.json_path[1:]}: {each.validator} {each.validator_value}: {each.message}"[:400]
            for each in found
        ]

    def _of(self, name: str) -> Json:
        schema = self._schemas[name]
        merged = _MERGED.get(name)
        if merged is not None:
            target = schema["properties"][merged]["$ref"].removeprefix(_SCHEMAS)
            schema = {**schema, "properties": {**self._schemas[target]["properties"], **schema["properties"]}}
        return self._closed(schema)

    def _closed(self, schema: Json) -> Json:
        """The schema as JSON Schema, in which nothing may be that isn't said, but null may be everywhere."""
        if schema is True:
            return True
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_SCHEMAS)
            if name not in self._schemas:
                return {"type": "null"}
            one = {"$ref": f"#/$defs/{name}"}
            return {"anyOf": [one, {"type": "array", "items": one}, {"type": "null"}]}
        kept = dict(schema)
        if "properties" in schema:
            kept["properties"] = {name: self._nullable(each) for name, each in schema["properties"].items()}
            kept["additionalProperties"] = False
        if "items" in schema:
            kept["items"] = self._one(schema["items"])
        return kept

    def _one(self, schema: Json) -> Json:
        """An item of a list: what it names, and nothing else."""
        closed = self._closed(schema)
        return closed["anyOf"][0] if isinstance(closed, dict) and "anyOf" in closed else closed

    def _nullable(self, schema: Json) -> Json:
        closed = self._closed(schema)
        return closed if closed is True else {"anyOf": [closed, {"type": "null"}]}


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/?]+)", re.escape(template)))


def _typed(schema: Json, text: str) -> Json:
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text
