"""The judge over HTTP, by a real server: what is answered, and that nothing that goes wrong looks like a yes."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.config import to_release
from seatrial.judge.release import begin, update
from seatrial.records import JudgePolicy, Window
from seatrial.testing import FakeClock
from seatrial.web.fetching import UNKNOWN_SPLIT
from tests.web.serving import PROMETHEUS, SOURCE, Figures, figures, serving
from tests.web.streams import BEGIN, history, stream

POLICY: dict[str, Any] = {"warmup": 0}
FETCHING: dict[str, Any] = {
    "release": "shop-7",
    "stable": "v6",
    "canary": "v7",
    "weight": 0.2,
    "policy": {**POLICY, "source": SOURCE},
}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A judge that has figures of a harmless canary."""
    with serving(tmp_path) as at:
        yield at


def ask(url: str, body: object, **options: Any) -> httpx.Response:
    """One request to the judge; whatever it answers is JSON."""
    given: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = httpx.post(f"{url}/v1/judge", **given, **options)
    assert "application/json" == answer.headers["content-type"].partition(";")[0]
    answer.json()
    return answer


def _json(windows: Iterator[Window]) -> list[Any]:
    return [msgspec.to_builtins(window, str_keys=True) for window in windows]


def test_windows_that_are_handed_in_are_judged(url: str) -> None:
    """The answer is the judge's own judgement, and simple words beside it."""
    state = begin(JudgePolicy(warmup=0.0))
    (expected,) = [update(state, window) for window in stream(3, slower=1.5)][-1:]

    answer = ask(url, {"policy": POLICY, "windows": _json(stream(3, slower=1.5))}).json()

    assert ("abort", "fail", "Failed") == (answer["decision"], answer["verdict"], answer["phase"])
    assert answer["value"] >= 1
    assert json.loads(msgspec.json.encode(expected)) == answer["judgement"]


def test_the_caller_may_keep_the_state(url: str) -> None:
    """Sent back with the next windows, the state makes the same of them as all windows at once."""
    windows = _json(stream(6, slower=1.01, requests=500))
    first = ask(url, {"policy": POLICY, "windows": windows[:2]}).json()
    second = ask(url, {"state": first["state"], "windows": windows[2:]}).json()

    whole = ask(url, {"policy": POLICY, "windows": windows}).json()
    assert whole["judgement"] == second["judgement"]
    assert 6 == second["windows"]


def test_history_is_learned_from(url: str) -> None:
    """Windows under `history` are not judged, but what is said rests on them."""
    past, new = _json(history(60)), _json(stream(2, requests=300, slower=1.1))
    with_past = ask(url, {"policy": POLICY, "history": past, "windows": new}).json()
    without = ask(url, {"policy": POLICY, "windows": new}).json()

    assert 2 == with_past["windows"] == without["windows"]
    assert with_past["judgement"] != without["judgement"]


def test_the_server_keeps_a_named_release(tmp_path: Path) -> None:
    """Over calls and over a restart; windows that were sent before don't count again."""
    windows = _json(stream(4, requests=500))
    with serving(tmp_path) as url:
        ask(url, {"release": "shop", "policy": POLICY, "windows": windows[:2]})
    with serving(tmp_path) as url:
        again = ask(url, {"release": "shop", "policy": POLICY, "windows": windows}).json()
        whole = ask(url, {"policy": POLICY, "windows": windows}).json()
        last = httpx.get(f"{url}/v1/judge", params={"release": "shop"}).json()

    assert whole["judgement"] == again["judgement"]
    assert again == last


def test_a_release_can_be_forgotten(url: str) -> None:
    """What is begun under its name afterwards is another release."""
    windows = _json(stream(1, slower=2.0))
    ask(url, {"release": "shop", "policy": POLICY, "windows": windows})

    assert 200 == httpx.delete(f"{url}/v1/judge?release=shop").status_code
    assert 404 == httpx.get(f"{url}/v1/judge?release=shop").status_code
    assert 404 == httpx.delete(f"{url}/v1/judge?release=shop").status_code
    assert 0 == ask(url, {"release": "shop", "policy": POLICY}).json()["windows"]


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    """A question about a release that nobody began makes no file."""
    with serving(tmp_path) as url:
        answers = [httpx.get(f"{url}/v1/judge?release=a"), httpx.delete(f"{url}/v1/judge?release=b")]
        wrong = httpx.get(f"{url}/v1/judge?release=../a")

    assert [404, 404, 400] == [answer.status_code for answer in (*answers, wrong)]
    assert [] == list(tmp_path.iterdir())


