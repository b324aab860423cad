"""The real server in a process of its own, for tests that speak to it over the network."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.waiting import wait_until

COMMAND = (sys.executable, "-c", "from seatrial.cli.entry import main; main()")
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running `seatrial serve`.

    Attributes:
        process: the parent of the workers.
        log_file: what it says of itself, JSON lines.
        url: its base.
    """

    process: subprocess.Popen[bytes]
    log_file: Path
    url: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it said so far."""
        return [
            json.loads(line) for line in self.log_file.read_text(encoding="utf-8").splitlines() if line.startswith("{")
        ]

    @property
    def messages(self) -> str:
        """The same as one text."""
        return "\n".join(line["message"] for line in self.log)

    @property
    def workers(self) -> set[int]:
        """Process ids of the workers that live."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in children}

    def post(self, body: Any, path: str = "/predict", **more: Any) -> httpx.Response:
        """The answer to a JSON body."""
        return httpx.post(f"{self.url}{path}", json=body, timeout=30, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """The answer to a GET."""
        return httpx.get(f"{self.url}{path}", timeout=30, **more)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def reload(self) -> None:
        """Ask for new workers; returns at once."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """End it gracefully; the exit code."""
        self.process.terminate()
        return self.process.wait(60)


@contextmanager
def serving(
    folder: Path, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start the server on a free port and wait until it is ready; it is killed at the end if it still runs.

    Args:
        folder: for its log and its cache of compiled models.
        arguments: of `seatrial serve`.
        cwd: where it runs.
        env: variables besides the test's own.
    """
    server = start(folder, *arguments, cwd=cwd, env=env)
    try:
        wait_until(lambda: _ready(server), START_SECONDS)
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def start(folder: Path, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Server:
    """Start the server and wait until it listens; the model may not be loaded yet."""
    log_file = folder / "server.log"
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", *arguments, "--port", "0", "--format", "json"],
            cwd=cwd or folder,
            env={**os.environ, **cache, **(env or {})},
            stderr=log,
        )
    server = Server(process, log_file, "")
    port = wait_until(lambda: _port(server), START_SECONDS)
    return Server(process, log_file, f"http://127.0.0.1:{port}")


def _port(server: Server) -> int | None:
    said = [line["message"] for line in server.log if line["message"].startswith("serving ")]
    if not said and server.process.poll() is not None:
        raise AssertionError(f"it ended with {server.process.returncode}: {server.log_file.read_text()}")
    return int(said[0].rpartition(":")[2]) if said else None


def _ready(server: Server) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"it ended with {server.process.returncode}: {server.log_file.read_text()}")
    return server.get("/readyz").status_code == httpx.codes.OK
