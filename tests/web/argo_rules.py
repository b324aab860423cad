"""What Argo Rollouts documents about a web metric, in Python: how an answer becomes a measurement, and those an end.

Written from its documentation (docs/analysis/web.md, docs/features/analysis.md). `tests/web/test_argo.py` holds it against
Argo's own code.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

_DONE_BY = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")


def filled(metric: Mapping[str, Any], arguments: Mapping[str, str]) -> dict[str, Any]:
    """A metric with its `{{args.NAME}}` filled in; an argument that is not given is a KeyError."""
    text = json.dumps(metric)
    return dict(json.loads(_DONE_BY.sub(lambda found: json.dumps(arguments[found[1]])[1:-1], text)))


def send(metric: Mapping[str, Any]) -> httpx.Response:
    """The request that a metric asks for; a body is for POST and PUT only."""
    provider = metric["provider"]["web"]
    assert set(provider) <= {"method", "url", "timeoutSeconds", "headers", "jsonPath", "jsonBody", "body", "insecure"}
    headers = {header["key"]: header["value"] for header in provider.get("headers", ())}
    return httpx.request(
        provider.get("method", "GET"),
        provider["url"],
        headers=headers,
        json=provider.get("jsonBody"),
        timeout=provider.get("timeoutSeconds", 10),
    )


def phase_of(metric: Mapping[str, Any], answer: httpx.Response) -> str:
    """What one answer is."""
    if not answer.is_success:
        return "Error"
    try:
        data = answer.json()
    except ValueError:
        return "Successful"
    try:
        result = _at(metric["provider"]["web"].get("jsonPath", "{$}"), data)
    except KeyError:
        return "Error"
    success, failure = (_holds(metric.get(f"{name}Condition"), result) for name in ("success", "failure"))
    if failure or (failure is None and success is False):
        return "Failed"
    return "Successful" if success or (success is None and failure is False) else "Inconclusive"


def end_of(metric: Mapping[str, Any], phases: Sequence[str]) -> str:
    """Where the analysis stands after measurements with these phases."""
    for count in range(1, len(phases) + 1):
        ended = _ended(metric, phases[:count])
        if ended:
            return ended
    return "Running"


def _ended(metric: Mapping[str, Any], phases: Sequence[str]) -> str:
    if _tail(phases, "Error") > metric.get("consecutiveErrorLimit", 4):
        return "Error"
    if phases.count("Inconclusive") > metric.get("inconclusiveLimit", 0):
        return "Inconclusive"
    if -1 < metric.get("failureLimit", 0) < phases.count("Failed"):
        return "Failed"
    wanted = metric.get("consecutiveSuccessLimit", 0)
    if 0 < wanted <= _tail(phases, "Successful"):
        return "Successful"
    count = metric.get("count", None if "interval" in metric else 1)
    taken = len(phases) - phases.count("Error")
    return "" if count is None or taken < count else "Successful" if not wanted else "Inconclusive"


def _tail(phases: Sequence[str], phase: str) -> int:
    length = 0
    for each in reversed(phases):
        if each != phase:
            break
        length += 1
    return length


def _at(path: str, data: Any) -> Any:
    """`{$}` and `{$.name.name}`."""
    found = re.fullmatch(r"\{\$((?:\.\w+)*)\}", path)
    assert found is not None, f"this path is not understood: {path}"
    for name in filter(None, found[1].split(".")):
        data = data[name]
    return data


def _holds(condition: str | None, result: Any) -> bool | None:
    """`result == "word"` and `result in ["word", …]`; None for no condition."""
    if condition is None:
        return None
    if found := re.fullmatch(r'result == ("[^"]*")', condition):
        return bool(result == json.loads(found[1]))
    found = re.fullmatch(r"result in (\[.*\])", condition)
    assert found is not None, f"this condition is not understood: {condition}"
    return result in json.loads(found[1])
