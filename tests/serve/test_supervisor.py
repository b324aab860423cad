"""The parent process keeps workers running, replaces them without losing a connection, and ends with them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.serve.options import ServeOptions
from seatrial.serve.supervisor import bind
from tests.waiting import wait_until

PROGRAM = Path(__file__).with_name("pid_server.py")


@dataclass(frozen=True, slots=True)
class Running:
    """A supervisor under test."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return int((self.folder / "port").read_text())

    def ask(self) -> int:
        """The process id of a worker."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            return int(connection.recv(64))

    def asked_until(self, true: Callable[[int], bool]) -> int:
        """The first answer for which `true` holds."""
        return wait_until(lambda: next((pid for pid in [self.ask()] if true(pid)), None)) or 0

    @property
    def folded(self) -> list[str]:
        """The workers whose counters were kept."""
        path = self.folder / "folded"
        return path.read_text().split() if path.exists() else []


@contextmanager
def supervised(folder: Path, workers: int = 1) -> Iterator[Running]:
    """Start the program; it is killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), str(workers)], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_until((folder / "port").exists)
            yield Running(process, folder)
        finally:
            process.kill()


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """The connections that come meanwhile wait and are answered by the next one."""
    with supervised(tmp_path) as running:
        first = running.ask()

        os.kill(first, signal.SIGKILL)

        assert running.asked_until(lambda pid: pid != first) != first
        assert ["1"] == running.folded


def test_a_reload_replaces_every_worker_and_no_connection_fails(tmp_path: Path) -> None:
    """All old processes end, new ones answer, and each question is answered by one or the other."""
    with supervised(tmp_path, workers=2) as running:
        old = {running.ask() for _ in range(50)}

        running.process.send_signal(signal.SIGHUP)

        wait_until(lambda: running.ask() not in old and all(map(gone, old)))
        assert {"1", "2"} <= set(running.folded)


def test_a_failed_reload_leaves_the_old_workers_at_work(tmp_path: Path) -> None:
    """A model that no longer loads changes nothing for the callers."""
    with supervised(tmp_path) as running:
        old = running.ask()
        (tmp_path / "broken").touch()

        running.process.send_signal(signal.SIGHUP)

        wait_until(lambda: running.folded == ["2"])
        assert old == running.ask()
        (tmp_path / "broken").unlink()
        running.process.send_signal(signal.SIGHUP)
        assert old != running.asked_until(lambda pid: pid != old)


def test_many_reloads_at_once_end_with_one_set_of_workers(tmp_path: Path) -> None:
    """Signals that come while it reloads are not lost and do not pile up."""
    with supervised(tmp_path) as running:
        first = running.ask()
        for _ in range(20):
            running.process.send_signal(signal.SIGHUP)

        wait_until(lambda: gone(first))
        running.process.send_signal(signal.SIGTERM)
        assert 0 == running.process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_workers(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0, and no process is left."""
    with supervised(tmp_path, workers=2) as running:
        pids = {running.ask() for _ in range(50)}

        running.process.send_signal(number)

        assert 0 == running.process.wait(10)
        assert all(map(gone, pids))


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the parent leaves nothing behind."""
    with supervised(tmp_path) as running:
        worker = running.ask()

        running.process.kill()

        wait_until(lambda: gone(worker))


def test_a_first_worker_that_cannot_load_ends_the_server(tmp_path: Path) -> None:
    """Its exit code is the server's."""
    (tmp_path / "broken").touch()
    with supervised(tmp_path) as running:
        assert 2 == running.process.wait(10)


def test_a_port_that_is_taken_is_a_mistake_of_the_user() -> None:
    """The error names the address and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(UsageError, match="cannot listen there") as caught:
            bind(ServeOptions(model="", port=port))

    assert f"127.0.0.1:{port}" == caught.value.where
