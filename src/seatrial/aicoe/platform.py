"""Platform metrics as the AICoE pipeline asks for them: what a pod used, from a Prometheus or Thanos, by its two queries.

The most of the values above zero over the test's span, looked at each second. A server that is silent or knows nothing of
the pod makes a row that says so: never a zero, and never a row less.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from seatrial.aicoe.gathered import PodUsage
from seatrial.ports import Query
from seatrial.records import Report, SeatrialError, UsageError
from seatrial.wording.text import one_line

_MEMORY: Final = "container_memory_working_set_bytes"
_CPU: Final = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate"
_MOST_STEPS: Final = 10_000
_LONGEST: Final = 200
_EVERY: Final = ""

Span = tuple[datetime, datetime]


def memory_query(namespace: str, pod: str) -> str:
    """Bytes that a pod holds, its containers together."""
    return _query(_MEMORY, namespace, pod)


def cpu_query(namespace: str, pod: str) -> str:
    """Cores that a pod uses, its containers together."""
    return _query(_CPU, namespace, pod)


def _query(series: str, namespace: str, pod: str) -> str:
    labels = f'namespace={_quoted(namespace)}, container!="prometheus-proxy", pod={_quoted(pod)}'
    return f"sum({series}{{{labels}}}) by (pod)"


def _quoted(value: str) -> str:
    """A string of PromQL, which escapes as JSON does; nothing in it ends it."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)


def most_over(query: str, span: Span) -> str:
    """The most of a query's values above zero over a span that ends at the moment it is asked for."""
    seconds = max(1, math.ceil((span[1] - span[0]).total_seconds()))
    step = math.ceil(seconds / _MOST_STEPS)
    return f"max_over_time(({query} > 0)[{seconds}s:{step}s])"


def pod_usage(server: Query, namespace: str, pod: str, span: Span) -> PodUsage:
    """What a pod used at most over a span; raises nothing."""
    try:
        cpu = server.value(most_over(cpu_query(namespace, pod), span), span[1])
        memory = server.value(most_over(memory_query(namespace, pod), span), span[1])
    except SeatrialError as error:
        return PodUsage(why=one_line(error.what, _LONGEST))
    return PodUsage(
        cpu=cpu, memory=memory, why=one_line(f"Prometheus knows none of pod {pod} in {namespace}", _LONGEST)
    )


def read_pods(text: str) -> Mapping[str, str]:
    """Which pod each deployment runs in: `a-pod` for all of them, or `inference=a-pod,training=b-pod`.

    A pod without a deployment's name stands under the empty name. Raises UsageError for anything else.
    """
    pods: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        deployment, _, pod = part.rpartition("=")
        if not pod.strip() or deployment.strip() in pods:
            raise UsageError(
                f"{one_line(part, _LONGEST)!r} names no pod, or a second one of the same deployment",
                where="PIPELINE_HELPERS_POD_NAME",
                remedy="write the pod's name, or OVERLAY=POD for each, with commas between them",
            )
        pods[deployment.strip()] = pod.strip()
    return pods


def gather(server: Query, report: Report, namespace: str, pods: Mapping[str, str], span: Span) -> dict[str, PodUsage]:
    """The usage of every deployment whose pod is known.

    A pod without a deployment's name is that of the only deployment; of several it can be none of them in particular.
    """
    named = {each.name: pods[each.name] for each in report.deployments if each.name in pods}
    if len(report.deployments) == 1 and not named and _EVERY in pods:
        named = {report.deployments[0].name: pods[_EVERY]}
    return {name: pod_usage(server, namespace, pod, span) for name, pod in named.items()}


def span_of_tests(report: Report, environ: Mapping[str, str]) -> Span:
    """Between which moments the deployments were driven and tested.

    As the pipeline's own variables say (seconds since 1970), else as the report's timings do: driving and testing are the
    last that a trial does before it compares.
    """
    given = [
        _moment(environ.get(f"PIPELINE_HELPERS_PROCESS_{name}_TIMESTAMP", ""), report) for name in ("START", "END")
    ]
    begin, end = given
    if begin is not None and end is not None and begin < end:
        return begin, end
    seconds = sum(report.timings.get(name, 0.0) for name in ("drive", "test"))
    tested = report.ended - timedelta(seconds=seconds) if seconds else report.started
    return max(report.started, tested), report.ended


def _moment(text: str, report: Report) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), tz=report.ended.tzinfo)
    except (ValueError, OverflowError, OSError):
        return None