def test_many_at_once_count_each_window_once(tmp_path: Path) -> None:
    """Twelve callers of one release with the same windows leave it as one caller would."""
    body = {"release": "shop", "policy": POLICY, "windows": _json(stream(5, requests=500))}
    answers: list[Any] = []
    with serving(tmp_path, clock=SystemClock()) as url:
        threads = [
            threading.Thread(target=lambda: answers.append(ask(url, body, timeout=30).json())) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [5] * 12 == [answer["windows"] for answer in answers]
    assert 1 == len({json.dumps(answer, sort_keys=True) for answer in answers})


def test_figures_are_fetched_since_the_last_call(tmp_path: Path) -> None:
    """The first call begins the release, each further one judges the windows that were completed meanwhile."""
    clock, found = FakeClock(BEGIN), figures(requests=1000)
    with serving(tmp_path, found, clock=clock) as url:
        first = ask(url, FETCHING).json()
        clock.sleep(90)
        second = ask(url, FETCHING).json()
        clock.sleep(600)
        third = ask(url, FETCHING).json()

    assert ["continue", 0, 1, 11] == [first["decision"], first["windows"], second["windows"], third["windows"]]
    assert "2026-11-20T12:11:00Z" == third["judged_to"]
    assert 0.2 == third["judgement"]["split"]["expected"]


def test_harm_that_is_fetched_aborts(tmp_path: Path) -> None:
    """The decision names the metric."""
    clock = FakeClock(BEGIN)
    with serving(tmp_path, figures(slower=1.5), clock=clock) as url:
        ask(url, FETCHING)
        clock.sleep(300)
        answer = ask(url, FETCHING).json()

    assert "abort" == answer["decision"]
    assert "latency" in answer["why"]


def test_no_traffic_never_passes(tmp_path: Path) -> None:
    """Five hours without a request, and the judge still says go on."""
    clock = FakeClock(BEGIN)
    with serving(tmp_path, figures(requests=0), clock=clock) as url:
        said = set()
        for _ in range(5):
            said.add(ask(url, FETCHING, timeout=60).json()["verdict"])
            clock.sleep(3500)

    assert {"inconclusive"} == said


def test_a_silent_source_is_no_answer(tmp_path: Path) -> None:
    """503 while it is silent, and afterwards nothing was lost."""
    clock, found = FakeClock(BEGIN), figures(requests=1000)
    with serving(tmp_path, found, clock=clock) as url:
        found.metrics.down = "prometheus does not answer"
        assert 503 == ask(url, FETCHING).status_code
        found.metrics.down = ""
        ask(url, FETCHING)
        clock.sleep(120)
        found.metrics.down = "prometheus does not answer"
        silent = ask(url, FETCHING)
        found.metrics.down = ""
        answer = ask(url, FETCHING).json()

    assert 503 == silent.status_code
    assert "prometheus does not answer" == silent.json()["error"]["what"]
    assert 2 == answer["windows"]


def test_the_weight_may_be_a_query(tmp_path: Path) -> None:
    """It is asked at both ends of each window: one in which it changed is not steady. Without an answer the split isn't checked."""
    weight = 'flagger_canary_weight{workload="shop"} / 100'
    clock, found = FakeClock(BEGIN), figures(requests=1000)
    found.answers = {weight: 0.2}
    with serving(tmp_path, found, clock=clock) as url:
        ask(url, {**FETCHING, "weight": weight})
        clock.sleep(120)
        known = ask(url, {**FETCHING, "weight": weight}).json()
        ask(url, {**FETCHING, "release": "other", "weight": None})
        clock.sleep(120)
        unknown = ask(url, {**FETCHING, "release": "other", "weight": None}).json()

    asked = [each for each in found.asked if isinstance(each, tuple)]
    assert {(PROMETHEUS, weight)} == {each[:2] for each in asked}
    assert 3 == len({each[2] for each in asked})
    assert 0.2 == known["judgement"]["split"]["expected"]
    assert [UNKNOWN_SPLIT] == unknown["notes"]
    assert unknown["judgement"]["split"]["expected"] == pytest.approx(unknown["judgement"]["split"]["observed"])


def test_thresholds_are_asked_for(tmp_path: Path) -> None:
    """A query as a fixed bound is asked with the canary's version at the end of each window; crossing it aborts."""
    query = 'max(queue_length{version="$version"})'
    clock, found = FakeClock(BEGIN), figures(requests=1000)
    found.answers = {'max(queue_length{version="v7"})': 12.0}
    body = {**FETCHING, "policy": {**FETCHING["policy"], "thresholds": [{"query": query, "below": 10}]}}
    with serving(tmp_path, found, clock=clock) as url:
        ask(url, body)
        clock.sleep(120)
        answer = ask(url, body).json()

    assert "abort" == answer["decision"]
    assert [12.0] == [each["value"] for each in answer["judgement"]["thresholds"]]


def test_a_service_of_the_project_may_be_named(tmp_path: Path) -> None:
    """Then seatrial.yaml says where the figures are and what holds."""
    services = {"shop": to_release({**POLICY, "source": SOURCE, "window": "30s"}, where="here")}
    body = {"release": "shop-7", "service": "shop", "stable": "v6", "canary": "v7", "weight": 0.2}
    clock = FakeClock(BEGIN)
    with serving(tmp_path, clock=clock, services=services) as url:
        ask(url, body)
        clock.sleep(60)
        answer = ask(url, body).json()
        wrong = ask(url, {**body, "service": "shap"})

    assert 2 == answer["windows"]
    assert "did you mean 'shop'?" in wrong.json()["error"]["what"]


_WINDOW = {"start": "2026-11-20T12:00:00Z", "weight": 0.2}


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        (b"", "body", "not JSON"),
        (b'{"policy": NaN}', "body", "not JSON"),
        (b'{"policy":{"alpha":' + b"[" * 50_000, "body", "not JSON"),
        (b"\xff", "body", "not JSON"),
        ([], "body", "expected `object`"),
        ({"windws": []}, "body", "did you mean `windows`?"),
        ({"policy": {"alpa": 0.01}}, "policy", "unknown key 'alpa'; did you mean 'alpha'?"),
        ({"policy": {"margins": {"latency_p99": "0.1"}}}, "policy", "'0.1' is of the wrong kind"),
        ({"policy": {"alpha": 2}}, "policy", "alpha"),
        ({"policy": {}, "windows": [{**_WINDOW, "weight": 2}]}, "windows[0]", "weight"),
        ({"policy": {}, "windows": [_WINDOW, _WINDOW]}, "windows[1]", "before the one above it ends"),
        ({"policy": {}, "windows": [{**_WINDOW, "cannary": {}}]}, "windows[0]", "did you mean `canary`?"),
        ({"state": "{}", "windows": []}, "state", "no state of the judge"),
        ({"state": "{}", "release": "a"}, "state", "both release and state"),
        ({"release": "../../etc/passwd", "policy": {}}, "release", "can't name a release"),
        ({"service": "shop"}, "service", "knows no service"),
        ({"policy": {}, "service": "shop"}, "service", "both policy and service"),
        ({"weight": 0.2}, "weight", "without stable and canary"),
        ({"release": "a", "stable": "1", "canary": "2"}, "policy.source", "nothing says where the figures are"),
        ({**FETCHING, "stable": None}, "stable", "only one arm"),
        ({**FETCHING, "canary": 'v7"} or vector(1) or x{a="'}, "canary", "no name that can stand in a query"),
        ({**FETCHING, "weight": 20}, "body", "weight"),
        ({**FETCHING, "release": None}, "release", "has no name"),
        ({**FETCHING, "windows": [_WINDOW]}, "windows", "windows are handed in"),
    ],
)
def test_what_is_wrong_is_said(url: str, body: object, where: str, what: str) -> None:
    """400 with what, where and the remedy; never a decision."""
    answer = ask(url, body)

    assert 400 == answer.status_code
    assert {"error"} == set(answer.json())
    assert where == answer.json()["error"]["where"]
    assert what in answer.json()["error"]["what"]


