"""What a pod used, from a real Prometheus: the field's two queries, and nothing made up where there are no data."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.aicoe.gathered import PodUsage
from seatrial.aicoe.platform import cpu_query, gather, memory_query, most_over, pod_usage, read_pods, span_of_tests
from seatrial.ports import Query
from seatrial.records import TemporaryError, UsageError
from seatrial.wiring import open_results
from tests.adapters.prometheus_server import remembering
from tests.aicoe.results.samples import STARTED, good, report

BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SPAN = (BEGIN, BEGIN + timedelta(minutes=10))
CPU = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate"
MEMORY = "container_memory_working_set_bytes"
ODD = 'odd"} or vector(1e9) #\\'
TOKEN = "sha256~not-a-secret/+=%40"


def _samples() -> str:
    """Twenty minutes, every fifteen seconds: quiet, but for a peak in the span and a higher one before it."""
    lines = []
    for series, scale in ((CPU, 0.1), (MEMORY, 100 * 2**20)):
        lines.append(f"# TYPE {series} gauge")
        for namespace, pod, container, share in (
            ("aicoe-ci", "wine-1", "model", 1.0),
            ("aicoe-ci", "wine-1", "sidecar", 0.5),
            ("aicoe-ci", "wine-1", "prometheus-proxy", 50.0),
            ("other", "wine-1", "model", 70.0),
            ("aicoe-ci", "wine-10", "model", 90.0),
            ("aicoe-ci", "idle", "model", 0.0),
            ("aicoe-ci", ODD, "model", 2.0),
        ):
            labels = ",".join(
                f'{key}="{value}"'
                for key, value in (
                    ("namespace", namespace),
                    ("pod", pod.replace("\\", "\\\\").replace('"', '\\"')),
                    ("container", container),
                )
            )
            for step in range(-40, 41):
                peak = {-40: 9.0, 20: 4.0}.get(step, 1.0)
                moment = (BEGIN + timedelta(seconds=15 * step)).timestamp()
                lines.append(f"{series}{{{labels}}} {scale * share * peak} {moment}")
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that remembers them."""
    with remembering(tmp_path_factory.mktemp("prometheus"), _samples()) as url:
        yield url


def opened(folder: Path, **environ: str) -> Query:
    """What the environment names."""
    query = open_results(folder, environ).prometheus
    assert query is not None
    return query


@pytest.fixture
def prometheus(server: str, tmp_path: Path) -> Query:
    """It, as the environment names it; the token does no harm where none is wanted."""
    return opened(tmp_path, THANOS_ENDPOINT=server, THANOS_ACCESS_TOKEN=TOKEN)


def test_the_two_queries_to_the_letter() -> None:
    """Those of the field, with the step and span that are ours."""
    assert (
        'sum(container_memory_working_set_bytes{namespace="N", container!="prometheus-proxy", pod="P"}) by (pod)'
    ) == memory_query("N", "P")
    assert (
        "sum(node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate"
        '{namespace="N", container!="prometheus-proxy", pod="P"}) by (pod)'
    ) == cpu_query("N", "P")
    assert "max_over_time((up > 0)[600s:1s])" == most_over("up", SPAN)
    assert "max_over_time((up > 0)[172800s:18s])" == most_over("up", (BEGIN, BEGIN + timedelta(days=2)))
    assert "max_over_time((up > 0)[1s:1s])" == most_over("up", (BEGIN, BEGIN))


@pytest.mark.slow
def test_the_most_of_a_pod_in_the_span(prometheus: Query) -> None:
    """Its containers together, without the proxy's; neither other pods, nor other namespaces, nor the peak before."""
    usage = pod_usage(prometheus, "aicoe-ci", "wine-1", SPAN)

    assert pytest.approx(0.6) == usage.cpu
    assert pytest.approx(600 * 2**20) == usage.memory


