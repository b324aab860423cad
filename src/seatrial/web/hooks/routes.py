"""`POST /hooks/…`: from a request to a delivery in the book, or to the word why not."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from seatrial.bot.book import BotBook, Delivery
from seatrial.ports import Clock
from seatrial.records import BotSpec, ForgeKind, Hook, PermanentError, UsageError
from seatrial.web.hooks import gitea, github, gitlab
from seatrial.web.hooks.intake import Intake
from seatrial.web.hooks.shapes import Passed
from seatrial.web.hooks.verify import Headers, delivery_of, digest_of, is_genuine
from seatrial.web.plain import answered, read_body, refused

LARGEST_BODY: Final = 5 << 20
SLOWEST_BODY: Final = 10.0
_BIG: Final = 128 << 10
"""Bytes from which on a body is examined beside the event loop."""

_log = logging.getLogger("seatrial.server")

_READERS: Final[Mapping[ForgeKind, Callable[[str, bytes], Hook | Passed]]] = {
    ForgeKind.GITHUB: github.read,
    ForgeKind.GITLAB: gitlab.read,
    ForgeKind.GITEA: gitea.read,
}
_EVENTS: Final[Mapping[ForgeKind, tuple[str, ...]]] = {
    ForgeKind.GITHUB: ("X-GitHub-Event",),
    ForgeKind.GITLAB: ("X-Gitlab-Event",),
    ForgeKind.GITEA: ("X-Forgejo-Event", "X-Gitea-Event"),
}
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDoor:
    """What the door is made of.

    Attributes:
        spec: which repositories it is for.
        kind: of the forge that sends; the doors of the others stay closed.
        secret: that the webhooks were made with.
        book: where deliveries are kept.
        arrived: told, from the event loop, that one more is there.
        slowest: seconds that a body may take.
        counts: deliveries so far, by what was answered.
    """

    spec: BotSpec
    kind: ForgeKind
    secret: str = field(repr=False)
    book: BotBook
    clock: Clock
    arrived: Callable[[], None]
    slowest: float = SLOWEST_BODY
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Raises UsageError if anybody could knock."""
        if not self.secret.strip():
            raise UsageError(
                "webhooks have no secret, so that anybody could send them",
                where="bot.secret",
                remedy="set it, and give the same to the forge's webhook",
            )


_DOOR: Final = web.AppKey("door", HookDoor)
_INTAKE: Final = web.AppKey("intake", Intake)


def hook_routes(app: web.Application, door: HookDoor) -> None:
    """Add the route of the forge that `door` is for; the application's `client_max_size` bounds the bodies."""
    app[_DOOR] = door
    app[_INTAKE] = Intake(lambda deliveries: door.book.take_many(deliveries, door.clock.now()))
    app.router.add_post(f"/hooks/{door.kind.value}", _hook)
    app.on_cleanup.append(_close)


async def _close(app: web.Application) -> None:
    await app[_INTAKE].close()


async def _hook(request: web.Request) -> web.Response:
    door = request.app[_DOOR]
    try:
        answer = await _answered(request, door)
    except web.HTTPException as error:
        door.counts[str(error.status)] += 1
        raise
    except UsageError as error:
        answer = refused(HTTPStatus.BAD_REQUEST, error)
    door.counts[str(answer.status)] += 1
    return answer


async def _answered(request: web.Request, door: HookDoor) -> web.Response:
    _check_form(request, door.kind)
    body = await read_body(request, door.slowest)
    examined = _examined if len(body) < _BIG else _examined_beside
    digest = await examined(door, request.headers, body)
    if digest is None:
        _tell_unsigned(door)
        return refused(HTTPStatus.UNAUTHORIZED, _UNSIGNED)
    heard = _READERS[door.kind](_event(door.kind, request.headers), _payload(request, body))
    if isinstance(heard, Passed):
        return answered(HTTPStatus.OK, {"status": "passed over", "why": heard.why})
    watched = door.spec.watched(heard.repository)
    if watched is None:
        return refused(HTTPStatus.NOT_FOUND, _UNKNOWN)
    delivery = delivery_of(door.kind, request.headers, digest)
    hook = replace(heard, delivery=delivery, repository=watched.name)
    if not await request.app[_INTAKE].take(Delivery(hook=hook, digest=digest)):
        return refused(HTTPStatus.CONFLICT, _KNOWN)
    door.arrived()
    return answered(HTTPStatus.ACCEPTED, {"status": "taken", "delivery": delivery})


def _tell_unsigned(door: HookDoor) -> None:
    """The 1st, 2nd, 4th, 8th … goes to the log: whoever knocks in vain must not fill it."""
    count = door.counts[str(HTTPStatus.UNAUTHORIZED.value)] + 1
    if count & (count - 1) == 0:
        _log.warning("webhooks with a missing or wrong signature or token were refused (%d so far)", count)


_UNSIGNED: Final = UsageError(
    "the signature or token is missing or wrong",
    where="headers",
    remedy="give the forge's webhook the secret of bot.secret",
)
_UNKNOWN: Final = PermanentError("this is not for this server", where="body")
_KNOWN: Final = PermanentError("this delivery came before", where="headers", remedy="none is needed, it was taken then")


def _check_form(request: web.Request, kind: ForgeKind) -> None:
    """Refuse what is too long, compressed or no JSON before it is read."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(max_size=LARGEST_BODY, actual_size=request.content_length or 0)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType(reason="the body must not be compressed")
    if request.content_type != _JSON and not (request.content_type == _FORM and kind is ForgeKind.GITHUB):
        raise web.HTTPUnsupportedMediaType(reason="the body must be JSON")


async def _examined(door: HookDoor, headers: Headers, body: bytes) -> str | None:
    return _digest_if_genuine(door, headers, body)


async def _examined_beside(door: HookDoor, headers: Headers, body: bytes) -> str | None:
    return await asyncio.to_thread(_digest_if_genuine, door, headers, body)


def _digest_if_genuine(door: HookDoor, headers: Headers, body: bytes) -> str | None:
    if not is_genuine(door.kind, headers, body, door.secret, door.clock.now()):
        return None
    return digest_of(body)


def _event(kind: ForgeKind, headers: Headers) -> str:
    return next((headers[name] for name in _EVENTS[kind] if name in headers), "")


def _payload(request: web.Request, body: bytes) -> bytes:
    """The JSON; GitHub can be told to send it as a field of a form. Raises UsageError."""
    if request.content_type != _FORM:
        return body
    try:
        fields = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=4))
        return fields["payload"].encode()
    except (ValueError, KeyError):
        raise UsageError("this is no form with a payload", where="body") from None
