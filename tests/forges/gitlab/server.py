"""A GitLab server that is simulated, over HTTP: stateful, in pages, with faults; every request and answer is checked.

Whatever GitLab's published document does not allow is kept in `problems`.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.forges.gitlab.answers import Answers, Asked
from tests.forges.gitlab.published import Published
from tests.forges.gitlab.state import State, Token

Json = Any
_LARGEST_PAGE = 100


@dataclass
class Fault:
    """A failure that requests meet.

    Attributes:
        method, part: of those requests; the path has to contain `part`.
        status: that is answered; 0: the connection ends without an answer.
        times: how often.
        late: whether the request is carried out all the same.
    """

    method: str
    part: str
    status: int
    times: int = 1
    late: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeGitlab:
    """One server."""

    def __init__(self) -> None:
        self.state = State()
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.faults: list[Fault] = []
        self.url = ""
        self.public_url = ""
        self._published = Published()
        self._answers = Answers(self.state)
        self._lock = threading.Lock()

    def take(
        self, method: str, target: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, Mapping[str, str], Json]:
        """Answer one request: status (0: none), headers and body."""
        with self._lock:
            path, _, query = target.partition("?")
            self.asked.append(f"{method} {path}")
            body = json.loads(raw) if raw else None
            self.problems += self._published.request_problems(method, path, query, body)
            fault = next((each for each in self.faults if each.method == method and each.part in path), None)
            if fault is None:
                return self._answer(method, path, query, headers, body)
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            if fault.late:
                self._answer(method, path, query, headers, body)
            return fault.status, fault.headers, {"message": f"{fault.status} by order of the test"}

    def _answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: Json
    ) -> tuple[int, Mapping[str, str], Json]:
        operation = self._published.operation(method, path)
        if operation is None:
            return 404, {}, {"error": "404 Not Found"}
        parameters = dict(parse_qsl(query))
        status, answer = self._answers.answer(Asked(operation, parameters, body or {}, self._token(headers)))
        links: Mapping[str, str] = {}
        if operation.is_list and status == 200:
            answer, links = self._page(answer, path, parameters)
        self.problems += self._published.answer_problems(method, path, status, answer)
        return status, links, answer

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        given = headers.get("Authorization", "").removeprefix("Bearer ") or headers.get("JOB-TOKEN", "")
        return self.state.tokens.get(given)

    def _page(self, items: list[Json], path: str, query: Mapping[str, str]) -> tuple[list[Json], Mapping[str, str]]:
        size, number = min(int(query.get("per_page", "20")), _LARGEST_PAGE), int(query.get("page", "1"))
        last = max(1, ceil(len(items) / size))
        headers = {
            "X-Page": str(number),
            "X-Per-Page": str(size),
            "X-Total-Pages": str(last),
            "X-Total": str(len(items)),
        }
        if number < last:
            further = urlencode({**query, "page": number + 1, "per_page": size})
            headers["Link"] = f'<{self.public_url or self.url}{path}?{further}>; rel="next"'
            headers["X-Next-Page"] = str(number + 1)
        return items[(number - 1) * size : number * size], headers


@contextmanager
def serving() -> Iterator[FakeGitlab]:
    """A server on the loopback interface for as long as the block lasts."""
    fake = FakeGitlab()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = fake.take(self.command, self.path, self.headers, raw)  # type: ignore[arg-type]
            if not status:
                return
            data = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (the library's names)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
