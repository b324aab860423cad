"""One server a project, which does more than one thing, and ends when it is told to."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seatrial.deployments.server import only_server, serve, server_pid
from seatrial.records import DeployState, UsageError
from tests.deployments.fakes import Stage, wish
from tests.waiting import wait_until

HOLD = """
import sys, time
from pathlib import Path
from seatrial.deployments.server import only_server
with only_server(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_there_is_one_server_and_everybody_knows_which(tmp_path: Path) -> None:
    """Another is told its process id; after kill -9 the place is free."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert "held\n" == first.stdout.readline()
        assert first.pid == server_pid(tmp_path)
        with pytest.raises(UsageError, match=f"as process {first.pid}"), only_server(tmp_path):
            pass
        first.kill()
    wait_until(lambda: server_pid(tmp_path) is None)

    with only_server(tmp_path):
        assert os.getpid() == server_pid(tmp_path)
    assert None is server_pid(tmp_path)


def test_a_project_that_never_had_a_server_has_none(tmp_path: Path) -> None:
    """Nothing is made by asking."""
    assert None is server_pid(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_server_does_its_other_duties_meanwhile(tmp_path: Path) -> None:
    """Each in a thread of its own; one that breaks keeps nobody from anything."""
    stage = Stage(tmp_path)
    stage.loads = 0.0
    stage.want(wish())
    stop, done = threading.Event(), threading.Event()

    def broken(_: threading.Event) -> None:
        raise ValueError("oh")

    def duty(until: threading.Event) -> None:
        wait_until(lambda: stage.state is DeployState.READY)
        done.set()
        until.wait()

    def end() -> None:
        done.wait()
        stop.set()

    ending = threading.Thread(target=end)
    ending.start()
    serve(stage.supervisor, stop, duties=(broken, duty))
    ending.join()

    assert DeployState.READY is stage.state
    assert ["wine.0.1"] == stage.running()


def test_a_server_can_take_everything_along(tmp_path: Path) -> None:
    """With `stop_models` nothing runs afterwards, and what is wanted is still wanted."""
    stage = Stage(tmp_path)
    stage.want(wish(replicas=2))
    stage.until(lambda: stage.state is DeployState.READY)
    stop = threading.Event()
    stop.set()

    serve(stage.supervisor, stop, stop_models=True)

    assert [] == stage.running() + stage.doors()
    assert 2 == stage.book.get("wine").now.replicas
