"""Upstreams of a test's own: what they do is told while they run, so that a release's world can be made to happen.

They are a process of their own, since a test wants to kill them; several ports may share one. How long a request takes is
drawn from a seeded generator: log-normal about a median, with a share of slow ones that make the tail.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.waiting import wait_until

BEHAVE, READY = "/behave", "/readyz"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What it does with a request.

    Attributes:
        median: seconds that it takes.
        sigma: of the logarithm.
        slow: share of requests that take `slow_seconds` longer.
        errors: share that is answered with 500.
    """

    median: float = 0.003
    sigma: float = 0.3
    slow: float = 0.03
    slow_seconds: float = 0.012
    errors: float = 0.0


@dataclass(slots=True)
class Upstreams:
    """They run, on loopback; their ports stay the same when they come back."""

    ports: tuple[int, ...]
    told: dict[int, Behaviour]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Begin, or come back."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.upstream", *map(str, self.ports)], cwd=Path(__file__).parents[2]
        )
        for port in self.ports:
            wait_until(partial(self._obeys, port), 30.0, poll=0.05)

    def behave(self, port: int, behaviour: Behaviour) -> None:
        """One of them, from now on."""
        self.told[port] = behaviour
        assert self._obeys(port)

    def die(self) -> None:
        """As kill -9 does: their ports refuse connections."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _obeys(self, port: int) -> bool:
        with suppress(httpx.TransportError):
            wanted = asdict(self.told.get(port, Behaviour()))
            answer = httpx.put(f"http://127.0.0.1:{port}{BEHAVE}", json=wanted, trust_env=False)
            return answer.status_code == httpx.codes.OK
        return False


@contextmanager
def upstreams(*ports: int, told: dict[int, Behaviour] | None = None) -> Iterator[Upstreams]:
    """One process of them that runs until the block ends; those of whom nothing is told are plain."""
    made = Upstreams(ports, dict(told or {}))
    try:
        made.start()
        yield made
    finally:
        made.die()


class _Answers:
    """The answers at one port."""

    def __init__(self, seed: int) -> None:
        self._behaviour = Behaviour()
        self._random = random.Random(seed)

    def to(self, head: bytes, body: bytes) -> tuple[int, float]:
        """Status, and seconds until then. That it lives it always says, however bad its answers are."""
        if head.startswith(b"PUT " + BEHAVE.encode()):
            self._behaviour = Behaviour(**json.loads(body))
            return 200, 0.0
        if head.startswith(b"GET " + READY.encode()):
            return 200, 0.0
        told, drawn = self._behaviour, self._random
        seconds = told.median * drawn.lognormvariate(0.0, told.sigma)
        seconds += told.slow_seconds * (drawn.random() < told.slow)
        return (500 if drawn.random() < told.errors else 200), seconds


class _Connection(asyncio.Protocol):
    """As much of HTTP/1.1 as a proxy needs, since a real server would take most of a small machine."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request; a proxy sends one at a time."""
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        needed = int(length[1]) if length else 0
        if not end or len(rest) < needed:
            return
        self._read = rest[needed:]
        status, seconds = self._answers.to(head, rest[:needed])
        asyncio.get_running_loop().call_later(seconds, self._answer, status)

    def _answer(self, status: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d Told\r\ncontent-length: 2\r\n\r\n{}" % status)


async def main(ports: Sequence[int]) -> None:
    """Answer until killed."""
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_server(partial(_Connection, _Answers(port)), "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
