"""The client: wrk with one thread on its own core, one row a request."""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.environments import UnusableError, last_words, said
from benchmarks.serving.server import HERE

_SCRIPT = HERE / "post.lua"
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What wrk counted: requests, seconds, latencies in milliseconds, and what failed."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


def post(url: str, bodies: Path, *, connections: int, seconds: float, core: int) -> Answered:
    """Post the lines of `bodies` in turn on so many connections, each as soon as the last is answered.

    wrk knows whole seconds only. Raises UnusableError if nothing was answered.
    """
    options = ["--threads", 1, "--connections", connections, "--duration", f"{max(1, round(seconds))}s"]
    patience = ["--timeout", f"{_TIMEOUT_SECONDS}s", "--latency", "--script", _SCRIPT]
    said_text = said(["taskset", "--cpu-list", core, "wrk", *options, *patience, url, "--", bodies])
    line = next((line for line in said_text.splitlines() if line.startswith("figures ")), None)
    if line is None:
        raise UnusableError(f"wrk gave no figures: {last_words(said_text)}")
    found = json.loads(line.removeprefix("figures "))
    if not found["requests"]:
        raise UnusableError("nothing was answered under load")
    return Answered(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1e3,
        p99=found["p99"] / 1e3,
        failed=found["statuses"] + found["sockets"],
    )
