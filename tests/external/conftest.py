"""A tiny deployment to test, and runners whose environments are kept between test sessions."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.records import TestResult, TestSpec
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stacks
from seatrial.trial.external.suite import ExternalTests, OwnStack, Subject

Run = Callable[..., TestResult]


class _Model(BaseHTTPRequestHandler):
    """GET / says that it is up, POST /predict answers, anything else is not found."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/" else 404, {"status": "ok"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(200, {"prediction": 3, "latency": 0.01, "probability": 0.9})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Where the deployment answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def commands() -> Commands:
    """Runs real commands."""
    return Commands(SystemClock())


@pytest.fixture
def stacks(commands: Commands) -> Stacks:
    """Stacks in a cache that test sessions share."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Stacks(base / "seatrial-tests" / "stacks", commands, os.environ)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def run(tmp_path: Path, url: str, project: Path, stacks: Stacks, commands: Commands) -> Run:
    """Run one test of the project against the deployment."""

    def run_test(
        spec: TestSpec, *, own: OwnStack | None = None, declared: dict[str, str] | None = None, at: str | None = None
    ) -> TestResult:
        tests = ExternalTests(tmp_path / "run", stacks, commands, os.environ)
        return tests.run(
            spec,
            Subject(
                cell="forest@candidate",
                url=at or url,
                project=project,
                own=own,
                declared=declared or {},
                extra={"COMMIT_SHA": "1a2b3c"},
                salt="tree",
            ),
        )

    return run_test
