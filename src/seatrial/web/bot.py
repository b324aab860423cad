"""The bot's side of `seatrial server` that is seen from outside: webhooks come in, and pages show what it does."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from aiohttp import web

from seatrial.bot.book import BotBook
from seatrial.ports import Clock
from seatrial.records import BotSpec, ForgeKind
from seatrial.web.hooks import HookDoor, hook_routes
from seatrial.web.hooks.routes import LARGEST_BODY, SLOWEST_BODY
from seatrial.web.listen import answer_until
from seatrial.web.plain import answered, errors_in_json

_log = logging.getLogger("seatrial.server")


def _nobody() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotServer:
    """What the server is made of.

    Attributes:
        book: deliveries go in, trials come out.
        spec: what the bot does.
        kind: of the forge; the local one sends no webhooks.
        secret: that signs webhooks, with what `${NAME}` stands for.
        arrived: told that a delivery is in the book, from the event loop: it returns at once.
        slowest: seconds that the body of a delivery may take.
    """

    book: BotBook
    spec: BotSpec
    kind: ForgeKind
    secret: str = field(repr=False)
    clock: Clock
    arrived: Callable[[], None] = _nobody
    slowest: float = SLOWEST_BODY


SERVER: Final = web.AppKey("server", BotServer)
COUNTS: Final = web.AppKey("counts", Counter[str])


def bot_app(server: BotServer) -> web.Application:
    """The application. Raises UsageError if the webhooks' secret is empty."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[errors_in_json(_log)])
    app[SERVER] = server
    app[COUNTS] = Counter()
    app.router.add_get("/healthz", _health)
    app.router.add_get("/metrics", _metrics)
    if server.kind is not ForgeKind.LOCAL:
        door = HookDoor(
            spec=server.spec,
            kind=server.kind,
            secret=server.secret,
            book=server.book,
            clock=server.clock,
            arrived=server.arrived,
            slowest=server.slowest,
            counts=app[COUNTS],
        )
        hook_routes(app, door)
    return app


def serve_bot(
    app: web.Application, host: str, port: int, stop: threading.Event, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Answer requests in this thread, with an event loop of its own, until `stop` is set.

    Args:
        app: that answers.
        host: address.
        port: 0 takes a free one.
        stop: ends it.
        ready: is told the URL once requests are taken.

    Raises:
        UsageError: the address is taken, or not this machine's.
    """

    async def stopped() -> None:
        await asyncio.to_thread(stop.wait)

    asyncio.run(
        answer_until(app, host, port, ready, stopped, remedy="set another bot.port or bot.host in seatrial.yaml")
    )


async def _health(request: web.Request) -> web.Response:
    """Whether the book answers; raises TemporaryError, which is a 503, where it doesn't."""
    await asyncio.to_thread(request.app[SERVER].book.revision)
    return answered(HTTPStatus.OK, {"status": "ok"})


async def _metrics(request: web.Request) -> web.Response:
    """For Prometheus."""
    live = await asyncio.to_thread(request.app[SERVER].book.trials, live=True, limit=10_000)
    states = Counter(trial.state.value for trial in live)
    lines = [
        "# HELP seatrial_hooks_total Deliveries of the forge, by the status that was answered.",
        "# TYPE seatrial_hooks_total counter",
        *(
            f'seatrial_hooks_total{{status="{status}"}} {count}'
            for status, count in sorted(request.app[COUNTS].items())
        ),
        "# HELP seatrial_bot_trials Trials that have not ended, by state.",
        "# TYPE seatrial_bot_trials gauge",
        *(f'seatrial_bot_trials{{state="{state}"}} {states[state]}' for state in ("queued", "running")),
    ]
    return web.Response(text="\n".join(lines) + "\n", content_type="text/plain", charset="utf-8")
