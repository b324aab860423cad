"""A GitHub that keeps what it is told: a server whose every request and answer is held against GitHub's own document.

A request that the document does not allow is answered 422, as GitHub does, and fails the test at its end; so does an answer of
the fake's that GitHub would not give. GraphQL is in no such document: the one query that is asked is compared as it stands.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from seatrial.ports import Clock
from tests.forges.github.answers import Answers, RefusedError
from tests.forges.github.apps import AppAnswers, looks_signed, signed_by
from tests.forges.github.document import Document, Operation, document
from tests.forges.github.state import App, Token, World

Json = dict[str, Any]
_ROOT = "/api/v3"
_VERSIONS = {"2022-11-28"}
_VIEWER = {"query": "query { viewer { login } }"}
_HOUR = timedelta(hours=1)
_LIMIT = 5_000


@dataclass
class Fault:
    """What goes wrong with requests.

    Attributes:
        status: answered; 0: the connection breaks, -1: it stays silent until the fake is closed.
        after: whether the request is carried out all the same.
        verb, path: only of those; `path` is a regular expression that is found in it.
        times: so often.
        skip: after so many of those that went well.
        echo: whether what was sent to prove who asks stands in the message.
    """

    status: int
    message: str = "Server Error"
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    verb: str = ""
    path: str = ""
    times: int = 1
    skip: int = 0
    html: bool = False
    echo: bool = False

    def hits(self, verb: str, path: str) -> bool:
        """Whether it goes wrong with this one."""
        if self.times <= 0 or self.verb not in {"", verb} or re.search(self.path, path) is None:
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class FakeGithub:
    """The server's side; `world` is what tests arrange.

    Attributes:
        asked: verb, path and status of each request that was answered.
        proofs: what was sent to prove who asks.
        wrong: what did not fit the document.
        remaining: requests until the rate limit is spent, which ends an hour after the first.
    """

    def __init__(self, clock: Clock, rules: Document) -> None:
        self.world = World(clock)
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, int]] = []
        self.proofs: set[str] = set()
        self.wrong: list[str] = []
        self.remaining = _LIMIT
        self.reset = clock.now() + _HOUR
        self.elsewhere = ""
        self.lie: Callable[[Operation, Any], Any] = lambda _, body: body
        self.silence = threading.Event()
        self._clock = clock
        self._rules = rules
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._answers = Answers(self.world, rules, self.url)
        self._apps = AppAnswers(self.world, rules, self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self.silence.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def writes(self) -> list[str]:
        """Verb and path of the requests that changed something."""
        return [f"{verb} {path}" for verb, path, status in self.asked if verb != "GET" and status < 300]

    def reply(self, verb: str, target: str, headers: Json, data: bytes) -> Reply | None:
        """The answer to a request; None to break the connection."""
        with self.world.lock:
            self.proofs.add(headers.get("authorization", ""))
            fault = next((one for one in self.faults if one.hits(verb, target)), None)
            answer: Reply | None = None
            if fault is not None:
                fault.times -= 1
            if fault is None or fault.after:
                answer = self._through(verb, target, headers, data)
        if fault is not None:
            answer = self._broken(fault, headers)
        if answer is not None:
            self.asked.append((verb, urlsplit(target).path, answer.status))
        return answer

    def _broken(self, fault: Fault, asked: Json) -> Reply | None:
        if fault.status == -1:
            self.silence.wait(30)
        if fault.status <= 0:
            return None
        proof = f" {asked.get('authorization', '')}" if fault.echo else ""
        body = f"<html>Unicorn!{proof}</html>" if fault.html else {"message": f"{fault.message}{proof}"}
        return Reply(fault.status, body, {**self._usual(), **fault.headers})

    def _through(self, verb: str, target: str, headers: Json, data: bytes) -> Reply:
        try:
            self._check_headers(headers)
            asker = self._asker(headers)
            self._check_limit()
            answer = self._answered(verb, target, asker, data)
        except RefusedError as refused:
            answer = Reply(refused.status, {"message": refused.message, **refused.more}, refused.headers)
        answer = Reply(answer.status, answer.body, {**self._usual(), **answer.headers})
        return self._conditional(verb, headers, answer)

    def _check_headers(self, headers: Json) -> None:
        if "user-agent" not in headers:
            raise RefusedError(403, "Request forbidden by administrative rules. Missing or invalid User Agent string.")
        if headers.get("x-github-api-version") not in _VERSIONS:
            self.wrong.append(f"version {headers.get('x-github-api-version')}")
        if headers.get("accept") != "application/vnd.github+json":
            self.wrong.append(f"accept {headers.get('accept')}")

    def _asker(self, headers: Json) -> Token | App | None:
        kind, _, text = headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        if kind.lower() == "bearer" and looks_signed(text):
            return signed_by(self.world, text)
        found = self.world.tokens.get(text) if kind.lower() in {"token", "bearer"} else None
        if found is None or (found.ends is not None and self._clock.now() >= found.ends):
            raise RefusedError(401, "Bad credentials")
        return found

    def _check_limit(self) -> None:
        if self._clock.now() >= self.reset:
            self.remaining, self.reset = _LIMIT, self._clock.now() + _HOUR
        if self.remaining <= 0:
            raise RefusedError(403, "API rate limit exceeded for installation ID 1.")

    def _answered(self, verb: str, target: str, asker: Token | App | None, data: bytes) -> Reply:
        parts = urlsplit(target)
        if parts.path == "/api/graphql":
            return self._graphql(asker, data)
        if not parts.path.startswith(_ROOT):
            raise RefusedError(404, "Not Found")
        path = self._by_name(parts.path.removeprefix(_ROOT))
        if self.elsewhere:
            return Reply(301, {"message": "Moved Permanently"}, {"location": f"{self.elsewhere}{path}"})
        moved = self._moved(verb, path, parts.query)
        return moved or self._operated(verb, path, dict(parse_qsl(parts.query)), asker, data)

    def _operated(self, verb: str, path: str, query: dict[str, str], asker: Token | App | None, data: bytes) -> Reply:
        found = self._rules.find(verb, path)
        if found is None:
            self.wrong.append(f"{verb} {path} is not in the document")
            raise RefusedError(404, "Not Found")
        operation, named = found
        body = json.loads(data) if data else None
        faults = operation.faults_of_request(query, body)
        if faults:
            self.wrong += faults
            raise RefusedError(422, "Invalid request.\n\n" + faults[0])
        try:
            status, answer = self._given(operation.name, named, query, body, asker)
        except RefusedError as refused:
            self.wrong += operation.faults_of_answer(refused.status, {"message": refused.message, **refused.more})
            raise
        answer = self.lie(operation, answer)
        headers: dict[str, str] = {}
        if "per_page" in {rule["name"] for rule in operation.rules["parameters"]}:
            answer, headers = self._page(path, query, answer)
        self.wrong += operation.faults_of_answer(status, _as_published(answer))
        return Reply(status, answer, headers)

    def _given(self, name: str, named: Json, query: Json, body: Any, asker: Token | App | None) -> tuple[int, Any]:
        if name in self._apps:
            return self._apps.give(name, named, asker if isinstance(asker, App) else None)
        return self._answers.give(name, named, query, body, asker if isinstance(asker, Token) else None)

    def _graphql(self, asker: Token | App | None, data: bytes) -> Reply:
        asked = json.loads(data)
        if asked != _VIEWER:
            self.wrong.append(f"GraphQL {asked}")
        if not isinstance(asker, Token):
            raise RefusedError(401, "This endpoint requires you to be authenticated.")
        return Reply(200, {"data": {"viewer": {"login": asker.account.login}}})

    def _by_name(self, path: str) -> str:
        for repository in self.world.repositories.values():
            path = re.sub(rf"^/repositories/{repository.id}(?=/)", f"/repos/{repository.name}", path)
        return path

    def _moved(self, verb: str, path: str, query: str) -> Reply | None:
        for old, new in self.world.renamed.items():
            if path.startswith(f"/repos/{old}/"):
                rest = path.removeprefix(f"/repos/{old}")
                place = f"{self.url}{_ROOT}/repositories/{self.world.repositories[new].id}{rest}"
                place += f"?{query}" if query else ""
                body = {"message": "Moved Permanently", "url": place, "documentation_url": "https://docs.github.com/"}
                return Reply(301 if verb == "GET" else 307, body, {"location": place})
        return None

    def _page(self, path: str, query: dict[str, str], answer: Any) -> tuple[Any, dict[str, str]]:
        size = min(int(query.get("per_page", "30")), 100)
        page = int(query.get("page", "1"))
        key = next((key for key in answer if key != "total_count"), "") if isinstance(answer, dict) else ""
        items = answer[key] if key else answer
        shown = items[(page - 1) * size : page * size]
        last = max(1, -(-len(items) // size))
        links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = {
            rel: to for rel, to in links.items() if 1 <= to <= last and (rel not in {"last", "first"} or to != page)
        }
        link = ", ".join(
            f'<{self.url}{_ROOT}{path}?{urlencode({**query, "page": to})}>; rel="{rel}"' for rel, to in wanted.items()
        )
        return ({**answer, key: shown} if key else shown), ({"link": link} if link else {})

    def _conditional(self, verb: str, headers: Json, answer: Reply) -> Reply:
        """What did not change costs nothing."""
        tag = 'W/"' + hashlib.sha256(json.dumps(answer.body).encode()).hexdigest() + '"'
        if verb == "GET" and answer.status == 200 and headers.get("if-none-match") == tag:
            return Reply(304, None, {**answer.headers, "etag": tag})
        self.remaining = max(0, self.remaining - 1)
        return Reply(answer.status, answer.body, {**answer.headers, **({"etag": tag} if verb == "GET" else {})})

    def _usual(self) -> dict[str, str]:
        return {
            "date": format_datetime(self._clock.now(), usegmt=True),
            "x-ratelimit-limit": str(_LIMIT),
            "x-ratelimit-remaining": str(max(0, self.remaining)),
            "x-ratelimit-reset": str(_seconds(self.reset)),
        }


@contextmanager
def serving(clock: Clock) -> Iterator[FakeGithub]:
    """One that runs; at its end nothing may have been wrong."""
    fake = FakeGithub(clock, document())
    try:
        yield fake
    finally:
        fake.close()
    assert not fake.wrong, "\n".join(fake.wrong)


def _as_published(answer: Any) -> Any:
    """An answer without the one thing that GitHub does and its document forgets: a fork that was deleted is null."""
    if isinstance(answer, dict) and "head" in answer and answer["head"]["repo"] is None:
        return {**answer, "head": {**answer["head"], "repo": answer["base"]["repo"]}}
    return answer


def _seconds(when: datetime) -> int:
    return int(when.timestamp())


def _handler(fake: FakeGithub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            data = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = fake.reply(self.command, self.path, headers, data)
            if reply is None:
                self.close_connection = True
                return
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            body = b"" if reply.body is None else text.encode()
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            if reply.status not in {204, 304}:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of http.server's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
