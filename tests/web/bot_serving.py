"""The bot's server in a thread of this process, and deliveries as forges send them."""

import base64
import hashlib
import hmac
import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from seatrial.bot.book import BotBook, open_bot_book
from seatrial.ports import Clock
from seatrial.records import BotSpec, ForgeKind, Hook, WatchedRepository
from seatrial.testing import FakeClock
from seatrial.web.bot import BotServer, bot_app, serve_bot
from tests.web.payloads import REPOSITORY, encoded

SECRET = "a secret of webhooks"
STANDARD = "whsec_" + base64.b64encode(b"k" * 32).decode()
SPEC = BotSpec(repositories=(WatchedRepository(name=REPOSITORY),), secret="${HOOKS}")
EVENTS = {
    ForgeKind.GITHUB: {"pull": "pull_request", "comment": "issue_comment"},
    ForgeKind.GITLAB: {"pull": "Merge Request Hook", "comment": "Note Hook"},
    ForgeKind.GITEA: {"pull": "pull_request", "comment": "issue_comment"},
}
_NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A server that answers.

    Attributes:
        arrived: one entry for each delivery that the pump was told of.
    """

    url: str
    kind: ForgeKind
    book: BotBook
    clock: Clock
    client: httpx.Client
    arrived: list[int] = field(default_factory=list)

    def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """One request; whatever is answered is JSON."""
        answer = self.client.post(f"{self.url}/hooks/{self.kind.value}", content=body, headers=dict(headers))
        assert "application/json" == answer.headers["content-type"].partition(";")[0]
        answer.json()
        return answer

    def deliver(self, payload: object, event: str = "pull", delivery: str = "", secret: str = SECRET) -> httpx.Response:
        """A payload, signed, with the headers of its forge."""
        body = encoded(payload)
        return self.post(body, {**headers_of(self.kind, event, delivery), **signature(self.kind, body, secret)})

    def taken(self) -> list[Hook]:
        """What is in the book."""
        return [hook for _, hook in self.book.waiting()]


@contextmanager
def bot_serving(
    folder: Path,
    kind: ForgeKind = ForgeKind.GITHUB,
    *,
    secret: str = SECRET,
    spec: BotSpec = SPEC,
    url: str | None = None,
    slowest: float = 10.0,
) -> Iterator[Serving]:
    """A server on a free port until the block ends; its clock stands."""
    clock = FakeClock()
    book = open_bot_book(folder, url)
    arrived: list[int] = []
    app = bot_app(
        BotServer(
            book=book,
            spec=spec,
            kind=kind,
            secret=secret,
            clock=clock,
            arrived=lambda: arrived.append(1),
            slowest=slowest,
        )
    )
    stop, ready, found = threading.Event(), threading.Event(), list[str]()

    def tell(at: str) -> None:
        found.append(at)
        ready.set()

    thread = threading.Thread(target=serve_bot, args=(app, "127.0.0.1", 0, stop, tell))
    thread.start()
    assert ready.wait(30)
    try:
        with httpx.Client(timeout=30) as client:
            yield Serving(url=found[0], kind=kind, book=book, clock=clock, client=client, arrived=arrived)
    finally:
        stop.set()
        thread.join()
        book.close()


def headers_of(kind: ForgeKind, event: str, delivery: str = "") -> dict[str, str]:
    """The headers of a delivery, without what signs it; of an id of its own where none is given."""
    ident = delivery or f"delivery-{next(_NUMBERS)}"
    name = EVENTS[kind].get(event, event)
    plain = {"Content-Type": "application/json"}
    if kind is ForgeKind.GITHUB:
        return {**plain, "X-GitHub-Event": name, "X-GitHub-Delivery": ident, "User-Agent": "GitHub-Hookshot/044aadd"}
    if kind is ForgeKind.GITLAB:
        return {**plain, "X-Gitlab-Event": name, "Idempotency-Key": ident, "X-Gitlab-Event-UUID": "the same for all"}
    return {**plain, "X-Gitea-Event": name, "X-Gitea-Event-Type": name, "X-Gitea-Delivery": ident}


def signature(kind: ForgeKind, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """What shows that the sender knows the secret."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if kind is ForgeKind.GITHUB:
        return {"X-Hub-Signature-256": f"sha256={digest}"}
    if kind is ForgeKind.GITLAB:
        return {"X-Gitlab-Token": secret}
    return {"X-Gitea-Signature": digest}


def standard_signature(body: bytes, ident: str, moment: int, secret: str = STANDARD) -> dict[str, str]:
    """That of GitLab's signing tokens, as the Standard Webhooks specification has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{ident}.{moment}.".encode() + body
    found = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": ident, "webhook-timestamp": str(moment), "webhook-signature": f"v1,{found}"}