def test_another_policy_is_refused(url: str) -> None:
    """A release goes on with the policy that it was begun with."""
    ask(url, {"release": "shop", "policy": POLICY})
    answer = ask(url, {"release": "shop", "policy": {**POLICY, "alpha": 0.2}})

    assert 400 == answer.status_code
    assert "another policy" in answer.json()["error"]["what"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/v1/judge", 400), ("PUT", "/v1/judge", 405), ("GET", "/v1/flagger/rollout", 405)],
)
def test_other_paths_are_answered_in_json(url: str, method: str, path: str, status: int) -> None:
    """Argo takes text with a 2xx status for a success, so there is none."""
    answer = httpx.request(method, f"{url}{path}")

    assert status == answer.status_code
    assert {"what", "where", "remedy"} == set(answer.json()["error"])


def test_a_body_has_an_end(tmp_path: Path) -> None:
    """A body that is larger than allowed is refused, declared or not."""
    with serving(tmp_path, largest=1000) as url:
        declared = ask(url, b" " * 2000)
        streamed = httpx.post(f"{url}/v1/judge", content=(b" " * 100 for _ in range(30)))

    assert 413 == declared.status_code == streamed.status_code
    assert "error" in streamed.json()


def test_a_caller_that_hangs_up_harms_nobody(url: str) -> None:
    """A request that is cut off is no release and no trouble for the next one."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b'POST /v1/judge HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"release": "shop"')

    assert 404 == httpx.get(f"{url}/v1/judge?release=shop").status_code


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    """Without it nothing is answered but that the server runs."""
    with serving(tmp_path, token="s3cret") as url:
        bare = ask(url, {"policy": POLICY})
        wrong = ask(url, {"policy": POLICY}, headers={"Authorization": "Bearer s3cre"})
        other = ask(url, {"policy": POLICY}, headers={"Authorization": "Basic s3cret"})
        right = ask(url, {"policy": POLICY}, headers={"Authorization": "bearer s3cret"})
        health = httpx.get(f"{url}/healthz")

    assert [401, 401, 401, 200, 200] == [each.status_code for each in (bare, wrong, other, right, health)]
    assert "s3cret" not in bare.text
    assert {"status": "ok"} == health.json()


def test_requests_open_no_way_into_the_network(tmp_path: Path) -> None:
    """Where sources are listed, a request names one of them, or one that the project's services have."""
    own = to_release({**POLICY, "source": {**SOURCE, "url": "http://own.test"}}, where="here")
    with serving(tmp_path, figures(), services={"shop": own}, sources=frozenset({PROMETHEUS})) as url:
        listed = ask(url, FETCHING)
        of_service = ask(url, {**FETCHING, "release": "b", "policy": {"source": {**SOURCE, "url": "http://own.test"}}})
        other = ask(
            url, {**FETCHING, "release": "c", "policy": {"source": {**SOURCE, "url": "http://169.254.169.254"}}}
        )
        bound = {"query": "up", "below": 1, "url": "http://169.254.169.254"}
        hidden = ask(url, {**FETCHING, "release": "d", "policy": {"source": SOURCE, "thresholds": [bound]}})

    assert [200, 200, 400, 400] == [each.status_code for each in (listed, of_service, other, hidden)]
    assert "may not name a Prometheus at '169.254.169.254'" in other.json()["error"]["what"]


