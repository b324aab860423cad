"""Callers that keep a running server busy over real connections and remember every answer."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.serve.running import Server, start

PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request got.

    Attributes:
        at: monotonic seconds when the answer was whole.
        status: of HTTP.
        request_id: as the server named it.
        closes: whether the server will close the connection.
        document: the body.
    """

    at: float
    status: int
    request_id: str
    closes: bool
    document: Any


@dataclass(slots=True)
class Calls:
    """What all callers got so far; each caller appends, nobody takes away."""

    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> set[int]:
        """Those that were seen."""
        return {answer.status for answer in self.answers}


@contextmanager
def calling(
    port: int,
    make: Callable[[int], Any],
    *,
    staying: int = 4,
    fresh: int = 4,
    pause: float = 0.04,
    path: str = "/predict",
) -> Iterator[Calls]:
    """Callers at work; at the end they finish the request that they are at.

    Args:
        port: of the server.
        make: the body of a request, by its number.
        staying: callers that keep their connection until they are told to close it.
        fresh: callers that connect anew for each request.
        pause: seconds between two requests of a caller.
        path: that is asked.
    """
    calls, stop = Calls(), threading.Event()

    def call(first: int, *, keep_alive: bool) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        headers = {"content-type": "application/json"} | ({} if keep_alive else {"connection": "close"})
        number = first
        while not stop.is_set():
            try:
                calls.answers.append(_ask(connection, path, make(number), headers))
            except (OSError, HTTPException) as error:
                calls.failures.append(f"request {number}: {error!r}")
                connection.close()
            number += staying + fresh
            stop.wait(pause)
        connection.close()

    threads = [
        threading.Thread(target=call, args=(number,), kwargs={"keep_alive": number < staying}, daemon=True)
        for number in range(staying + fresh)
    ]
    for thread in threads:
        thread.start()
    try:
        yield calls
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)


def _ask(connection: HTTPConnection, path: str, body: Any, headers: dict[str, str]) -> Answer:
    connection.request("POST", path, json.dumps(body).encode(), headers)
    response = connection.getresponse()
    document = json.loads(response.read())
    return Answer(
        at=time.monotonic(),
        status=response.status,
        request_id=response.headers["x-request-id"],
        closes=response.will_close,
        document=document,
    )


@contextmanager
def starting(folder: Path, *arguments: str, cwd: Path) -> Iterator[Server]:
    """A server that listens, whose model may not be loaded yet; killed at the end."""
    server = start(folder, *arguments, cwd=cwd)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def resident(pids: set[int]) -> float:
    """MiB of memory that these processes have."""
    return sum(_resident(pid) for pid in pids)


def _resident(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
