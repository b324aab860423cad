"""Servers that share an address through a door: what callers see when one of them starts, stops or is killed."""

import os
import signal
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from seatrial import doors
from tests.serve.running import Server, serving
from tests.serve.server.doors import PORTS, Opened, hands_out, opened, start_door
from tests.serve.server.load import calling, starting
from tests.serve.server.test_reload import answered_by, are_answering, post
from tests.waiting import wait_until

MODEL = """import os
import time
from pathlib import Path


class Pid:
    def predict(self, batch):
        return [os.getpid() for _ in batch]


class Late(Pid):
    def load(self):
        while not Path("go").exists():
            time.sleep(0.01)


class Waiting:
    def predict(self, batch):
        Path("begun").touch()
        while not Path("go").exists():
            time.sleep(0.01)
        return [os.getpid() for _ in batch]
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with `pids.py`, whose classes answer with their process id, and folders for the logs of three servers."""
    (tmp_path / "pids.py").write_text(MODEL)
    for name in "abc":
        (tmp_path / name).mkdir()
    return tmp_path


def behind(door: Opened, name: str, model: str = "Pid", *options: str) -> AbstractContextManager[Server]:
    """A server of `pids:MODEL` that is ready behind the door; its log is in the folder `name`."""
    folder = door.folder.parent
    return serving(folder / name, f"pids:{model}", "--door", str(door.folder), *options, cwd=folder)


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def kill(server: Server) -> None:
    """End all processes of a server at once."""
    for pid in (server.process.pid, *server.workers):
        os.kill(pid, signal.SIGKILL)


def ask(port: int) -> int:
    """The process that answers a caller who comes anew."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        return post(connection)[0]


@pytest.mark.slow
def test_servers_that_join_and_leave_cost_no_request(model: Path) -> None:
    """Under load a second server joins, the first is stopped, and a third joins: every request is answered."""
    with (
        opened(model / "door") as door,
        behind(door, "a") as first,
        calling(door.port, lambda number: number) as calls,
    ):
        wait_until(lambda: answered_by(calls) == first.workers)
        with behind(door, "b") as second:
            wait_until(lambda: are_answering(calls, 2))
            assert 0 == first.stop()
            gone = len(calls.answers)
            wait_until(lambda: len(calls.answers) > gone + 100)
            assert second.workers == {answer.document["prediction"] for answer in calls.answers[gone:]}
            with behind(door, "c") as third:
                wait_until(lambda: third.workers <= answered_by(calls))

    assert [] == calls.failures
    assert {200} == calls.statuses


@pytest.mark.slow
def test_a_killed_server_costs_only_what_it_had_taken(model: Path) -> None:
    """Each of the eight callers fails at most once: with the request that it was at, or on the connection that it kept."""
    with (
        opened(model / "door") as door,
        behind(door, "a") as first,
        behind(door, "b") as second,
        calling(door.port, lambda number: number, staying=4, fresh=4) as calls,
    ):
        left = second.workers
        wait_until(lambda: answered_by(calls) == first.workers | left)
        kill(first)
        gone = len(calls.answers)
        wait_until(lambda: len(calls.answers) > gone + 200)

    assert len(calls.failures) <= 8
    assert left == {answer.document["prediction"] for answer in calls.answers[-100:]}


def test_what_waits_when_the_only_server_is_killed_is_answered_by_the_next(model: Path) -> None:
    """A caller who comes while there is none waits in the queue, which the door keeps."""
    with opened(model / "door") as door, ThreadPoolExecutor(4) as threads, behind(door, "a") as first:
        ask(door.port)
        kill(first)
        first.process.wait()
        asked = [threads.submit(ask, door.port) for _ in range(4)]
        with behind(door, "b") as second:
            assert second.workers == {each.result() for each in asked}


def test_nobody_is_let_in_before_the_model_is_loaded(model: Path) -> None:
    """Its own port answers health, and the shared address refuses, so that a caller isn't told 503 or left waiting."""
    with opened(model / "door") as door, starting(model, "pids:Late", "--door", str(door.folder), cwd=model) as server:
        assert (503, True) == (server.get("/readyz").status_code, refuses(door.port))

        (model / "go").touch()

        wait_until(lambda: server.get("/readyz").status_code == 200)
        assert {ask(door.port)} == server.workers


def test_a_server_that_loads_takes_nothing_from_the_others(model: Path) -> None:
    """The second is not ready yet, so the first answers everything."""
    with (
        opened(model / "door") as door,
        behind(door, "a") as first,
        starting(model / "b", "pids:Late", "--door", str(door.folder), cwd=model),
    ):
        assert first.workers == {ask(door.port) for _ in range(50)}