def test_what_nobody_foresaw_is_no_yes(tmp_path: Path) -> None:
    """500, in JSON, without what the log says."""

    class Broken(Figures):
        def open(self, spec: object) -> Any:
            raise RuntimeError(f"secret detail of {spec}")

    broken = Broken(metrics=figures().metrics)
    with serving(tmp_path, broken) as url:
        answer = ask(url, FETCHING)

    assert 500 == answer.status_code
    assert "secret detail" not in answer.text


def test_the_document_describes_what_is_answered(url: str) -> None:
    """Each path of the OpenAPI document is there, and a real answer has what the document requires and nothing else."""
    document = httpx.get(f"{url}/openapi.json").json()
    answer = ask(url, {"policy": POLICY, "windows": _json(stream(2))}).json()
    shape = document["components"]["schemas"]["Answer"]

    assert {"/v1/judge", "/v1/flagger/{hook}", "/healthz"} == set(document["paths"])
    assert set(shape["required"]) <= set(answer) <= set(shape["properties"])
    assert answer["decision"] in shape["properties"]["decision"]["enum"]
    assert answer["phase"] in shape["properties"]["phase"]["enum"]
    assert {"release", "policy", "service", "history", "windows", "state", "stable", "canary", "weight"} == set(
        document["components"]["schemas"]["JudgeJson"]["properties"]
    )
