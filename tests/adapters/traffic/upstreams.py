"""Tiny servers that stand for replicas: each says who it is, and what it was asked."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from seatrial.records import Endpoint

HEALTH = "/readyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that a replica got; checks of its health are not among them."""

    name: str
    method: str
    path: str
    headers: dict[str, str]


class Upstreams:
    """Replicas in a thread of their own.

    `?sleep=SECONDS` of a request's target makes its answer late, `?status=500` makes it bad, and
    `?reset=1` breaks the connection off instead. Answers claim to come from
    another arm, which a gateway has to put right.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.unwell: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstreams", daemon=True)
        self._servers: dict[str, asyncio.Server] = {}
        self._ports: dict[str, int] = {}
        self._open: dict[str, set[asyncio.StreamWriter]] = {}

    def endpoint(self, name: str) -> Endpoint:
        """The replica of this name, started if it is new."""
        if name not in self._ports:
            self._do(self._listen(name, 0))
        return Endpoint(name=name, host="127.0.0.1", port=self._ports[name])

    def down(self, name: str) -> None:
        """End a replica as if it was killed: connections are reset."""
        self._do(self._close(name))

    def up(self, name: str) -> None:
        """Start it again at its address."""
        self._do(self._listen(name, self._ports[name]))

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of them."""
        for name in list(self._servers):
            self.down(name)
        self._do(_settled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10.0)

    async def _listen(self, name: str, port: int) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.setdefault(name, set()).add(writer)
            try:
                while await self._answer(name, reader, writer):
                    pass
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                self._open[name].discard(writer)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        self._servers[name] = server
        self._ports[name] = server.sockets[0].getsockname()[1]

    async def _close(self, name: str) -> None:
        if (server := self._servers.pop(name, None)) is None:
            return
        server.close()
        for writer in list(self._open.get(name, ())):
            writer.transport.abort()

    async def _answer(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:]) if key}
        await reader.readexactly(int(headers.get("content-length", "0")))
        path, options = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == HEALTH:
            status = 503 if name in self.unwell else 200
        else:
            self.seen.append(Seen(name=name, method=method, path=path, headers=headers))
            await asyncio.sleep(float(options.get("sleep", ["0"])[0]))
            if "reset" in options:
                writer.transport.abort()
                return False
            status = int(options.get("status", ["200"])[0])
        body = b"" if method == "HEAD" else msgspec.json.encode({"name": name, "headers": headers})
        writer.write(
            b"HTTP/1.1 %d Said\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-seatrial-arm: other\r\n\r\n%b"
            % (status, len(body), body)
        )
        await writer.drain()
        return True


async def _settled() -> None:
    """Let aborted connections notice it."""
    await asyncio.sleep(0)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
