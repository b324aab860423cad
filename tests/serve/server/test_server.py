"""The server as its callers and its operator see it."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.serve.running import COMMAND, Server, serving, start
from tests.waiting import wait_until


@pytest.mark.parametrize("body", [[1, 1, 1], {"x0": 1, "x1": 1, "x2": 1}, {"inputs": [1, 1, 1]}])
def test_one_row_is_answered_with_one_prediction(served: Server, body: object) -> None:
    """By position, by name, or in the tutorials' form."""
    answer = served.post(body)

    assert httpx.codes.OK == answer.status_code
    assert pytest.approx(6.0) == answer.json()["prediction"]


def test_many_rows_are_answered_in_their_order(served: Server) -> None:
    """A prediction a row."""
    assert pytest.approx([1.0, 2.0, 3.0]) == served.post([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).json()["prediction"]


def test_the_other_protocols_give_the_same_prediction(served: Server) -> None:
    """KServe V1 and Open Inference V2."""
    first = served.post({"instances": [[1, 1, 1]]}, "/v1/models/ridge:predict").json()
    tensor = {"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [1, 1, 1]}
    second = served.post({"inputs": [tensor]}, "/v2/models/ridge/infer").json()

    assert pytest.approx([6.0]) == first["predictions"]
    assert pytest.approx([6.0]) == second["outputs"][0]["data"]


def test_a_wrong_value_is_named(served: Server) -> None:
    """422 with row, field, value and what was expected."""
    answer = served.post([[1, 2, 3], [1, "two", 3]])

    assert httpx.codes.UNPROCESSABLE_ENTITY == answer.status_code
    (detail,) = answer.json()["details"]
    assert (1, "x1", "two") == (detail["row"], detail["field"], detail["value"])


def test_the_callers_request_id_comes_back(served: Server) -> None:
    """And one is made where there is none, or one that could break a header."""
    assert "order-7" == served.post([1, 1, 1], headers={"x-request-id": "order-7"}).headers["x-request-id"]
    made = {served.post([1, 1, 1], headers={"x-request-id": "a b"}).headers["x-request-id"] for _ in range(2)}
    assert 2 == len(made - {"a b", ""})


def test_routes_that_are_not_there_say_what_is(served: Server) -> None:
    """404 for a path, 405 with `allow` for a method."""
    assert httpx.codes.NOT_FOUND == served.get("/nothing").status_code
    wrong = served.get("/predict")
    assert (httpx.codes.METHOD_NOT_ALLOWED, "POST") == (wrong.status_code, wrong.headers["allow"])


def test_engine_and_evidence_are_told(served: Server) -> None:
    """In the log and in the model's metadata."""
    told = served.get("/v2/models/ridge").json()["seatrial"]

    assert told["engine"] in {"onnx", "native"}
    assert told["evidence"]["rows"] >= 1000
    assert told["reason"] in served.messages


def test_requests_are_counted(served: Server) -> None:
    """By handler and grouped status."""
    before = served.metric("seatrial_http_requests_total", handler="/predict", status="4xx")

    served.post([1])

    assert before + 1 == served.metric("seatrial_http_requests_total", handler="/predict", status="4xx")


def test_open_connections_are_shown(served: Server) -> None:
    """Two that are kept, and the one that asks; closed ones are not."""
    with httpx.Client() as first, httpx.Client() as second:
        for client in (first, second):
            client.get(f"{served.url}/healthz")

        wait_until(lambda: served.metric("seatrial_http_connections_open") == 3)

    wait_until(lambda: served.metric("seatrial_http_connections_open") == 1)


def test_it_is_alive_at_once_and_ready_when_the_model_is_loaded(classes: Path) -> None:
    """Until then predictions are answered with 503 and retry-after."""
    server = start(classes, "models:Patient", cwd=classes)
    try:
        assert httpx.codes.OK == server.get("/healthz").status_code
        assert httpx.codes.SERVICE_UNAVAILABLE == server.get("/readyz").status_code
        early = server.post({"n": 1})
        assert (httpx.codes.SERVICE_UNAVAILABLE, "1") == (early.status_code, early.headers["retry-after"])

        (classes / "go").touch()

        wait_until(lambda: server.get("/readyz").status_code == httpx.codes.OK)
        assert {"n": 1} == server.post({"n": 1}).json()["prediction"]
        assert 0 == server.stop()
    finally:
        server.process.kill()


def test_it_can_be_stopped_while_it_loads(classes: Path) -> None:
    """Without waiting for the model."""
    server = start(classes, "models:Patient", cwd=classes)
    try:
        assert 0 == server.stop()
    finally:
        server.process.kill()


def test_a_failing_row_fails_alone_and_its_error_stays_in_the_log(classes: Path) -> None:
    """The caller sees the type only, unless the model gave the error a status."""
    with serving(classes, "models:Fragile", cwd=classes) as server:
        poisoned, nobody, good = server.post("poison"), server.post("nobody"), server.post("good")

        assert httpx.codes.INTERNAL_SERVER_ERROR == poisoned.status_code
        assert "RuntimeError" in poisoned.text
        assert "secret" not in poisoned.text
        assert "secret" in server.log_file.read_text()
        assert (httpx.codes.NOT_FOUND, "there is no such user") == (nobody.status_code, nobody.json()["error"])
        assert "good" == good.json()["prediction"]


def test_reloading_needs_the_token(classes: Path) -> None:
    """Without one configured there is no such route; with a wrong one nothing happens."""
    with serving(classes, "models:Doubled", cwd=classes) as server:
        assert httpx.codes.NOT_FOUND == httpx.post(f"{server.url}/admin/reload").status_code
    with serving(classes, "models:Doubled", cwd=classes, env={"SEATRIAL_ADMIN_TOKEN": "s3cret"}) as server:
        first = server.workers

        wrong = httpx.post(f"{server.url}/admin/reload", headers={"authorization": "Bearer other"})
        right = httpx.post(f"{server.url}/admin/reload", headers={"authorization": "Bearer s3cret"})

        assert (httpx.codes.UNAUTHORIZED, httpx.codes.ACCEPTED) == (wrong.status_code, right.status_code)
        wait_until(lambda: server.workers and not server.workers & first)
        assert {"prediction": 4} == {k: v for k, v in server.post({"n": 2}).json().items() if k != "latency"}
        assert "s3cret" not in server.log_file.read_text()


def test_a_reload_serves_what_the_file_says_now(classes: Path) -> None:
    """New code, from a new process."""
    with serving(classes, "models:Doubled", cwd=classes) as server:
        source = classes / "models.py"
        # Of another length: Python takes bytecode of the same second and length for that of the file.
        source.write_text(source.read_text().replace('2 * row["n"]', '(3 * row["n"])'))

        server.reload()

        wait_until(lambda: server.post({"n": 2}).json()["prediction"] == 6)


def test_workers_share_one_view_of_the_metrics(classes: Path) -> None:
    """Whichever answers, /metrics shows the sum; also of workers that were killed."""
    with serving(classes, "models:Doubled", "--workers", "3", cwd=classes) as server:
        wait_until(lambda: len(server.workers) == 3)
        for _ in range(30):
            server.post({"n": 1})
        os.kill(min(server.workers), signal.SIGKILL)
        for _ in range(30):
            wait_until(lambda: _answered(server))

        name = "seatrial_http_requests_total"
        assert 60 == server.metric(name, handler="/predict", status="2xx")


def _answered(server: Server) -> bool:
    """A request whose connection went to the worker that was just killed is lost with it."""
    try:
        return server.post({"n": 1}).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("there is no model", ["nowhere.joblib"]),
        ("no model is known to end with .txt2", ["model.txt2"]),
        ("cannot listen there", ["models:Doubled", "--host", "192.0.2.1"]),
        ("cannot listen there", ["models:Doubled", "--port", "{taken}"]),
    ],
)
def test_what_cannot_be_served_is_told_at_once(classes: Path, expected: str, arguments: list[str]) -> None:
    """Exit code 2 and one message."""
    (classes / "model.txt2").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [word.format(taken=taken.getsockname()[1]) for word in arguments]
        ended = subprocess.run(
            [*COMMAND, "serve", *words], cwd=classes, capture_output=True, text=True, timeout=60, check=False
        )

    assert 2 == ended.returncode
    assert expected in ended.stderr
    assert "Traceback" not in ended.stderr
