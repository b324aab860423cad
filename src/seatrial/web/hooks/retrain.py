"""`POST /hooks/retrain/NAME`: whoever has a loop's token may begin it.

Anybody can reach this door. Who brings no token of this project learns nothing, not even which loops there are: every
name is answered alike, and after the same comparisons.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from aiohttp import web

from seatrial.ports import Clock
from seatrial.records import Actor, PermanentError, RetrainWish, SeatrialError, TriggerKind, UsageError
from seatrial.retrain.book import RetrainBook
from seatrial.web.plain import answered, errors_in_json, read_body, refused

LARGEST_BODY: Final = 64 << 10
SLOWEST_BODY: Final = 10.0
_JSON: Final = "application/json"
_log = logging.getLogger("seatrial.server")

Line = Annotated[str, msgspec.Meta(max_length=500)]


def _nobody() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainDoor:
    """What the door is made of.

    Attributes:
        tokens: by the loop's name; loops without a token are not there.
        book: where wishes are kept.
        actor: for whom runs act that a webhook began; takes what began them.
        mark: a few characters that tell two wishes apart that came without an id.
        arrived: told, from any thread, that one more wish is in the book.
        slowest: seconds that a body may take.
    """

    tokens: Mapping[str, str] = field(repr=False)
    book: RetrainBook
    clock: Clock
    actor: Callable[[str], Actor]
    mark: Callable[[], str]
    arrived: Callable[[], None] = _nobody
    slowest: float = SLOWEST_BODY

    def __post_init__(self) -> None:
        """Raises UsageError if anybody could knock."""
        for name, token in self.tokens.items():
            if not token.strip():
                raise UsageError(
                    "the webhook has no token, so that anybody could begin a training",
                    where=f"retrain.{name}.on.webhook",
                    remedy="set it, and give the same to whoever sends the webhook",
                )


class AskedJson(msgspec.Struct, forbid_unknown_fields=True):
    """The body, where there is one.

    Attributes:
        id: the same again begins nothing more.
        why: one sentence, for the report.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$")] = ""
    why: Line = ""


_ASKED: Final = msgspec.json.Decoder(AskedJson)
_DOOR: Final = web.AppKey("retrain_door", RetrainDoor)
_UNSIGNED: Final = UsageError(
    "the token is missing or wrong",
    where="headers",
    remedy="send Authorization: Bearer TOKEN with the token of the loop's webhook",
)
_UNKNOWN: Final = PermanentError("this token is for no loop of that name", where="path")


def retrain_app(door: RetrainDoor) -> web.Application:
    """The application: the webhook, and `GET /healthz`."""
    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[errors_in_json(_log)])
    app[_DOOR] = door
    app.router.add_post("/hooks/retrain/{name}", _hook)
    app.router.add_get("/healthz", _health)
    return app


async def _health(request: web.Request) -> web.Response:
    await asyncio.to_thread(request.app[_DOOR].book.check)
    return answered(HTTPStatus.OK, {"status": "ok"})


async def _hook(request: web.Request) -> web.Response:
    door = request.app[_DOOR]
    opened = _opened_by(door.tokens, request.headers.getall("Authorization", []))
    if not opened:
        return refused(HTTPStatus.UNAUTHORIZED, _UNSIGNED)
    name = request.match_info["name"]
    if name not in opened:
        return refused(HTTPStatus.NOT_FOUND, _UNKNOWN)
    asked = _read(request, await read_body(request, door.slowest))
    return await asyncio.to_thread(_enter, door, name, asked)


def _opened_by(tokens: Mapping[str, str], headers: list[str]) -> frozenset[str]:
    """The loops that a header opens. All are compared, so that the time says nothing of which there are."""
    kind, _, given = (headers[0] if len(headers) == 1 else "").partition(" ")
    bearer = kind.casefold() == "bearer"
    brought = _digest(given.strip() if bearer else "")
    compared = {name: hmac.compare_digest(brought, _digest(token)) for name, token in tokens.items()}
    return frozenset(name for name, same in compared.items() if same and bearer)


def _digest(token: str) -> bytes:
    """Of one length whatever the token's; aiohttp keeps bytes that are no UTF-8 as halves of surrogate pairs."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _read(request: web.Request, body: bytes) -> AskedJson:
    if not body.strip():
        return AskedJson()
    if request.content_type != _JSON:
        raise web.HTTPUnsupportedMediaType(reason="the body must be JSON, or empty")
    try:
        return _ASKED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the body can't be read: {error}", where="body", remedy='send {"id": "…", "why": "…"}, or nothing'
        ) from None


def _enter(door: RetrainDoor, name: str, asked: AskedJson) -> web.Response:
    """The answer, once the wish is on the disk."""
    paused = door.book.schedule(name)
    if paused.paused:
        by = SeatrialError(f"{name} is paused", where="path", remedy=f"seatrial schedule resume {name}")
        return refused(HTTPStatus.CONFLICT, by)
    why = " ".join(asked.why.split())
    wish = RetrainWish(
        id=f"webhook:{name}:{asked.id or door.mark()}",
        name=name,
        trigger=TriggerKind.WEBHOOK,
        why=f"webhook: {why}" if why else "webhook",
        asked=door.clock.now(),
        actor=door.actor("webhook"),
    )
    taken = door.book.enter(wish)
    if taken:
        door.arrived()
    return answered(HTTPStatus.ACCEPTED, {"status": "taken" if taken else "known", "wish": wish.id})
