"""A request that the deployment answers, as a command that people can copy."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from seatrial.records import DeploymentSpec, SeatrialError
from seatrial.trial.drive.requests import load_requests

_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One request.

    Attributes:
        uri: where it goes: the scoring URI.
        body: JSON; None sends none.
    """

    uri: str
    method: str = "POST"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def curl(self) -> str:
        """The command."""
        words = ["curl", "-s"]
        if self.method not in {"GET", "POST"} or (self.method == "POST" and self.body is None):
            words += ["-X", self.method]
        for name, value in self.headers.items():
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            words += ["-H", "content-type: application/json", "-d", json.dumps(self.body, ensure_ascii=False)]
        return shlex.join([*words, self.uri])


def served_example(base: str, http: httpx.Client) -> Example:
    """What a model server that answers at `base` shows in its own document; it takes that."""
    uri = f"{base}/predict"
    try:
        document = http.get(f"{base}/openapi.json", timeout=_SECONDS).raise_for_status().json()
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return Example(uri=f"{base}/docs", method="GET")
    return Example(uri=uri, body=_example_in(content))


def _example_in(content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is anything
    if "example" in content:
        return content["example"]
    examples = content.get("examples") or {}
    return next((one.get("value") for one in examples.values()), {})


def configured_example(base: str, spec: DeploymentSpec, project: Path) -> Example:
    """The first of the project's own requests; its health path where there are none, or they can't be read."""
    requests = spec.requests
    health = Example(uri=base + spec.health.path, method="GET")
    if requests is None:
        return health
    try:
        first = load_requests(requests, project).rows[0]
    except SeatrialError:
        return health
    return Example(
        uri=base + requests.path,
        method=requests.method,
        body=json.loads(first.body),
        headers={name: value for name, value in requests.headers.items() if "${" not in value},
    )
