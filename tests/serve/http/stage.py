"""A server with nothing but the HTTP layer, on a real socket and uvloop in a thread; its clock can be put forward."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self, TypeVar

import uvloop

from seatrial.serve.codec import Answer
from seatrial.serve.http import Bounds, Connection, Exchange, Handler, Hub, Route, Routes
from tests.serve.level import Level
from tests.waiting import wait_until

T = TypeVar("T")
PREFIX = b"made-here-"
TEXT = b"text/plain"
PATIENCE = 10.0


@dataclass
class Count:
    """What the meter of every route saw."""

    started: int = 0
    statuses: list[int] = field(default_factory=list)
    gone: int = 0

    def answered(self, status: int, seconds: float, received: int, sent: int) -> None:
        """One was answered."""
        assert seconds >= 0
        assert received >= 0
        assert sent >= 0
        self.statuses.append(status)

    def abandoned(self) -> None:
        """One had nobody left who waits."""
        self.gone += 1

    @property
    def in_progress(self) -> int:
        """Started, but neither answered nor abandoned."""
        return self.started - len(self.statuses) - self.gone


class _Meter:
    def __init__(self, count: Count) -> None:
        self._count = count
        self.answered = count.answered
        self.abandoned = count.abandoned

    def started(self) -> None:
        self._count.started += 1


class Stage:
    """The server, as a test sees it.

    GET /hello and POST /echo are answered at once, POST /later in the next turn of the loop, /hold when the test says
    so; GET /big with `size` bytes; GET /fails raises; GET /user/{name} answers its path; GET /twice answers twice.

    Attributes:
        count: of all requests.
        held: the exchanges of /hold that were begun, in order.
        accepted: connections so far.
        begun: ids of all requests that reached a handler, in order.
    """

    def __init__(self, bounds: Bounds, *, size: int) -> None:
        self.count = Count()
        self.held: list[Exchange] = []
        self.begun: list[str] = []
        self._size = size
        self._clients = 0
        self.accepted = 0
        self._forward = 0.0
        self._loop = uvloop.new_event_loop()
        self.level = Level()
        self.hub = Hub(
            bounds=bounds,
            routes=self._routes(),
            now=lambda: time.perf_counter() + self._forward,
            wall=time.time,
            prefix=PREFIX,
            refuse=lambda refused: Answer(refused.status, refused.message.encode(), TEXT),
            broken=self._route("GET", "other", _hold_back),
            gauge=self.level,
        )
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._server = self._loop.run_until_complete(self._loop.create_server(lambda: _Seen(self), sock=listener))
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    # what a test does

    def connect(self, *, receive_buffer: int | None = None) -> "Client":
        """A new client."""
        self._clients += 1
        return Client(self.port, receive_buffer)

    def call(self, act: Callable[[], T]) -> T:
        """Do something on the loop's thread."""

        async def once() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(once(), self._loop).result(PATIENCE)

    def sweep(self, *, after: float = 0.0) -> None:
        """Let time pass, and the server look at its connections."""
        self._forward += after
        self.call(self.hub.sweep)

    def release(self, exchange: Exchange) -> None:
        """Answer one that is held, with its body."""
        self.call(lambda: exchange.reply(Answer(200, b"held " + exchange.body, TEXT), self.hub.now()))

    def wait_held(self, number: int) -> list[Exchange]:
        """The exchanges that are held, once there are so many."""
        wait_until(lambda: len(self.held) >= number)
        return self.held

    def wait_quiet(self) -> None:
        """Until every client was seen, and no connection is left."""
        wait_until(lambda: self.accepted >= self._clients and not self.hub.connections)

    def close(self) -> None:
        """End, whatever is open."""

        def stop() -> None:
            self._server.close()
            for connection in list(self.hub.connections):
                connection.close()

        self.call(stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    # what it serves

    def _routes(self) -> Routes:
        def wrong_method(allowed: tuple[bytes, ...]) -> Route:
            return self._text("GET", "other", 405, b"takes " + b" ".join(allowed))

        return Routes(
            [
                self._text("GET", "/hello", 200, b"hello"),
                self._text("GET", "/", 200, b"root"),
                self._route("GET", "/big", lambda exchange: self._say(exchange, b"x" * self._size)),
                self._route("GET", "/user/{name}", lambda exchange: self._say(exchange, exchange.target)),
                self._route("POST", "/echo", lambda exchange: self._say(exchange, exchange.body)),
                self._route("POST", "/later", self._later),
                self._route("GET", "/hold", self._hold),
                self._route("POST", "/hold", self._hold),
                self._route("GET", "/fails", _fail),
                self._route("GET", "/twice", self._twice),
            ],
            missing=self._text("GET", "other", 404, b"nothing here"),
            wrong_method=wrong_method,
        )

    def _route(self, method: str, path: str, answer: Handler) -> Route:
        def noted(exchange: Exchange) -> None:
            self.begun.append(exchange.request_id)
            answer(exchange)

        return Route(method=method.encode(), path=path, handler=path, answer=noted, meter=_Meter(self.count))

    def _text(self, method: str, path: str, status: int, text: bytes) -> Route:
        return self._route(method, path, lambda exchange: self._say(exchange, text, status))

    def _say(self, exchange: Exchange, text: bytes, status: int = 200) -> None:
        exchange.reply(Answer(status, text, TEXT), self.hub.now())

    def _later(self, exchange: Exchange) -> None:
        self._loop.call_soon(self._say, exchange, exchange.body)

    def _hold(self, exchange: Exchange) -> None:
        self.held.append(exchange)

    def _twice(self, exchange: Exchange) -> None:
        self._say(exchange, b"first")
        self._say(exchange, b"second")


class _Seen(Connection):
    """A connection that the stage knows to have been accepted."""

    __slots__ = ("_stage",)

    def __init__(self, on: Stage) -> None:
        super().__init__(on.hub)
        self._stage = on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._stage.accepted += 1


def _hold_back(exchange: Exchange) -> None:
    raise AssertionError(f"asked of {exchange}, which was never understood")


def _fail(exchange: Exchange) -> None:
    del exchange
    raise ValueError("a fault in a handler")


@dataclass(frozen=True)
class Received:
    """One answer as it came."""

    version: bytes
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode()


class Client:
    """A raw connection: bytes go out as given, answers are read one by one."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        """Open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Go away."""
        self.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def end(self) -> None:
        """Send nothing more."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Go away; the socket is closed as a program's is that gave up."""
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Go away as a machine does that crashed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def answer(self, *, head: bool = False) -> Received:
        """The next answer.

        Args:
            head: it is one to HEAD, or an interim one, so that no body follows.
        """
        line = self._file.readline()
        version, status, _ = line.split(b" ", 2)
        headers: dict[bytes, bytes] = {}
        while (line := self._file.readline()) != b"\r\n":
            name, value = line.rstrip(b"\r\n").split(b": ", 1)
            assert name not in headers, f"{name!r} came twice"
            headers[name] = value
        body = b"" if head else self._file.read(int(headers.get(b"content-length", b"0")))
        return Received(version, int(status), headers, body)

    def answers(self) -> list[Received]:
        """All answers up to the end of the connection."""
        found = []
        while not self.ended():
            found.append(self.answer())
        return found

    def read(self, size: int) -> bytes:
        """So many bytes, as they are."""
        return self._file.read(size)

    def ended(self) -> bool:
        """Whether the server closed the connection; waits for that or for further bytes."""
        return not self._file.peek(1)


@contextlib.contextmanager
def stage(bounds: Bounds | None = None, *, size: int = 20_000_000) -> Iterator[Stage]:
    """A server for one test.

    Args:
        bounds: of its connections.
        size: bytes of /big.
    """
    served = Stage(bounds or Bounds(), size=size)
    try:
        yield served
    finally:
        served.close()
