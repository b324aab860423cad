"""A server that does next to nothing, so that a benchmark measures the driver and not the server.

It speaks just enough HTTP/1.1 for a driver: requests with a Content-Length, keep-alive, one fixed JSON answer. Run as
`python benchmarks/trivial_server.py`, it prints the port that it listens on and serves until its standard input closes.
"""

import asyncio
import re
import sys
from typing import cast

import uvloop

_ANSWER_BODY = b'{"prediction":1}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_ANSWER_BODY),
    _ANSWER_BODY,
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class Trivial(asyncio.Protocol):
    """One connection: answers every complete request with the same bytes."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete by now."""
        self._received += data
        while self._transport is not None and (size := _request_size(self._received)):
            self._received = self._received[size:]
            self._transport.write(_ANSWER)


def _request_size(received: bytes) -> int:
    """Bytes of the first request in `received`, head and body; 0 while it is incomplete."""
    end = received.find(_END)
    if end < 0:
        return 0
    length = _LENGTH.search(received, 0, end)
    size = end + len(_END) + (int(length[1]) if length else 0)
    return size if len(received) >= size else 0


async def serve() -> None:
    """Listen on a free loopback port until standard input closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Trivial, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