def test_several_servers_share_the_work(model: Path) -> None:
    """None of two has less than a tenth of what comes."""
    with (
        opened(model / "door") as door,
        behind(door, "a"),
        behind(door, "b"),
        calling(door.port, lambda number: number, staying=0, fresh=12, pause=0.0) as calls,
    ):
        wait_until(lambda: len(calls.answers) > 600)

    shares = Counter(answer.document["prediction"] for answer in calls.answers)
    assert 2 == len(shares)
    assert min(shares.values()) > 0.1 * shares.total()


def test_each_worker_of_a_server_takes_part(model: Path) -> None:
    """`--workers` and `--door` go together."""
    with (
        opened(model / "door") as door,
        behind(door, "a", "Pid", "--workers", "2") as server,
        calling(door.port, lambda number: number, staying=0, fresh=12, pause=0.0) as calls,
    ):
        wait_until(lambda: answered_by(calls) == server.workers)

    assert [] == calls.failures


def test_a_reload_behind_a_door_fails_no_request(model: Path) -> None:
    """The new worker joins before the old one leaves."""
    with (
        opened(model / "door") as door,
        behind(door, "a") as server,
        calling(door.port, lambda number: number) as calls,
    ):
        for generation in range(2, 5):
            server.reload()
            wait_until(partial(are_answering, calls, generation), 30)

    assert [] == calls.failures
    assert {200} == calls.statuses


def test_a_stopped_server_finishes_what_it_was_asked(model: Path) -> None:
    """Behind a door as well, the request under way is answered, and the process ends within seconds of silence."""
    with (
        opened(model / "door") as door,
        ThreadPoolExecutor(1) as threads,
        behind(door, "a", "Waiting") as server,
    ):
        (worker,) = server.workers
        asked = threads.submit(ask, door.port)
        wait_until((model / "begun").exists)
        server.process.terminate()
        (model / "go").touch()

        assert worker == asked.result()
        assert 0 == server.process.wait(10)


def test_a_caller_that_stayed_may_ask_once_more_and_is_told_to_come_anew(model: Path) -> None:
    """A stopping server does not close the door on somebody who is about to speak."""
    with (
        opened(model / "door") as door,
        behind(door, "a") as server,
        closing(HTTPConnection("127.0.0.1", door.port, timeout=30)) as connection,
    ):
        (worker,) = server.workers
        post(connection)
        server.process.terminate()
        wait_until(lambda: "stopping" in server.messages)

        # The worker hears of it a moment after the server has said so; until then it answers as ever.
        assert wait_until(lambda: post(connection) == (worker, "close"))


def test_a_door_that_is_told_to_stop_closes_the_address_for_all(model: Path) -> None:
    """Who comes then is refused at once, though the servers still have the socket."""
    with opened(model / "door") as door, behind(door, "a"):
        ask(door.port)

        door.process.terminate()

        assert 0 == door.process.wait(10)
        assert refuses(door.port)


def test_a_killed_door_changes_nothing_for_callers_and_another_takes_its_place(model: Path) -> None:
    """The servers have the socket; whoever kept it too hands it to the next door, behind which others can join."""
    with opened(model / "door") as door, closing(doors.fetch(door.folder)) as kept, behind(door, "a") as first:
        door.process.kill()
        door.process.wait()
        assert first.workers == {ask(door.port)}

        with start_door(door.folder, door.port, "take") as next_door:
            wait_until(lambda: gave(door.folder, kept))
            with behind(door, "b") as other:
                wait_until(lambda: {ask(door.port)} == other.workers)
            next_door.terminate()
        assert refuses(door.port)


def gave(folder: Path, listener: socket.socket) -> bool:
    """Whether the new door has the socket now."""
    try:
        doors.give(folder, listener.fileno())
    except OSError:
        return False
    return True


def test_a_port_that_is_taken_ends_the_door_with_a_reason(tmp_path: Path) -> None:
    """Exit code 2 and one line."""
    port = PORTS.free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with start_door(tmp_path, port) as door:
            assert 2 == door.wait(10)
            assert door.stderr is not None
            assert f"cannot listen at 127.0.0.1:{port}: Address already in use\n" == door.stderr.read().decode()


def test_a_folder_with_a_very_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """Names of Unix sockets end at 108 bytes; paths of projects don't."""
    folder = tmp_path / ("long" * 40)
    with opened(folder) as door:
        assert hands_out(door.folder)


def test_only_its_own_user_can_open_a_door(tmp_path: Path) -> None:
    """Whoever has the socket could answer in the model's place."""
    with opened(tmp_path / "door") as door:
        assert 0o600 == (door.folder / doors.NAME).stat().st_mode & 0o777


def test_a_server_without_its_door_says_so(model: Path) -> None:
    """It ends with the code of what broke, and the reason."""
    with pytest.raises(AssertionError, match=r"it ended with 4: .*the shared address cannot be had"):
        serving(model / "a", "pids:Pid", "--door", str(model), cwd=model).__enter__()
