"""How our servers answer in JSON, above all when something goes wrong: with what, where and the remedy."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from seatrial.records import SeatrialError, TemporaryError, UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def errors_in_json(log: logging.Logger) -> Middleware:
    """A middleware: whatever happens is answered in JSON; what nobody foresaw goes to the log."""

    @web.middleware
    async def in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except SeatrialError as error:
            return refused(status_of(error), error)
        except web.HTTPException as error:
            return refused(error.status, SeatrialError(error.reason, where=request.path))
        except Exception:
            log.exception("a request could not be answered")
            unforeseen = SeatrialError("something broke that nobody foresaw; the log of this server has more")
            return refused(HTTPStatus.INTERNAL_SERVER_ERROR, unforeseen)

    return in_json


def status_of(error: SeatrialError) -> HTTPStatus:
    """400 for what the caller can mend, 503 for what passes, 500 for the rest."""
    if isinstance(error, UsageError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, TemporaryError) else HTTPStatus.INTERNAL_SERVER_ERROR


def answered(status: int, value: object) -> web.Response:
    """JSON; a figure that is not finite becomes null."""
    return web.Response(status=int(status), body=msgspec.json.encode(value), content_type="application/json")


def refused(status: int, error: SeatrialError) -> web.Response:
    """An error in JSON."""
    return answered(status, {"error": {"what": error.what, "where": error.where, "remedy": error.remedy}})


async def read_body(request: web.Request, seconds: float) -> bytes:
    """The whole body, if it is complete in time. Raises aiohttp's 408, and 413 where the application bounds it."""
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason=f"the request was not complete after {seconds:g} s") from None
