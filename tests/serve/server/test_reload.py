"""A reload is not noticed by anybody who asks."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.serve.running import START_SECONDS, Server, serving
from tests.serve.server.load import Calls, calling, starting
from tests.waiting import wait_until

MODEL = '''"""Says which process answered."""

import os


class Pid:
    def predict(self, batch):
        return [os.getpid() for _ in batch]
'''
WAITING = '''"""The same, when the test says so."""

import os
import time
from pathlib import Path


class Pid:
    def predict(self, batch):
        Path("begun").touch()
        while not Path("go").exists():
            time.sleep(0.01)
        return [os.getpid() for _ in batch]
'''
LOADING = '''"""Is loaded when the test says so, but for the first process that tries, if `first` is not there yet."""

import os
import time
from pathlib import Path


class Pid:
    def load(self):
        try:
            Path("first").touch(exist_ok=False)
        except FileExistsError:
            Path(f"loading-{os.getpid()}").touch()
            while not (Path("go").exists() or Path(f"go-{os.getpid()}").exists()):
                time.sleep(0.01)

    def predict(self, batch):
        return [os.getpid() for _ in batch]
'''
RELOAD_SECONDS = 30.0


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The file of `pids:Pid`."""
    path = tmp_path / "pids.py"
    path.write_text(MODEL)
    return path


def reload(server: Server, said: str = "reloaded") -> None:
    """Reload once, and wait until the log says how it went."""
    before = server.messages.count(said)
    server.reload()
    wait_until(lambda: server.messages.count(said) > before, RELOAD_SECONDS, poll=0.02)


def answered_by(calls: Calls) -> set[int]:
    """The processes that answered so far."""
    return {answer.document["prediction"] for answer in calls.answers}


def are_answering(calls: Calls, processes: int) -> bool:
    """Whether so many have answered."""
    return len(answered_by(calls)) == processes


@pytest.mark.slow
def test_a_hundred_reloads_under_load_fail_no_request(model: Path) -> None:
    """Whether callers keep their connections or not; and every process of the hundred and one had its share."""
    with serving(model.parent, "pids:Pid", cwd=model.parent) as server:
        with calling(server.port, lambda number: number) as calls:
            for generation in range(2, 102):
                reload(server)
                wait_until(partial(are_answering, calls, generation))
        wait_until(lambda: len(server.workers) == 1)

    assert [] == calls.failures
    assert {200} == calls.statuses
    assert 101 == len(answered_by(calls))


@pytest.mark.slow
def test_several_workers_are_replaced_one_by_one_without_a_failed_request(model: Path) -> None:
    """Ten times two workers, each with a socket of its own."""
    with serving(model.parent, "pids:Pid", "--workers", "2", cwd=model.parent) as server:
        with calling(server.port, lambda number: number) as calls:
            wait_until(partial(are_answering, calls, 2))
            for generation in range(2, 12):
                reload(server)
                wait_until(partial(are_answering, calls, 2 * generation))
        wait_until(lambda: len(server.workers) == 2)

    assert [] == calls.failures
    assert {200} == calls.statuses
    assert 22 == len(answered_by(calls))


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_broken_model_is_not_taken_and_the_old_one_goes_on(model: Path, workers: str) -> None:
    """The log says why, no request fails, and the next reload with a model that works is a success."""
    with serving(model.parent, "pids:Pid", "--workers", workers, cwd=model.parent) as server:
        wait_until(lambda: len(server.workers) == int(workers))
        with calling(server.port, lambda number: number) as calls:
            wait_until(lambda: answered_by(calls) == server.workers)
            first = server.workers
            model.write_text("1 / 0")
            for _ in range(3):
                reload(server, "the reload failed")
            assert first == server.workers == answered_by(calls)

            model.write_text(MODEL)
            reload(server)
            wait_until(lambda: server.workers <= answered_by(calls) - first)

    assert [] == calls.failures
    assert {200} == calls.statuses
    assert "division by zero" in server.messages


@pytest.mark.slow
def test_impatient_reloads_end_with_the_newest_model(model: Path) -> None:
    """Many signals at once are one or two reloads; what was written before the last of them is served at the end."""
    with (
        serving(model.parent, "pids:Pid", cwd=model.parent) as server,
        calling(server.port, lambda number: number) as calls,
    ):
        wait_until(lambda: calls.answers)
        for number in range(1, 31):
            model.write_text(MODEL.replace("os.getpid()", str(-number)))
            server.reload()
        wait_until(lambda: calls.answers[-1].document["prediction"] == -30, RELOAD_SECONDS)

    assert [] == calls.failures
    assert {200} == calls.statuses


