"""GitHub's published OpenAPI document, and what it says of one request and one answer.

It comes from the npm package `@octokit/openapi`, once, into the user's cache. Of its 13 MB the operations that are asked for
are kept, as JSON Schema, so that tests stay fast.
"""

import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

_PACKAGE, _VERSION = "@octokit/openapi", "23.0.2"
_MEMBER = "package/generated/api.github.com.json"
_OPERATIONS = (
    "GET /user",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "POST /repos/{owner}/{repo}/check-runs",
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
    "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
    "GET /repos/{owner}/{repo}/commits/{ref}/statuses",
    "POST /repos/{owner}/{repo}/statuses/{sha}",
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
    "GET /app",
    "GET /repos/{owner}/{repo}/installation",
    "POST /app/installations/{installation_id}/access_tokens",
)
_SCHEMAS = "#/components/schemas/"
_SILENT = frozenset({"description", "example", "examples", "discriminator", "nullable", "title", "externalDocs"})
_FORMATS = jsonschema.FormatChecker(formats=())
_ERROR = {"$ref": "#/$defs/basic-error"}
Json = dict[str, Any]


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@dataclass(frozen=True)
class Operation:
    """One operation of the document: what may be asked and what is answered."""

    name: str
    rules: Json
    schemas: Json

    def faults_of_request(self, query: Mapping[str, str], body: Any) -> list[str]:
        """What is wrong with a request; a key that the document does not know is a mistake as well."""
        known = {rule["name"]: rule["schema"] for rule in self.rules["parameters"]}
        found = [f"query {name} is unknown" for name in query if name not in known]
        for name in set(query) & set(known):
            found += self._faults(_read(query[name], known[name]), known[name], f"query {name}")
        if self.rules["body"] is None:
            return found if body is None else [*found, "a body where none is taken"]
        if body is None and self.rules["bodiless"]:
            return found
        return found + self._faults(body, self.rules["body"], "body")

    def faults_of_answer(self, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; errors that the document does not list look like any error."""
        listed = self.rules["answers"].get(str(status), "unlisted")
        if listed == "unlisted":
            if status < 300:
                return [f"{status} is no answer to {self.name}"]
            listed = None if status == 304 else _ERROR
        if listed is None:
            return [] if body is None else [f"{status} has a body"]
        return self._faults(body, listed, f"answer {status}")

    def example(self, status: int) -> Any:
        """An answer as the document shows it; the caller's own."""
        return json.loads(json.dumps(self.rules["examples"][str(status)]))

    def _faults(self, value: Any, schema: Json, where: str) -> list[str]:
        whole = {**schema, "$defs": self.schemas}
        checker = jsonschema.Draft202012Validator(whole, format_checker=_FORMATS)
        return [f"{self.name}: {where} {e.json_path}: {e.message[:300]}" for e in checker.iter_errors(value)]


class Document:
    """The operations that the fake knows."""

    def __init__(self, kept: Json) -> None:
        self._operations = {name: Operation(name, rules, kept["schemas"]) for name, rules in kept["operations"].items()}
        self._patterns = {name: re.compile(_pattern(name)) for name in self._operations}

    def find(self, verb: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request asks for, and what its path names."""
        for name, pattern in self._patterns.items():
            if match := pattern.fullmatch(f"{verb} {path}"):
                return self._operations[name], match.groupdict()
        return None

    def operation(self, name: str) -> Operation:
        """One by its name, such as `GET /user`."""
        return self._operations[name]


@functools.cache
def document() -> Document:
    """GitHub's; skips the test where it can't be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatrial-tests" / "npm"
    made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = cache / f"github-openapi-{_VERSION}-{made_by}.json"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "github-openapi.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(_extracted(_fetched(cache))))
            part.replace(kept)
    return Document(json.loads(kept.read_text()))


def _fetched(cache: Path) -> Json:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("GitHub's OpenAPI document can't be fetched: npm is not installed")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, f"{_PACKAGE}@{_VERSION}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"GitHub's OpenAPI document can't be fetched: {done.stderr[-300:]}")
        (package,) = Path(folder).glob("*.tgz")
        with tarfile.open(package) as archive:
            member = archive.extractfile(_MEMBER)
            assert member is not None
            found: Json = json.load(member)
    return found


def _extracted(whole: Json) -> Json:
    operations = {}
    for name in _OPERATIONS:
        verb, _, path = name.partition(" ")
        operations[name] = _operation(whole, whole["paths"][path][verb.lower()])
    schemas: Json = {}
    _gather(whole, [operations, _ERROR], schemas)
    return {"operations": operations, "schemas": schemas}


def _operation(whole: Json, given: Json) -> Json:
    parameters = [_resolved(whole, one) for one in given.get("parameters", ())]
    body = given.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers: Json = {}
    examples: Json = {}
    for status, answer in given["responses"].items():
        content = _resolved(whole, answer).get("content", {}).get("application/json", {})
        answers[status] = _modern(content["schema"]) if content else None
        for example in content.get("examples", {}).values():
            examples.setdefault(status, _resolved(whole, example)["value"])
    return {
        "parameters": [
            {"name": one["name"], "schema": _modern(one["schema"])} for one in parameters if one["in"] == "query"
        ],
        "body": None if body is None else _closed(_modern(body)),
        "bodiless": given.get("requestBody", {}).get("required") is False,
        "answers": answers,
        "examples": examples,
    }


def _resolved(whole: Json, given: Json) -> Json:
    if "$ref" not in given:
        return given
    found: Any = whole
    for key in given["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return dict(found)


def _gather(whole: Json, given: Any, schemas: Json) -> None:
    """Add the schemas that something refers to, and those that they refer to."""
    if isinstance(given, list):
        for one in given:
            _gather(whole, one, schemas)
    elif isinstance(given, dict):
        name = str(given.get("$ref", "")).removeprefix("#/$defs/")
        if name and name not in schemas:
            schemas[name] = _modern(whole["components"]["schemas"][name])
            _gather(whole, schemas[name], schemas)
        for one in given.values():
            _gather(whole, one, schemas)


def _modern(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema."""
    if isinstance(schema, list):
        return [_modern(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": "#/$defs/" + schema["$ref"].removeprefix(_SCHEMAS)}
    made = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _modern(one) for name, one in value.items()}
        elif key not in _SILENT and not key.startswith("x-"):
            made[key] = value if key in {"enum", "required", "default"} else _modern(value)
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def _closed(schema: Any) -> Any:
    """A schema of what is sent, in which a key that it does not name is a mistake."""
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) if key == "items" else value for key, value in schema.items()}
    if "properties" in schema:
        closed["properties"] = {name: _closed(one) for name, one in schema["properties"].items()}
        closed.setdefault("additionalProperties", False)
    return closed


def _pattern(name: str) -> str:
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", name)


def _read(text: str, schema: Json) -> Any:
    kinds: Sequence[str] | str = schema.get("type", "string")
    if kinds == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kinds == "boolean" else text
