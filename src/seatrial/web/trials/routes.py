"""The pages over HTTP. They change nothing: whatever is done to a trial is done on the forge, by those who may."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web
from jinja2 import Environment

from seatrial.bot.book import BotBook
from seatrial.pages import environment
from seatrial.pages.page import ASSETS as REPORT_ASSETS
from seatrial.ports import Clock, Store
from seatrial.records import BotTrial, SeatrialError, UsageError
from seatrial.web.trials.access import Access, Visitor, access, is_forwarded
from seatrial.web.trials.stream import Changes, events
from seatrial.web.trials.view import TrialView, view

HEARTBEAT: Final = 15.0
_MOST: Final = 100
_HERE: Final = Path(__file__).parent
_ASSETS: Final = {
    "report.css": (REPORT_ASSETS / "report.css", "text/css"),
    "pages.css": (_HERE / "assets" / "pages.css", "text/css"),
    "htmx.min.js": (_HERE / "assets" / "htmx.min.js", "text/javascript"),
    "hx-sse.min.js": (_HERE / "assets" / "hx-sse.min.js", "text/javascript"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report shows what a pull request's author wrote. Should anything in it ever run, it is in an origin of its own.
_REPORT_POLICY: Final = "sandbox allow-scripts allow-popups; frame-ancestors 'self'"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPages:
    """What the pages are made from.

    Attributes:
        store: where reports are kept.
        password: that visitors have to give; empty: only this machine's are let in.
        repositories: names of those that the bot serves.
    """

    project: str
    book: BotBook
    store: Store
    clock: Clock
    password: str = ""
    repositories: tuple[str, ...] = ()
    heartbeat: float = HEARTBEAT


_PAGES: Final = web.AppKey("pages", TrialPages)
_CHANGES: Final = web.AppKey("changes", Changes)


def trial_routes(app: web.Application, pages: TrialPages) -> None:
    """Add the pages to an application."""
    app[_PAGES] = pages
    app[_CHANGES] = changes = Changes(pages.book.revision)

    async def close(_: web.Application) -> None:
        await changes.close()

    app.on_shutdown.append(close)
    app.router.add_get("/", _guarded(_list))
    app.router.add_get("/events", _guarded(_list_events))
    app.router.add_get("/trials/{id}", _guarded(_trial))
    app.router.add_get("/trials/{id}/events", _guarded(_trial_events))
    app.router.add_get("/trials/{id}/report", _guarded(_report))
    app.router.add_get("/trials/{id}/report.json", _guarded(_record))
    app.router.add_get("/assets/{name}", _asset)


def _guarded(handler: Handler) -> Handler:
    """Only for those who may look; trouble of the database is said in a page too."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        found = access(_visitor(request), request.app[_PAGES].password)
        if found is Access.ASK:
            return _refused(HTTPStatus.UNAUTHORIZED, "A password is needed", "It is bot.token of seatrial.yaml.")
        if found is Access.DENIED:
            return _refused(
                HTTPStatus.FORBIDDEN,
                "These pages are shown on the server's own machine only",
                "Set bot.token in seatrial.yaml, and they ask for it as a password.",
            )
        try:
            return await handler(request)
        except UsageError as error:
            return _refused(HTTPStatus.NOT_FOUND, error.what, error.remedy)
        except SeatrialError as error:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, error.what, error.remedy)

    return guarded


def _visitor(request: web.Request) -> Visitor:
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return Visitor(
        peer=str(peer[0]) if isinstance(peer, tuple) and peer else "",
        host=request.headers.get("Host", ""),
        forwarded=is_forwarded(request.headers),
        authorization=request.headers.get("Authorization", ""),
    )


async def _list(request: web.Request) -> web.Response:
    return _page(await asyncio.to_thread(_listed, request.app[_PAGES], "list.html.j2"))


async def _list_events(request: web.Request) -> web.StreamResponse:
    pages = request.app[_PAGES]
    return await _stream(request, lambda: (_listed(pages, "rows.html.j2"), False))


async def _trial(request: web.Request) -> web.Response:
    pages, name = request.app[_PAGES], request.match_info["id"]
    return _page(await asyncio.to_thread(lambda: _shown(pages, name, "trial.html.j2")[0]))


async def _trial_events(request: web.Request) -> web.StreamResponse:
    pages, name = request.app[_PAGES], request.match_info["id"]
    await asyncio.to_thread(_known, pages, name)
    return await _stream(request, lambda: _shown(pages, name, "live.html.j2"))


async def _report(request: web.Request) -> web.Response:
    pages, name = request.app[_PAGES], request.match_info["id"]
    body = await asyncio.to_thread(lambda: _kept(pages, _known(pages, name).page))
    headers = {"Content-Security-Policy": _REPORT_POLICY, **_COMMON}
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


async def _record(request: web.Request) -> web.Response:
    pages, name = request.app[_PAGES], request.match_info["id"]
    body = await asyncio.to_thread(lambda: _kept(pages, _known(pages, name).report))
    return web.Response(body=body, content_type="application/json", headers=_COMMON)


async def _asset(request: web.Request) -> web.Response:
    found = _ASSETS.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    return web.Response(
        body=_bytes(found[0]), content_type=found[1], charset="utf-8", headers={"X-Content-Type-Options": "nosniff"}
    )


async def _stream(request: web.Request, render: Callable[[], tuple[str, bool]]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", **_COMMON})
    await response.prepare(request)
    try:
        async for message in events(request.app[_CHANGES], render, heartbeat=request.app[_PAGES].heartbeat):
            await response.write(message)
    except (ConnectionResetError, SeatrialError):
        return response  # the page connects again by itself
    return response


def _listed(pages: TrialPages, template: str) -> str:
    now = pages.clock.now()
    trials = [_view(pages, trial, now=now) for trial in pages.book.trials(limit=_MOST)]
    return _render(template, project=pages.project, trials=trials, repositories=pages.repositories)


def _shown(pages: TrialPages, name: str, template: str) -> tuple[str, bool]:
    """The page of a trial or a part of it, and whether it will not change any more."""
    found = _view(pages, _known(pages, name), now=pages.clock.now())
    return _render(template, project=pages.project, trial=found), not found.live


def _view(pages: TrialPages, trial: BotTrial, *, now: datetime) -> TrialView:
    return view(trial, pages.book.progress(trial.id) if trial.state.is_live else (), now)


def _known(pages: TrialPages, name: str) -> BotTrial:
    found = pages.book.trial(name)
    if found is None:
        raise UsageError("There is no such trial", remedy="It may be older than bot.keep of seatrial.yaml.")
    return found


def _kept(pages: TrialPages, digest: str) -> bytes:
    if not digest:
        raise UsageError("This trial has no report", remedy="Its page says what became of it.")
    return pages.store.get(digest)


_COMMON: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _page(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY, **_COMMON})


def _refused(status: HTTPStatus, what: str, remedy: str) -> web.Response:
    asks = {"WWW-Authenticate": 'Basic realm="seatrial", charset="UTF-8"'} if status is HTTPStatus.UNAUTHORIZED else {}
    text = _render("refused.html.j2", what=what, remedy=remedy)
    headers = {"Content-Security-Policy": "default-src 'none'", **_COMMON, **asks}
    return web.Response(status=int(status), text=text, content_type="text/html", headers=headers)


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return environment(_HERE / "templates")


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()