def test_what_the_model_works_on_is_answered_by_the_old_process(model: Path) -> None:
    """However long it takes, the caller gets its answer from the process that began with it."""
    model.write_text(WAITING)
    with serving(model.parent, "pids:Pid", cwd=model.parent) as server, ThreadPoolExecutor(1) as threads:
        (first,) = server.workers
        asked = threads.submit(server.post, 1)
        wait_until((model.parent / "begun").exists)

        reload(server)
        (model.parent / "go").touch()

        assert (200, first) == (asked.result().status_code, asked.result().json()["prediction"])
        assert first != server.post(1).json()["prediction"]


def test_a_reload_while_the_first_process_loads_is_not_lost(model: Path) -> None:
    """The newest process answers at the end, though the older one was ready first."""
    model.write_text(LOADING)
    (model.parent / "first").touch()
    with starting(model.parent, "pids:Pid", cwd=model.parent) as server:
        wait_until(lambda: loading(model.parent), START_SECONDS)
        (older,) = server.workers
        server.reload()
        wait_until(lambda: len(loading(model.parent)) == 2, RELOAD_SECONDS)
        (newer,) = server.workers - {older}

        (model.parent / f"go-{older}").touch()
        wait_until(lambda: server.post(1).json().get("prediction") == older, RELOAD_SECONDS)
        (model.parent / f"go-{newer}").touch()

        wait_until(lambda: server.workers == {newer}, RELOAD_SECONDS)
        assert newer == server.post(1).json()["prediction"]


def test_the_server_is_ready_when_all_its_processes_are(model: Path) -> None:
    """Whoever answers says no before, so that no request is sent to one that still loads."""
    model.write_text(LOADING)
    with starting(model.parent, "pids:Pid", "--workers", "2", cwd=model.parent) as server:
        wait_until(lambda: 200 in {server.post(1).status_code for _ in range(8)}, START_SECONDS)
        assert {503} == {server.get(path).status_code for path in ("/readyz", "/v2/health/ready") for _ in range(8)}

        (model.parent / "go").touch()

        wait_until(lambda: server.get("/readyz").status_code == 200, RELOAD_SECONDS)
        assert {200} == {server.post(1).status_code for _ in range(16)}
        assert {200} == {server.get(path).status_code for path in ("/readyz", "/v2/health/ready") for _ in range(8)}


def test_a_server_that_stops_answers_what_it_has_and_refuses_whoever_comes(model: Path) -> None:
    """Nobody is left to wait for a process that accepts no more, however long the last answer takes."""
    model.write_text(WAITING)
    with serving(model.parent, "pids:Pid", cwd=model.parent) as server, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(server.post, 1)
        wait_until((model.parent / "begun").exists)

        server.process.terminate()

        wait_until(lambda: not accepts(server.port), 5)
        assert server.process.poll() is None
        (model.parent / "go").touch()
        assert 200 == asked.result().status_code
        assert 0 == server.process.wait(10)


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def test_stopping_does_not_wait_for_idle_connections_of_a_retired_process(model: Path) -> None:
    """They were to be let ask once more; when the server stops they are closed."""
    with (
        serving(model.parent, "pids:Pid", cwd=model.parent) as server,
        closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection,
    ):
        post(connection)
        reload(server)
        assert 2 == len(server.workers)

        server.process.terminate()

        assert 0 == server.process.wait(10)


def loading(folder: Path) -> list[Path]:
    """Which processes said that they load."""
    return list(folder.glob("loading-*"))


def test_an_idle_connection_may_ask_once_more(model: Path) -> None:
    """It is told then to close, and the old process ends after that."""
    with serving(model.parent, "pids:Pid", cwd=model.parent) as server:
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            first = post(connection)
            reload(server)
            last = post(connection)
            new = post(connection)
        wait_until(lambda: len(server.workers) == 1)

    assert (None, "close", None) == (first[1], last[1], new[1])
    assert first[0] == last[0] != new[0]


def post(connection: HTTPConnection) -> tuple[int, str | None]:
    """Which process answered, and what it said of the connection; another is opened where it was closed."""
    connection.request("POST", "/predict", b"1")
    response = connection.getresponse()
    return json.loads(response.read())["prediction"], response.headers["connection"]