@pytest.mark.slow
def test_names_can_not_change_the_query(prometheus: Query) -> None:
    """A pod whose name is PromQL is a pod of that name, and one that isn't there is none."""
    there = pod_usage(prometheus, "aicoe-ci", ODD, SPAN)
    absent = [
        pod_usage(prometheus, namespace, pod, SPAN)
        for namespace, pod in (
            ("aicoe-ci", 'x"} or vector(7) or up{pod="'),
            ('x", pod!=""}) or sum(up{a="', "wine-1"),
            ("aicoe-ci", "x\n"),
            ("aicoe-ci", "\\"),
            ("aicoe-ci", "\udc80"),
            ("aicoe-ci", ".*"),
        )
    ]

    assert pytest.approx(0.8) == there.cpu
    assert {(None, None)} == {(each.cpu, each.memory) for each in absent}
    assert all(each.why.startswith("Prometheus knows none of pod ") for each in absent)


@pytest.mark.slow
def test_zero_is_no_figure(prometheus: Query) -> None:
    """Of a pod that used nothing at all nothing is known, as in the field."""
    usage = pod_usage(prometheus, "aicoe-ci", "idle", SPAN)

    assert (None, None) == (usage.cpu, usage.memory)


@pytest.mark.slow
def test_outside_of_what_it_remembers_there_are_no_data(prometheus: Query) -> None:
    """Not those of another day."""
    usage = pod_usage(prometheus, "aicoe-ci", "wine-1", (BEGIN + timedelta(days=1), SPAN[1] + timedelta(days=1)))

    assert usage == PodUsage(why="Prometheus knows none of pod wine-1 in aicoe-ci")


