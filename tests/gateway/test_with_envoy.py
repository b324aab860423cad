"""The keeper with a real Envoy: replicas are replaced under load, and no request is lost."""

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.runtime.loopback import PortReserve, is_free
from seatrial.deployments.book import Book, Started, open_book
from seatrial.deployments.state import Place
from seatrial.gateway.tools import GatewayTools
from seatrial.records import Resources
from seatrial.wiring import open_gateway
from tests.gateway.worlds import a_wish
from tests.waiting import wait_until

ENVOY = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
CONFIG = """\
name: cellar
stack: host
requests: {{file: r.jsonl}}
deployments: {{wine: {{serve: wine.joblib}}}}
gateway: {{port: {port}}}
services: {{wine: {{health: /readyz}}}}
"""


class Replica(BaseHTTPRequestHandler):
    """Answers everything after a moment with its port."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """200."""
        threading.Event().wait(0.01)
        body = json.dumps({"port": self.connection.getsockname()[1]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Small:
    """A project whose replicas are small servers of the test's."""

    folder: Path
    tools: GatewayTools
    book: Book
    servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict)

    def start(self, name: str, index: int, number: int) -> Started:
        """A replica that is ready."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), Replica)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        now = datetime.now(UTC)
        started = Started(
            cell=f"{name}.{index}.{number}",
            name=name,
            index=index,
            fingerprint=str(number),
            port=server.server_port,
            started=now,
            ready=now,
            runtime="process",
            resources=Resources(),
            number=number,
        )
        self.book.begin(started, Place(index=index))
        self.servers[started.cell] = server
        return started

    def stop(self, started: Started) -> None:
        """As a supervisor does: let it go, then end it."""
        self.tools.keeper.let_go(started)
        self.end(started.cell)
        self.book.gone(started.cell)

    def end_all(self) -> None:
        """Whatever is left."""
        for cell in list(self.servers):
            self.end(cell)

    def end(self, cell: str) -> None:
        """It takes no more connections."""
        server = self.servers.pop(cell)
        server.shutdown()
        server.server_close()


def two_ports() -> int:
    """A free port with another one above it."""
    ports = PortReserve()
    return next(port for port in iter(ports.free_port, None) if is_free("127.0.0.1", port + 1))


@contextmanager
def small(folder: Path) -> Iterator[Small]:
    """A gateway that is kept, until the block ends; nothing of it is left then."""
    (folder / "seatrial.yaml").write_text(CONFIG.format(port=two_ports()))
    stop = threading.Event()
    with ExitStack() as stack:
        tools = stack.enter_context(open_gateway(folder))
        book = open_book(folder / ".seatrial")
        stack.callback(book.close)
        made = Small(folder, tools, book)
        stack.callback(made.end_all)
        threads = [threading.Thread(target=duty, args=(stop,)) for duty in tools.duties]
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
            tools.keeper.end()


@dataclass
class Load:
    """Users who ask as fast as they are answered."""

    url: str
    answers: list[tuple[int, str, str, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def wait_for_more(self) -> int:
        """Until there are some more answers; how many there were."""
        seen = len(self.answers)
        wait_until(lambda: len(self.answers) > seen + 20)
        return seen

    def __call__(self, stop: threading.Event) -> None:
        """Ask until told to end."""
        with httpx.Client(trust_env=False, timeout=20.0) as http:
            while not stop.is_set():
                try:
                    got = http.get(self.url)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                if got.status_code != 200:
                    self.failures.append(f"{got.status_code} {got.text}")
                    continue
                head = got.headers
                told = (got.status_code, head["x-seatrial-arm"], head["x-seatrial-version"], got.json()["port"])
                self.answers.append(told)


@pytest.mark.slow
@pytest.mark.skipif(ENVOY is None, reason="no Envoy is installed")
def test_replacing_replicas_under_load_loses_no_request(tmp_path: Path) -> None:
    """Both of stable's one after the other, then a canary with half of the requests that goes again."""
    with small(tmp_path) as project:
        project.book.put(a_wish("wine", 3, replicas=2))
        old = [project.start("wine", index, 3) for index in range(2)]
        wait_until(lambda: project.tools.keeper.setup.services)
        url = f"http://127.0.0.1:{project.tools.keeper.setup.gateway.port}/predict"
        wait_until(lambda: answers(url), deadline=30)
        load, stop = Load(url), threading.Event()
        users = [threading.Thread(target=load, args=(stop,)) for _ in range(2)]
        for user in users:
            user.start()
        try:
            versions = _replace(project, load, old)
            _release_and_abort(project, load)
        finally:
            stop.set()
            for user in users:
                user.join(30)

    assert [] == load.failures
    assert {"3", "4"} == versions


def answers(url: str) -> bool:
    """Whether somebody does, with 200."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _replace(project: Small, load: Load, old: list[Started]) -> set[str]:
    """Version 4 in the place of 3; the versions that answers named, each that of the replica that gave it."""
    project.book.put(a_wish("wine", 4, replicas=2))
    numbers = {started.port: "3" for started in old}
    for started in old:
        new = project.start("wine", started.index, 4)
        numbers[new.port] = "4"
        project.stop(started)
        load.wait_for_more()
    assert [] == [answer for answer in load.answers if numbers[answer[3]] != answer[2]]
    return {answer[2] for answer in load.answers}


def _release_and_abort(project: Small, load: Load) -> None:
    """A canary gets half, and loses it when it is stopped."""
    project.book.put(a_wish("wine-canary", 5))
    canary = project.start("wine-canary", 0, 5)
    project.tools.keeper.routes.steer("wine", weight=500)
    wait_until(lambda: any(answer[1:3] == ("canary", "5") for answer in load.answers[-20:]))
    project.stop(canary)
    project.book.put(a_wish("wine-canary", 5), stopped=True)
    wait_until(lambda: _weight(project) == 0)
    seen = load.wait_for_more()
    assert {"stable"} == {answer[1] for answer in load.answers[seen:]}


def _weight(project: Small) -> int:
    force = project.tools.keeper.routes.in_force("wine")
    return -1 if force is None else force.weight
