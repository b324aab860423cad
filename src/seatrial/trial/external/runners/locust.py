"""locust, headless: a load of users, with what it measured as metrics and each endpoint as a case.

The figures come from `--json`, which is written once at the end. Its CSV files are written once a second and miss the end
of a run. Percentiles are locust's own kind: from response times rounded to two digits above 100 ms.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec

from seatrial.logs import shown_text
from seatrial.records import TestCase, TestSpec
from seatrial.trial.external.runners.base import Runner, Seen
from seatrial.trial.external.runners.junit import suite_of

_LEVELS = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_NAME_LENGTH = 300


class _Entry(msgspec.Struct):
    """One endpoint in locust's JSON; times in milliseconds, `response_times` counts by rounded time."""

    name: str
    method: str | None
    num_requests: int
    num_failures: int
    start_time: float
    total_response_time: float
    last_request_timestamp: float | None = None
    response_times: dict[str, int] = {}


def arguments(spec: TestSpec, _project: Path, url: str, _work: Path) -> tuple[str, ...]:
    """The command line of one load."""
    load = ("-u", str(spec.users), "-r", f"{spec.spawn_rate:g}", "-t", f"{max(1, math.ceil(spec.run_time))}s")
    quiet = ("--headless", "--only-summary", "--json")
    return ("-f", spec.target, *quiet, *load, "--host", url + spec.host_path, *spec.args)


def collect(work: Path) -> Seen:
    """Cases and metrics from locust's JSON at the end of its standard output."""
    entries = _entries(work / "stdout")
    if entries is None:
        return Seen(problems=("locust ended without its figures",))
    cases = tuple(_case(entry) for entry in entries)
    suites: tuple[Element, ...] = (suite_of("locust", cases),) if cases else ()
    return Seen(cases=cases, suites=suites, metrics=_metrics(entries) if entries else {})


def _entries(path: Path) -> list[_Entry] | None:
    """The endpoints; None where there are no figures. A locustfile may print as well, before them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    begin = max(text.rfind("\n[\n"), text.rfind("\n[]")) + 1
    try:
        found, _ = json.JSONDecoder().raw_decode(text[begin:].lstrip())
        return msgspec.convert(found, list[_Entry], strict=False)
    except (ValueError, RecursionError):
        return None


def _case(entry: _Entry) -> TestCase:
    mean = entry.total_response_time / 1000 / max(1, entry.num_requests)
    name = shown_text(f"{entry.method or ''} {entry.name}", _NAME_LENGTH)
    if entry.num_failures == 0:
        return TestCase(name=name, outcome="passed", seconds=mean)
    message = f"{entry.num_failures} of {entry.num_requests} requests failed"
    return TestCase(name=name, outcome="failed", seconds=mean, message=message)


def _metrics(entries: Sequence[_Entry]) -> dict[str, float]:
    """Figures over all endpoints; times in seconds."""
    times: Counter[float] = Counter()
    for entry in entries:
        times.update({float(time): count for time, count in entry.response_times.items()})
    requests = sum(entry.num_requests for entry in entries)
    ended = max(entry.last_request_timestamp or entry.start_time for entry in entries)
    seconds = ended - min(entry.start_time for entry in entries)
    metrics = {"locust_requests": float(requests), "locust_failures": float(sum(one.num_failures for one in entries))}
    if seconds > 0:
        metrics["locust_requests_per_second"] = requests / seconds
    if times:
        metrics |= {f"locust_latency_{name}": _percentile(times, level) / 1000 for name, level in _LEVELS.items()}
    return metrics


def _percentile(times: Mapping[float, int], level: float) -> float:
    """The smallest time that at least `level` of the requests did not exceed (nearest rank)."""
    rank = math.ceil(level * sum(times.values()))
    for time in sorted(times):
        rank -= times[time]
        if rank <= 0:
            return time
    return max(times)


def _nothing_ran(spec: TestSpec) -> str:
    return f"{spec.target} sent no request"


LOCUST = Runner(
    package="locust",
    requirements=("locust>=2.32,<3", "requests>=2.31,<3"),
    arguments=arguments,
    collect=collect,
    nothing_ran=_nothing_ran,
    reads_stdout=True,
)
