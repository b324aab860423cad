"""One HTTP/1.1 connection that carries one exchange at a time: aiohttp's parser on a transport of the event loop.

aiohttp's whole client takes some 150 µs of CPU a request, which on one machine is taken from the cell under
measurement and shows in its latency; this takes about 25 (`benchmarks/driver.py`). What makes HTTP hard, the parsing of answers, stays with aiohttp (llhttp); what is left out is what a driver must not do: cookies, decompression, proxies, retries.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.streams import StreamReader

BODY_CAP = 8 * 2**20
_FINAL = 200


class TransportError(Exception):
    """No whole answer came. `kind` says why, in the words of `records.Sample`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `body` is None where it is longer than `BODY_CAP`, `location` where it points elsewhere."""

    status: int
    body: bytes | None
    location: str | None


class Origin(NamedTuple):
    """Where a connection goes to."""

    host: str
    port: int
    tls: bool


class Connection(asyncio.Protocol):
    """One connection. `idle_since` is for its owner to write."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, with_body: bool) -> None:
        self.idle_since = 0.0
        self.usable = False
        self._loop = loop
        self._with_body = with_body
        self._transport: asyncio.WriteTransport | None = None
        self._parser: Any = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._message: RawResponseMessage | None = None
        self._payload: StreamReader | None = None

    async def exchange(self, request: bytes, seconds: float) -> Answer:
        """Send the bytes of a request and return the answer to it.

        Raises:
            TransportError: `timeout` after `seconds`, `disconnected`, or `not_json` for an answer that isn't HTTP.
        """
        if self._transport is None or not self.usable:
            raise TransportError("disconnected")
        self._waiter = self._loop.create_future()
        deadline = self._loop.call_later(seconds, self._fail, "timeout")
        self._transport.write(request)
        try:
            return await self._waiter
        except BaseException:
            self.abort()
            raise
        finally:
            deadline.cancel()

    def abort(self) -> None:
        """Close at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open (and its handshake done)."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._parser = HttpResponseParser(
            cast("Any", self),
            self._loop,
            BODY_CAP,
            response_with_body=self._with_body,
            read_until_eof=True,
            auto_decompress=False,
        )
        self.usable = True

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002 - why doesn't matter
        """The connection is closed, which ends an answer that had no length."""
        self._transport = None
        self.usable = False
        if self._waiter is None:
            return
        try:
            self._parser.feed_eof()
        except Exception:  # noqa: BLE001 - the parser's ways to say that the answer is not complete
            self._fail("disconnected")
            return
        self._settle()
        self._fail("disconnected")

    def data_received(self, data: bytes) -> None:
        """Parse what came; an answer that nobody asked for makes the connection useless."""
        if self._waiter is None:
            self.abort()
            return
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except Exception:  # noqa: BLE001 - whatever the parser doesn't like is not HTTP
            self._fail("not_json")
            return
        for message, payload in messages:
            if self._message is None and message.code >= _FINAL:
                self._message, self._payload = message, payload
            elif self._message is not None:
                self.usable = False
        if upgraded:
            self._fail("not_json")
        else:
            self._settle()

    def pause_reading(self) -> None:
        """The parser's reader asks for it when it is full; `BODY_CAP` bounds it already."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - as the parser calls it
        """Nothing was paused."""

    def _settle(self) -> None:
        """Hand the answer over if it is complete, or as soon as it is known to be too long."""
        message, payload = self._message, self._payload
        if message is None or payload is None:
            return
        if payload.is_eof():
            self._finish(message, payload.read_nowait(-1))
            self.usable = self.usable and not message.should_close
        elif payload.total_bytes > BODY_CAP or _announced(message) > BODY_CAP:
            self._finish(message, None)
            self.abort()

    def _finish(self, message: RawResponseMessage, body: bytes | None) -> None:
        waiter, self._waiter, self._message, self._payload = self._waiter, None, None, None
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(message.code, body, message.headers.get("Location")))

    def _fail(self, kind: str) -> None:
        waiter, self._waiter, self.usable = self._waiter, None, False
        if waiter is not None and not waiter.done():
            waiter.set_exception(TransportError(kind))


async def connect(origin: Origin, context: ssl.SSLContext | None, seconds: float, *, with_body: bool) -> Connection:
    """Open a connection, over TLS if there is a `context`.

    Raises:
        TransportError: `timeout` after `seconds`, `dns`, `tls` or `connect`.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: Connection(loop, with_body=with_body),
                origin.host,
                origin.port,
                ssl=context,
            )
    except (OSError, UnicodeError) as error:
        raise TransportError(_kind(error, tls=context is not None)) from error
    return connection


def _kind(error: Exception, *, tls: bool) -> str:
    """Why no connection was made. A server that doesn't speak TLS may close on the greeting."""
    match error:
        case TimeoutError():
            return "timeout"
        case socket.gaierror() | UnicodeError():
            return "dns"
        case ssl.SSLError():
            return "tls"
        case ConnectionResetError() | ConnectionAbortedError() if tls:
            return "tls"
        case _:
            return "connect"


def _announced(message: RawResponseMessage) -> int:
    """The length that an answer says it has; 0 if it doesn't say."""
    length = message.headers.get("Content-Length", "0")
    return int(length) if length.isdecimal() else 0
