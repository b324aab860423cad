"""The judge over HTTP: for people who stay with Argo Rollouts, Flagger or a pipeline of their own.

It moves nothing. Whatever goes wrong here must not look like a pass over there, which shapes the answers:

- Argo Rollouts takes an answer with a 2xx status that is no JSON as a success, so that every answer is JSON;
- a source that is silent is 503 and a wrong request 400, which Argo counts as errors and Flagger as failed checks;
- Flagger rolls back on a 2xx status of a `rollback` hook, which therefore is given for an abort and for nothing else.
"""

import asyncio
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from seatrial.records import Decision, ReleaseSpec, UsageError
from seatrial.web.answers import answer_of, encoded
from seatrial.web.asked import Asked, read_flagger, read_request
from seatrial.web.judging import Judging, begun_anew, forgotten, judged, known
from seatrial.web.openapi import document
from seatrial.web.plain import Handler, answered, errors_in_json, read_body, refused
from seatrial.web.session import Session, dump_session

LARGEST_BODY: Final = 64 << 20
_SLOWEST_BODY: Final = 30.0
_OPEN: Final = frozenset({"/healthz", "/openapi.json"})
_log = logging.getLogger("seatrial.judge")

_GOING_ON: Final = frozenset({Decision.CONTINUE, Decision.PROMOTE})
_GO: Final[Mapping[str, frozenset[Decision]]] = {
    "rollout": _GOING_ON,
    "confirm-traffic-increase": _GOING_ON,
    "confirm-promotion": frozenset({Decision.PROMOTE}),
    "rollback": frozenset({Decision.ABORT}),
}
"""By hook of Flagger: after which decisions it is told yes."""

_BEGIN: Final = frozenset({"confirm-rollout", "pre-rollout"})
_END: Final = "post-rollout"
_EVENT: Final = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeServer:
    """What the server is made of.

    Attributes:
        services: how each service of the project is released, by name.
        sources: URLs of the Prometheus servers that a request may name; None: any. Those of `services` always.
        token: that requests have to bring; None: none.
    """

    judging: Judging
    services: Mapping[str, ReleaseSpec] = field(default_factory=dict)
    sources: frozenset[str] | None = None
    token: str | None = None


_SERVER: Final = web.AppKey("server", JudgeServer)


def judge_app(server: JudgeServer, *, largest: int = LARGEST_BODY) -> web.Application:
    """The application; bodies have at most `largest` bytes."""
    app = web.Application(client_max_size=largest, middlewares=[errors_in_json(_log), _authorised])
    app[_SERVER] = server
    app.router.add_post("/v1/judge", _judge)
    app.router.add_get("/v1/judge", _last)
    app.router.add_delete("/v1/judge", _forget)
    app.router.add_post("/v1/flagger/{hook}", _flagger)
    app.router.add_get("/openapi.json", _openapi)
    app.router.add_get("/healthz", _health)
    return app


@web.middleware
async def _authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A bearer token, where one is set. Flagger can't send headers, so its hooks are asked later, for their metadata."""
    token = request.app[_SERVER].token
    flagger = request.path.startswith("/v1/flagger/")
    if token is None or request.path in _OPEN or flagger:
        return await handler(request)
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not _same(given.strip(), token):
        return _unauthorised("Authorization", "send it as a bearer token")
    return await handler(request)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


async def _judge(request: web.Request) -> web.Response:
    server = request.app[_SERVER]
    body = await read_body(request, _SLOWEST_BODY)

    def work() -> bytes:
        asked = read_request(body, server.services)
        _check_allowed(server, asked)
        session = judged(server.judging, asked)
        answer = answer_of(session)
        if asked.release is None:
            answer["state"] = dump_session(session).decode()
        return encoded(answer)

    return web.Response(body=await asyncio.to_thread(work), content_type="application/json")


async def _last(request: web.Request) -> web.Response:
    server, release = request.app[_SERVER], _release(request)
    session = await asyncio.to_thread(known, server.judging, release)
    return _unknown(release) if session is None else answered(HTTPStatus.OK, answer_of(session))


async def _forget(request: web.Request) -> web.Response:
    server, release = request.app[_SERVER], _release(request)
    if not await asyncio.to_thread(forgotten, server.judging, release):
        return _unknown(release)
    return answered(HTTPStatus.OK, {"forgotten": release})


async def _flagger(request: web.Request) -> web.Response:
    server, hook = request.app[_SERVER], request.match_info["hook"]
    body = await read_body(request, _SLOWEST_BODY)
    if hook not in {*_GO, *_BEGIN, _END, _EVENT}:
        raise web.HTTPNotFound
    if hook == _EVENT:
        return _hook_answer(hook, None)
    asked, metadata = await asyncio.to_thread(read_flagger, body, server.services)
    if server.token is not None and not _same(metadata.get("token", ""), server.token):
        return _unauthorised("metadata.token", "write it there, Flagger sends no headers")
    _check_allowed(server, asked)
    session = await asyncio.to_thread(_after, server.judging, hook, asked)
    return _hook_answer(hook, session)


def _after(judging: Judging, hook: str, asked: Asked) -> Session | None:
    """The release after a hook; None for hooks that nothing is judged for."""
    if hook in _BEGIN:
        return begun_anew(judging, asked)
    if hook == _END and asked.release is not None:
        forgotten(judging, asked.release)
    return judged(judging, asked) if hook in _GO else None


def _hook_answer(hook: str, session: Session | None) -> web.Response:
    """2xx for yes. Flagger writes the body of any other answer into its events, so that it begins with the reason."""
    if session is None:
        return answered(HTTPStatus.OK, {"hook": hook})
    answer = answer_of(session)
    decision = Decision(answer["decision"])
    yes = hook in _BEGIN or decision in _GO[hook]
    short = {key: answer[key] for key in ("why", "decision", "value", "judged_to", "notes")}
    return answered(HTTPStatus.OK if yes else HTTPStatus.FORBIDDEN, short)


def _check_allowed(server: JudgeServer, asked: Asked) -> None:
    """Raises UsageError for a Prometheus that requests may not name: the judge is no way into its network."""
    if server.sources is None:
        return
    own = {spec.source.url for spec in server.services.values()}
    own |= {threshold.url for spec in server.services.values() for threshold in spec.thresholds}
    named = {asked.spec.source.url, *(threshold.url for threshold in asked.spec.thresholds)}
    for url in sorted(named - own - server.sources - {""}):
        raise UsageError(
            f"requests may not name a Prometheus at {_host(url)!r}",
            where="policy.source.url",
            remedy="start the judge with --prometheus URL",
        )


def _host(url: str) -> str:
    """Of a URL, without a login that may be in it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _release(request: web.Request) -> str:
    release = request.query.get("release")
    if release is None:
        raise UsageError("no release is named", where="query", remedy="add ?release=NAME")
    return release


async def _openapi(_request: web.Request) -> web.Response:
    return answered(HTTPStatus.OK, document())


async def _health(_request: web.Request) -> web.Response:
    return answered(HTTPStatus.OK, {"status": "ok"})


def _unknown(release: str) -> web.Response:
    return refused(HTTPStatus.NOT_FOUND, UsageError("this release is not known", where=release))


def _unauthorised(where: str, remedy: str) -> web.Response:
    return refused(HTTPStatus.UNAUTHORIZED, UsageError("the token is missing or wrong", where=where, remedy=remedy))
