"""One connection: bytes in, exchanges out, answers in the order of the questions.

What can go wrong with a peer is decided here and nowhere else: it sends nonsense (400), too much (413, 414, 431), too
slowly (408), several requests at once (answered one after the other), reads too slowly, or goes away. None of it reaches
a handler. Whatever happens, each request that was understood is counted once as started, and once as answered or
abandoned.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Protocol, cast

import httptools

from seatrial.serve.codec import Answer, Refused
from seatrial.serve.http.exchange import KEEP_ALIVE, Exchange, Heads
from seatrial.serve.http.routes import Route, Routes

LONGEST_ID = 128
SWEEP_SECONDS = 0.5
LINGER_SECONDS = 2.0
ASK_SECONDS = 0.05
PIECE = 16 * 1024
"""Bytes that are parsed at once: what one connection can have sent ahead is bounded by them."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = logging.getLogger("seatrial.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may cost: bytes of target, headers and body; requests waiting; seconds.

    Attributes:
        target, headers, body: bytes.
        waiting: requests that one connection may have sent ahead before it is read no further.
        read_timeout: seconds in which a request has to arrive, from its first byte, and after which a peer is given up
            that reads nothing of what was sent to it.
        idle_timeout: seconds between requests.
    """

    target: int = 8 * 1024
    headers: int = 64 * 1024
    body: int = 8 * 1024 * 1024
    waiting: int = 16
    read_timeout: float = 10.0
    idle_timeout: float = 75.0


class Gauge(Protocol):
    """What counts the open connections; see `serve.metrics.Gauge`."""

    def inc(self) -> None:
        """One more."""
        ...

    def dec(self) -> None:
        """One less."""
        ...


class Hub:
    """What all connections of a process share: routes, bounds, clock, identifiers, and the beginnings of answers.

    Args:
        bounds: of each connection.
        now: monotonic seconds.
        wall: seconds since the epoch, for the Date header.
        prefix: of the request ids made here; unique to the process.
        refuse: makes an answer of a refusal.
        broken: route that counts what was never understood; its own answer is never asked for.
        gauge: shows how many connections are open.
    """

    def __init__(
        self,
        *,
        bounds: Bounds,
        routes: Routes,
        now: Callable[[], float],
        wall: Callable[[], float],
        prefix: bytes,
        refuse: Callable[[Refused], Answer],
        broken: Route,
        gauge: Gauge,
    ) -> None:
        self.bounds = bounds
        self.routes = routes
        self.now = now
        self.refuse = refuse
        self.broken = broken
        self.gauge = gauge
        self.draining = False
        self.idle_timeout = bounds.idle_timeout
        self.connections: set[Connection] = set()
        self._wall = wall
        self._prefix = prefix
        self._made = 0
        self.heads = Heads(self._date())

    def new_id(self) -> bytes:
        """An identifier that no other request has."""
        self._made += 1
        return b"%b%x" % (self._prefix, self._made)

    def refusal(self, refused: Refused) -> Route:
        """The route of a request that was never understood: counted as `broken`, answered by the refusal."""
        return replace(self.broken, answer=lambda exchange: exchange.reply(self.refuse(refused), self.now()))

    def sweep(self) -> None:
        """Renew the date, and close what is silent or too slow; called twice a second."""
        self.heads.renew(self._date())
        now = self.now()
        for connection in list(self.connections):
            connection.look(now)

    def drain(self, *, close_idle: bool, linger: float | None = None) -> None:
        """Let no connection begin anew: each is closed after the answers it is owed, idle ones at once if `close_idle`.

        An idle connection that is not closed may send one more request; with `linger` it has so many seconds for it.
        """
        self.draining = True
        if linger is not None:
            self.idle_timeout = linger
        if close_idle:
            self.idle_timeout = LINGER_SECONDS
            for connection in list(self.connections):
                connection.close_if_idle()

    def _date(self) -> bytes:
        return formatdate(self._wall(), usegmt=True).encode()


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Attributes:
        current: the exchange whose answer is owed next.
        lost: whether the peer has gone.
        write: sends to the peer.
    """

    __slots__ = (
        "_advancing",
        "_asked",
        "_backlog",
        "_behind",
        "_deaf",
        "_direct",
        "_ending",
        "_expects",
        "_fields",
        "_fruitless",
        "_half_closed",
        "_header_bytes",
        "_incoming",
        "_long",
        "_mark",
        "_parser",
        "_pieces",
        "_reading_paused",
        "_refusal",
        "_silent_since",
        "_size",
        "_stalled_since",
        "_transport",
        "_unsent",
        "_upgrading",
        "_waiting",
        "_write_paused",
        "current",
        "hub",
        "lost",
        "write",
    )

    _transport: asyncio.Transport
    write: Callable[[bytes], None]

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.lost = False
        self.current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._refusal: Exchange | None = None
        # The request that is being parsed. `_fields` is where its headers go; trailers go nowhere.
        self._parser = httptools.HttpRequestParser(self)
        self._incoming: Exchange | None = None
        self._upgrading: Exchange | None = None
        self._fields: dict[bytes, bytes] = {}
        self._pieces = bytearray()
        self._size = 0
        self._header_bytes = 0
        self._expects = False
        self._long = len(str(hub.bounds.body))
        # What came but is not parsed yet; `_direct` is how much may be parsed at once: nothing while a backlog is
        # before it, or after the last request.
        self._backlog: memoryview | None = None
        self._direct = PIECE
        self._deaf = False
        self._behind = False
        self._advancing = False
        self._mark = (0.0, 0, 0, 0)
        self._fruitless = 0
        # How the peer does.
        self._silent_since = hub.now()
        self._stalled_since = self._silent_since
        self._unsent = 0
        self._reading_paused = False
        self._write_paused = False
        self._half_closed = False
        self._asked = False
        self._ending = False

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        self.hub.connections.add(self)
        self.hub.gauge.inc()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: what is still owed has nobody who waits for it."""
        del exc
        self.lost = True
        self._deafen()
        self.hub.connections.discard(self)
        self.hub.gauge.dec()
        if self.current is not None:
            self._waiting.appendleft(self.current)
            self.current = None
        for exchange in self._waiting:
            exchange.route.meter.abandoned()
        self._waiting.clear()
        self._refusal = None
        # The parser holds this object's methods: without this, only the garbage collector could free the two.
        del self._parser, self.write

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if len(data) > self._direct:
            self._store(data)
            return
        self._feed(data)
        if self._behind:
            self._advance()

    def eof_received(self) -> bool:
        """The peer will send no more; answers may still be owed."""
        self._half_closed = True
        self._deafen()
        if self.current is None and not self._waiting:
            return False
        self._close_after_answers()
        if self._parser.get_http_version() != "1.0":
            asyncio.get_running_loop().call_later(ASK_SECONDS, self._ask)
        return True

    def pause_writing(self) -> None:
        """The peer reads too slowly: answer nothing further until it has caught up."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """It caught up."""
        self._write_paused = False
        self._advance()

    # what the parser tells

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._incoming = exchange = Exchange(self, self.hub.now())
        self._fields = exchange.headers
        self._size = 0
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        if (exchange := self._incoming) is None:
            return
        exchange.target += url
        if len(exchange.target) > self.hub.bounds.target:
            raise _Abort(Refused(414, "too_long", f"the target is longer than {self.hub.bounds.target} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._header_bytes += len(name) + len(value)
        self._fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        """All headers are there: refuse a body that is too large before it is sent."""
        if self._header_bytes > self.hub.bounds.headers:
            raise _Abort(self._too_long())
        headers = self._fields
        length = headers.get(b"content-length")
        if length is None:
            if b"transfer-encoding" in headers:
                self._expect_chunks(headers)
        elif len(length) >= self._long and int(length[-20:]) > self.hub.bounds.body:
            raise _Abort(self._too_large())
        if b"connection" in headers and self._changes():
            return
        if b"expect" in headers and headers[b"expect"].lower() == b"100-continue":
            self._encourage()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._size += len(body)
        if self._size > self.hub.bounds.body:
            raise _Abort(self._too_large())
        if (exchange := self._incoming) is None:
            return
        if exchange.body:
            self._pieces += body
        else:
            exchange.body = body

    def on_message_complete(self) -> None:
        """A whole request: answer it, or keep it until those before it are answered."""
        exchange = self._incoming
        if exchange is None:
            return
        self._incoming = None
        if self._pieces:
            exchange.body += self._pieces
            self._pieces = bytearray()
        hub, parser, target = self.hub, self._parser, exchange.target
        exchange.method = parser.get_method()
        if target[:1] == b"/":
            exchange.path = target if b"?" not in target else target.partition(b"?")[0]
        else:
            _make_relative(exchange)
        given = exchange.headers.get(b"x-request-id")
        exchange.identity = hub.new_id() if given is None else self._identify(given)
        exchange.route = route = hub.routes.find(exchange.method, exchange.path)
        if not parser.should_keep_alive():
            exchange.keep_alive = False
            self._deafen()
        route.meter.started()
        if self.current is None and not self._write_paused and not hub.draining:
            self._answer(exchange)
        else:
            self._keep(exchange)

    # what exchanges tell

    @property
    def ends(self) -> bool:
        """Whether nothing follows the request that is being answered."""
        return not self._waiting and self._incoming is None and self._backlog is None

    def finished(self, exchange: Exchange, now: float) -> None:
        """An answer was sent: go on, or close."""
        self.current = None
        self._silent_since = now
        if not exchange.keep_alive:
            self._end(exchange)
        elif self._behind:
            self._advance()

    def close(self) -> None:
        """Close when what was written has been sent."""
        self._deafen()
        self._ending = True
        self._transport.close()

    def close_if_idle(self) -> None:
        """Close unless a request is under way."""
        if self.current is None and self.ends and not self._ending:
            self.close()

    def look(self, now: float) -> None:
        """Close what has been silent for too long; called now and then."""
        silent = now - self._silent_since
        if self._look_at_reader(now):
            return
        if self._ending:
            if silent > LINGER_SECONDS:
                self._transport.abort()
        elif self.current is not None:
            return
        elif self._incoming is not None:
            # The time in which answers were owed, and nothing may have been read, is not the peer's.
            bound = self.hub.bounds.read_timeout
            if min(now - self._incoming.received, silent) > bound:
                self._give_up(Refused(408, "too_slow", f"the request did not arrive within {bound:g} seconds"))
        elif silent > self.hub.idle_timeout:
            self.close()

    # in detail: parsing

    def _feed(self, data: bytes | memoryview) -> None:
        refused = rest = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = bytes(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            refused = _reason(error)
        if refused is not None:
            # What follows the last request of a connection is not looked at.
            if not self._deaf:
                self._give_up(refused)
        elif rest is not None:
            self._stay(rest)
        elif self._incoming is not None:
            self._watch(len(data))

    def _store(self, data: bytes) -> None:
        """Parse much in pieces, as far as the queue allows; nothing more is read before the rest was parsed."""
        if self._deaf:
            return
        self._backlog = memoryview(data if self._backlog is None else bytes(self._backlog) + data)
        self._direct = -1
        self._behind = True
        self._advance()

    def _deafen(self) -> None:
        """There will be no further request."""
        self._deaf = True
        self._direct = -1
        self._backlog = None
        self._incoming = None
        self._expects = False

    def _watch(self, size: int) -> None:
        """Bound what is kept of a request whose headers, or one header or chunk of it, never end."""
        exchange, most = cast("Exchange", self._incoming), self.hub.bounds.headers
        mark = (exchange.received, len(exchange.target), self._header_bytes, self._size)
        if mark != self._mark:
            self._mark = mark
            self._fruitless = 0
        else:
            self._fruitless += size
        if self._header_bytes > most or self._fruitless > most:
            self._give_up(self._too_long())

    def _expect_chunks(self, headers: dict[bytes, bytes]) -> None:
        if headers[b"transfer-encoding"].lower() != b"chunked":
            raise _Abort(Refused(501, "wrong_type", "the only transfer encoding that is understood is `chunked`"))
        self._fields = {}

    def _changes(self) -> bool:
        """Whether the peer asks for another protocol, which it will not get; an old one may ask to stay."""
        if self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT":
            self._upgrading, self._incoming = self._incoming, None
            return True
        if self._parser.get_http_version() == "1.0":
            cast("Exchange", self._incoming).more = KEEP_ALIVE
        return False

    def _stay(self, rest: bytes) -> None:
        """Take a request that asks for another protocol (h2c, mostly) as if it had not.

        The parser left its body unread, for the other protocol; so it is parsed again without that header.
        """
        exchange, self._upgrading = self._upgrading, None
        if exchange is None:
            # After CONNECT comes whatever the peer likes.
            self._close_after_answers()
            return
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), exchange.target, version)]
        lines += [b"%b: %b" % header for header in exchange.headers.items() if header[0] != b"upgrade"]
        behind = b"" if self._backlog is None else bytes(self._backlog)
        self._parser = httptools.HttpRequestParser(self)
        self._backlog = None
        self._store(b"%b\r\n\r\n%b%b" % (b"\r\n".join(lines), rest, behind))

    def _encourage(self) -> None:
        """Tell who asks first that its body is welcome; not before the answers that are owed."""
        if self._parser.get_http_version() == "1.0":
            return
        if self.current is None and not self._waiting:
            self.write(CONTINUE)
        else:
            self._expects = self._behind = True

    # in detail: answering

    def _answer(self, exchange: Exchange) -> None:
        self.current = exchange
        try:
            exchange.route.answer(exchange)
        except Exception:
            log.exception("%s failed", exchange.handler)
            exchange.reply(self.hub.refuse(_broken()), self.hub.now())

    def _keep(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        self._behind = True
        self._expects = False

    def _advance(self) -> None:
        """Do what waited for an answer to be sent: the next answers, and parsing what came meanwhile."""
        # An answer that is ready at once calls back into `finished`; the loop here keeps that from nesting.
        if self._advancing:
            return
        self._advancing = True
        while self.current is None and not self._write_paused and self._behind:
            self._step()
        self._advancing = False
        self._regulate()

    def _step(self) -> None:
        if self._waiting:
            self._answer(self._waiting.popleft())
        elif (backlog := self._backlog) is not None:
            self._backlog = backlog[PIECE:] if len(backlog) > PIECE else None
            self._feed(backlog[:PIECE])
        elif self._expects:
            self._expects = False
            self.write(CONTINUE)
        else:
            self._behind = False
            if not self._deaf:
                self._direct = PIECE

    def _regulate(self) -> None:
        """Read nothing further while much waits."""
        if self._backlog is not None or len(self._waiting) >= self.hub.bounds.waiting:
            if not self._reading_paused:
                self._reading_paused = True
                self._transport.pause_reading()
        elif self._reading_paused and not self._waiting and not self._half_closed:
            self._reading_paused = False
            self._transport.resume_reading()

    # in detail: ending

    def _give_up(self, refused: Refused) -> None:
        """Refuse a request that was never understood, after the answers that are owed, and close."""
        hub = self.hub
        exchange = self._refusal = self._incoming or Exchange(self, hub.now())
        self._deafen()
        exchange.keep_alive = False
        if exchange.target:
            exchange.method = self._parser.get_method()
        exchange.identity = hub.new_id()
        exchange.route = hub.refusal(refused)
        exchange.route.meter.started()
        self._keep(exchange)
        self._advance()

    def _close_after_answers(self) -> None:
        self._deafen()
        last = self._waiting[-1] if self._waiting else self.current
        if last is None:
            self.close()
        else:
            last.keep_alive = False

    def _end(self, exchange: Exchange) -> None:
        """Close after the last answer.

        What the peer is still sending is read and dropped for a moment: a socket that is closed with unread bytes is
        reset, and the peer may never see its answer. A server that ends does not wait for peers that did nothing wrong.
        """
        if self._half_closed or (self.hub.draining and exchange is not self._refusal):
            self.close()
        else:
            self._ending = True
            self._transport.write_eof()
            self._regulate()

    def _look_at_reader(self, now: float) -> bool:
        """Whether the peer has yet to read what was sent; one that reads nothing at all is given up."""
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._stalled_since = now
        elif unsent and now - self._stalled_since > self.hub.bounds.read_timeout:
            self._transport.abort()
        return unsent > 0

    def _ask(self) -> None:
        """Find out whether a peer that sends no more still listens, or closed its socket: both look the same.

        An interim answer, which HTTP/1.1 allows at any time, makes a closed socket protest.
        """
        if self.lost or self.current is None:
            return
        if not self._asked:
            self._asked = True
            self.write(CONTINUE)
        elif self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._transport.abort()
            return
        asyncio.get_running_loop().call_later(ASK_SECONDS, self._ask)

    def _identify(self, given: bytes) -> bytes:
        """The caller's own id if it is harmless in a header, a log and a label."""
        if len(given) <= LONGEST_ID and given.translate(None, b"-_.:").isalnum():
            return given
        return self.hub.new_id()

    def _too_large(self) -> Refused:
        return Refused(413, "too_large", f"the body is larger than {self.hub.bounds.body} bytes")

    def _too_long(self) -> Refused:
        return Refused(431, "too_long", f"the headers are longer than {self.hub.bounds.headers} bytes")


class _Abort(Exception):  # noqa: N818 - it stops the parser, and is no fault of ours
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


def _reason(error: httptools.HttpParserError) -> Refused:
    """Why the parser stopped."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return Refused(400, "not_http", f"this is not HTTP/1.1: {error}")
    cause = error.__context__
    if isinstance(cause, _Abort):
        return cause.refused
    log.error("a request could not be taken in", exc_info=cause)
    return _broken()


def _broken() -> Refused:
    return Refused(500, "broken", "the server failed on this request; its log says more")


def _make_relative(exchange: Exchange) -> None:
    """Of an absolute target (`http://host/path?query`), as proxies send them, keep what this server knows of."""
    exchange.path = exchange.target
    if exchange.method == b"CONNECT":
        exchange.keep_alive = False
        return
    try:
        url = httptools.parse_url(exchange.target)
    except httptools.HttpParserInvalidURLError:
        return
    if url.schema is not None:
        exchange.path = url.path or b"/"
        exchange.target = exchange.path if url.query is None else b"%b?%b" % (exchange.path, url.query)
