"""What the prediction log holds after the server was killed, stopped or reloaded under load."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from seatrial.serve.log.sampling import sampled
from seatrial.telemetry.log import open_log
from tests.serve.log.makers import rows, segments
from tests.serve.running import COMMAND, Server, serving
from tests.serve.server.load import Calls, calling
from tests.waiting import wait_until

FLUSH_SECONDS = 0.2
ONE_WRITE = 1.0
"""Seconds from closing a segment to its new name, at most, on a busy machine."""


def pair(number: int) -> dict[str, Any]:
    """A request of two rows."""
    return {"inputs": [{"n": number}, {"n": -number}]}


def logged(target: Path) -> Counter[tuple[str, int]]:
    """How often each row of each request is in the log, as DuckDB reads it."""
    return Counter(rows(target, "request_id, row"))


def answered(calls: Calls) -> set[tuple[str, int]]:
    """The rows whose answers came back."""
    return {(answer.request_id, row) for answer in calls.answers for row in range(2)}


def kill(server: Server) -> float:
    """End all processes at once; the monotonic seconds just before."""
    now = time.monotonic()
    for pid in (*server.workers, server.process.pid):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    return now


def drive(calls: Calls, requests: int) -> None:
    """Wait until so many more were answered."""
    until = len(calls.answers) + requests
    wait_until(lambda: len(calls.answers) >= until, 30)


def ask(command: str, *arguments: str) -> Any:
    """What `seatrial telemetry` says, without a word of warning."""
    done = subprocess.run(
        [*COMMAND, "telemetry", command, *arguments, "--format", "json"], capture_output=True, text=True, check=True
    )
    assert "" == done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("requests", [500, 567, 633])
def test_kill_9_loses_no_more_than_the_unflushed_seconds(classes: Path, requests: int) -> None:
    """All that was renamed is read, no row twice, and what is missing was answered within the bound before the end."""
    target = classes / "log"
    arguments = ("models:Doubled", "--workers", "2", "--log", str(target), "--log-flush", str(FLUSH_SECONDS))
    with serving(classes, *arguments, cwd=classes) as server, calling(server.port, pair) as calls:
        drive(calls, requests)
        killed = kill(server)

    assert {200} == calls.statuses
    found = logged(target)
    before = [answer for answer in calls.answers if answer.at <= killed - FLUSH_SECONDS - ONE_WRITE]
    missing = [answer for answer in calls.answers if (answer.request_id, 0) not in found]
    assert {1} == set(found.values())
    assert before
    assert not [answer for answer in before if answer in missing]
    (step,) = ask("latency", str(target), "--by", "all")["steps"]
    assert len(found) == 2 * step["requests"]
    read = [Path(one["name"]).name for one in ask("segments", str(target))["segments"] if not one["problem"]]
    assert segments(target) == sorted(read)


@pytest.mark.slow
def test_a_durable_log_loses_no_answer_to_kill_9(classes: Path) -> None:
    """Whoever got an answer is in the log."""
    target = classes / "log"
    arguments = ("models:Doubled", "--workers", "2", "--log", str(target), "--durable")
    with serving(classes, *arguments, cwd=classes) as server, calling(server.port, pair) as calls:
        drive(calls, 300)
        kill(server)

    assert {200} == calls.statuses
    found = logged(target)
    assert answered(calls) <= found.keys()
    assert {1} == set(found.values())


@pytest.mark.slow
def test_workers_write_their_rows_when_only_the_parent_is_killed(classes: Path) -> None:
    """They notice, answer what they accepted, and end."""
    target = classes / "log"
    arguments = ("models:Doubled", "--workers", "2", "--log", str(target), "--log-flush", "60")
    with serving(classes, *arguments, cwd=classes) as server:
        workers = server.workers
        with calling(server.port, pair) as calls:
            drive(calls, 100)
            server.process.kill()
            wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)

    assert {200} == calls.statuses
    assert answered(calls) <= logged(target).keys()


@pytest.mark.slow
@pytest.mark.parametrize("durable", [(), ("--durable",)])
def test_stopping_under_load_loses_no_row(classes: Path, durable: tuple[str, ...]) -> None:
    """Every answer that anybody got is in the log once, refusals too, though no segment was due yet."""
    target = classes / "log"
    arguments = ("models:Fragile", "--workers", "2", "--log", str(target), "--log-flush", "60", *durable)
    with (
        serving(classes, *arguments, cwd=classes) as server,
        calling(server.port, lambda number: "nobody" if number % 3 else "somebody") as calls,
    ):
        drive(calls, 200)
        assert 0 == server.stop()

    found = logged(target)
    statuses = dict(rows(target, "request_id, status"))
    assert {200, 404} == calls.statuses
    assert {answer.request_id: answer.status for answer in calls.answers} == statuses
    assert {1} == set(found.values())


def reload(server: Server) -> None:
    """Reload, and wait until it is done."""
    done = server.messages.count("reloaded")
    server.reload()
    wait_until(lambda: server.messages.count("reloaded") > done, 30)


@pytest.mark.slow
def test_reloading_under_load_loses_no_row(classes: Path) -> None:
    """Each process writes what it answered before it ends."""
    target = classes / "log"
    with (
        serving(classes, "models:Doubled", "--log", str(target), "--log-flush", "60", cwd=classes) as server,
        calling(server.port, pair) as calls,
    ):
        for _ in range(3):
            reload(server)
            drive(calls, 50)
        assert 0 == server.stop()

    assert {200} == calls.statuses
    assert answered(calls) == logged(target).keys()


@pytest.mark.slow
def test_fields_that_are_redacted_are_nowhere_in_the_log(ridge: Path, tmp_path: Path) -> None:
    """Their columns are empty; the others and the prediction are kept, whatever the protocol."""
    target = tmp_path / "log"
    with serving(tmp_path, str(ridge), "--log", str(target), "--log-redact", "x1") as server:
        server.post([1, 77.125, 3])
        server.post({"x0": 4, "x1": 77.125, "x2": 6})
        server.post({"instances": [[7, 77.125, 9]]}, "/v1/models/ridge:predict")
        tensor = {"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [10, 77.125, 12]}
        server.post({"inputs": [tensor]}, "/v2/models/ridge/infer")
        assert 422 == server.post({"x0": 1, "x1": "77.125", "x2": None}).status_code
        assert 0 == server.stop()

    kept = rows(target, "input_x0, input_x1, input_x2, status")
    assert [
        (1, None, 3, 200),
        (4, None, 6, 200),
        (7, None, 9, 200),
        (10, None, 12, 200),
        (None, None, None, 422),
    ] == kept
    assert not any(b"77.125" in path.read_bytes() for path in target.glob("*/*/*"))


@pytest.mark.slow
def test_the_sample_is_of_requests_and_their_labels(classes: Path) -> None:
    """All rows of a request are kept or none, by its id, and so are its labels."""
    target = classes / "log"
    with (
        serving(classes, "models:Doubled", "--log", str(target), "--log-sample", "0.5", cwd=classes) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        for number in range(100):
            client.post("/predict", json=pair(number), headers={"x-request-id": f"r{number}"}).raise_for_status()
        labels = [{"request_id": f"r{number}", "row": 1, "label": -2.0 * number - 1} for number in range(100)]
        assert {"accepted": 100} == server.post(labels, "/feedback").json()
        assert 0 == server.stop()

    expected = {f"r{number}" for number in range(100) if sampled(f"r{number}", 0.5)}
    assert 30 < len(expected) < 70
    assert {(request, row) for request in expected for row in range(2)} == set(rows(target, "request_id, row"))
    (quality,) = ask("quality", str(target), "--by", "all")["steps"]
    assert (len(expected), 1.0) == (quality["labelled"], quality["scores"]["mae"]["value"])


@pytest.mark.slow
def test_labels_may_come_to_another_process_and_after_a_crash(classes: Path) -> None:
    """They are joined by request id when the log is read, and the latest of several counts."""
    target = classes / "log"
    arguments = ("models:Doubled", "--log", str(target), "--log-flush", str(FLUSH_SECONDS))
    with serving(classes, *arguments, cwd=classes) as server:
        names = [server.post({"n": number}).headers["x-request-id"] for number in range(3)]
        wait_until(lambda: segments(target))
        kill(server)
    with serving(classes, *arguments, cwd=classes) as server:
        for label in (9, 1):
            assert 202 == server.post([{"request_id": name, "label": label} for name in names], "/feedback").status_code
        assert 0 == server.stop()

    with open_log(str(target)) as log:
        joined = log.run(lambda views: views.execute("SELECT prediction, label FROM labelled ORDER BY ALL").fetchall())
    assert [(0, 1), (2, 1), (4, 1)] == joined


@pytest.mark.slow
def test_a_durable_log_that_cannot_be_written_refuses_and_recovers(classes: Path) -> None:
    """Nobody waits for ever, health is told, and when the place is there again predictions are given again."""
    target = classes / "log"
    with serving(classes, "models:Doubled", "--log", str(target), "--durable", cwd=classes) as server:
        assert 200 == server.post({"n": 1}).status_code
        shutil.rmtree(target)
        target.touch()

        assert 500 <= server.post({"n": 1}).status_code
        assert 200 == server.get("/healthz").status_code

        target.unlink()
        wait_until(lambda: server.post({"n": 1}).status_code == 200, 60)
        assert 0 == server.stop()
