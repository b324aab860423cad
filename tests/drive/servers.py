"""Real servers on loopback, each in a thread of its own, that answer as a test wants: well, badly or not at all."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

CERTIFICATE = Path(__file__).with_name("self-signed.pem")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in: `number` counts requests and `connection` connections, both from 0."""

    number: int
    connection: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def http(body: bytes = b'{"prediction": 1}', status: int = 200, **headers: str) -> bytes:
    """A whole HTTP answer; underscores in the names of `headers` are hyphens."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def fixed(answer: bytes) -> Answer:
    """Gives every request the same answer, whatever bytes these are."""

    async def respond(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return respond


@dataclass
class LocalServer:
    """Listens on a free loopback port while it is entered. `received` is what came in, `connections` how many.

    A `blunt` server says these bytes to whatever comes first and closes, as one that doesn't understand TLS may.
    """

    answer: Answer = field(default_factory=lambda: fixed(http()))
    tls: bool = False
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    blunt: bytes | None = None

    def __enter__(self) -> Self:
        """Start listening."""
        self._port: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._port.result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop all connections and stop."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port.result()}"

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all requests in the order in which they came."""
        return [request.body for request in self.received]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=_context() if self.tls else None)
        self._port.set_result(server.sockets[0].getsockname()[1])
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._converse(reader, writer, self.connections))
        self.connections += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        self.open_connections += 1
        try:
            if self.blunt is not None:
                await reader.read(1)
                writer.write(self.blunt)
                writer.close()
            while not writer.is_closing():
                request = await _read(reader, len(self.received), connection)
                self.received.append(request)
                await self.answer(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()
            self.open_connections -= 1


async def _read(reader: asyncio.StreamReader, number: int, connection: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(number, connection, method, path, headers, body)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context