class _Refusing(BaseHTTPRequestHandler):
    """Answers as a proxy before Thanos does."""

    seen: list[str]

    def do_POST(self) -> None:
        """Note the header, and answer 200 without data where the token is right."""
        self.seen.append(self.headers.get("Authorization", ""))
        good = self.seen[-1] == f"Bearer {TOKEN}"
        body = b'{"status":"success","data":{"resultType":"vector","result":[]}}' if good else b"Forbidden"
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def guarded() -> Iterator[tuple[str, list[str]]]:
    """A server that wants the token, and the headers that it saw."""
    seen: list[str] = []
    handler = type("Handler", (_Refusing,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_is_sent_as_bearer(guarded: tuple[str, list[str]], tmp_path: Path) -> None:
    """As it is, without the line break that a file of secrets ends with."""
    url, seen = guarded

    usage = pod_usage(opened(tmp_path, THANOS_ENDPOINT=url, THANOS_ACCESS_TOKEN=f"{TOKEN}\n"), "n", "p", SPAN)

    assert {f"Bearer {TOKEN}"} == set(seen)
    assert "Prometheus knows none of pod p in n" == usage.why


def test_a_refused_token_is_said_and_not_shown(guarded: tuple[str, list[str]], tmp_path: Path) -> None:
    """The row says that the login was refused."""
    url, _ = guarded

    usage = pod_usage(opened(tmp_path, THANOS_ENDPOINT=url, THANOS_ACCESS_TOKEN="wrong-token"), "n", "p", SPAN)

    assert "Prometheus refuses the login (403)" == usage.why


def test_a_silent_server_is_said(tmp_path: Path) -> None:
    """Nothing listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        usage = pod_usage(opened(tmp_path, THANOS_ENDPOINT=url, THANOS_ACCESS_TOKEN=TOKEN), "n", "p", SPAN)

    assert usage.why.startswith("Prometheus does not answer: ConnectError")
    assert TOKEN not in usage.why
    assert (None, None) == (usage.cpu, usage.memory)


@pytest.mark.parametrize(
    "environ",
    [
        {"THANOS_ENDPOINT": "http://127.0.0.1:9", "THANOS_ACCESS_TOKEN": "to\nken"},
        {"THANOS_ENDPOINT": "http://127.0.0.1:9", "THANOS_ACCESS_TOKEN": "tokén"},
        {"THANOS_ENDPOINT": "thanos:9090", "THANOS_ACCESS_TOKEN": "token"},
        {"THANOS_ENDPOINT": "ftp://thanos", "THANOS_ACCESS_TOKEN": "token"},
    ],
)
def test_what_can_not_be_asked_is_a_sentence(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """The trial goes on, and the token is in no message."""
    tools = open_results(tmp_path, environ)

    assert tools.prometheus is None
    (problem,) = tools.problems
    assert "the platform metrics are those that seatrial measured" in problem
    assert environ["THANOS_ACCESS_TOKEN"] not in problem.replace("THANOS_ACCESS_TOKEN", "").replace(
        "the token alone", ""
    )


class Silent:
    """A Query that does not answer."""

    def value(self, query: str, at: datetime) -> float | None:
        """Never."""
        raise TemporaryError("Prometheus does not answer: it answered 503", where=f"{query} {at}")


class Known:
    """A Query with one figure for each pod."""

    def __init__(self, **figures: float) -> None:
        self._figures = figures

    def value(self, query: str, at: datetime) -> float | None:
        """That of the pod in the query; of a moment when it has been tested."""
        return next((figure for pod, figure in self._figures.items() if f'"{pod}"' in query and at == SPAN[1]), None)


def test_a_pod_by_itself_is_that_of_the_only_deployment() -> None:
    """Of several it would be nobody's in particular, and each has its own."""
    known, one, two = Known(p=1.0, q=2.0), report(good("a")), report(good("a"), good("b"))

    assert {"a": 1.0} == {name: each.cpu for name, each in gather(known, one, "n", {"": "p"}, SPAN).items()}
    assert {} == gather(known, two, "n", {"": "p"}, SPAN)
    assert {"b": 2.0} == {name: each.cpu for name, each in gather(known, two, "n", {"b": "q", "c": "p"}, SPAN).items()}
    assert {"a": "Prometheus does not answer: it answered 503"} == {
        name: each.why for name, each in gather(Silent(), one, "n", {"": "p"}, SPAN).items()
    }


@pytest.mark.parametrize(
    ("text", "pods"),
    [("", {}), ("p", {"": "p"}), (" a=p , b=q,", {"a": "p", "b": "q"}), ("a=p,q", {"a": "p", "": "q"})],
)
def test_pods_are_read(text: str, pods: Mapping[str, str]) -> None:
    """One for all, or one each."""
    assert pods == read_pods(text)


@pytest.mark.parametrize("text", ["a=", "=", "a=p,a=q", "p,q"])
def test_pods_that_mean_nothing_are_refused(text: str) -> None:
    """Rather than one of them being taken."""
    with pytest.raises(UsageError, match="names no pod"):
        read_pods(text)


@given(namespace=st.text(), pod=st.text())
def test_any_name_is_one_string_of_the_query(namespace: str, pod: str) -> None:
    """Quotes, backslashes and line breaks in it are escaped, so that the query has three strings, whatever they hold."""
    query = memory_query(namespace, pod)

    inside = query.replace("\\\\", "").replace('\\"', "")
    assert 6 == inside.count('"')
    assert "\n" not in query


def test_the_span_is_that_of_driving_and_testing() -> None:
    """Not that of building; the pipeline's own variables count first, where they mean something."""
    found = report(good("a"))
    begin, end = STARTED + timedelta(seconds=5), STARTED + timedelta(seconds=65)
    given = {
        "PIPELINE_HELPERS_PROCESS_START_TIMESTAMP": str(int(begin.timestamp())),
        "PIPELINE_HELPERS_PROCESS_END_TIMESTAMP": str(int(end.timestamp())),
    }
    backwards = dict(zip(given, reversed(given.values()), strict=True))

    assert (STARTED + timedelta(seconds=60), STARTED + timedelta(seconds=90)) == span_of_tests(found, {})
    assert (STARTED, STARTED + timedelta(seconds=90)) == span_of_tests(replace(found, timings={}), {})
    assert (STARTED, STARTED + timedelta(seconds=90)) == span_of_tests(replace(found, timings={"test": 900.0}), {})
    assert (begin, end) == span_of_tests(found, given)
    assert span_of_tests(found, {}) == span_of_tests(found, backwards)
    assert span_of_tests(found, {}) == span_of_tests(found, dict.fromkeys(given, "soon"))
