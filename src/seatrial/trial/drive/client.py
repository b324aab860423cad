"""One lane's HTTP client: sends a block on schedule, keeps every answer, and names the kind of every failure.

The measured path is kept short: bodies come encoded, answers are only read here and parsed after the block. Nothing
that a deployment answers may hurt the driver: bodies and requests in flight are bounded, cookies are ignored, and
bodies aren't decompressed.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from seatrial.records import RequestsSpec
from seatrial.trial.drive.connection import Answer, Connection, Origin, TransportError, connect
from seatrial.trial.drive.message import REDIRECTS, Target, first_target, redirected
from seatrial.trial.drive.pacer import Pacer

IN_FLIGHT_CAP = 512
REDIRECTS_FOLLOWED = 3
# Below the shortest keep-alive of common servers (gunicorn 2 s, uvicorn 5 s): a request sent on a connection that the
# server closes in the same moment would be counted as its error.
_IDLE_LIMIT = 1.9


class Reply(NamedTuple):
    """One request's fate before its answer is parsed.

    Attributes:
        lag: seconds by which it left later than intended.
        latency: seconds from the intended send time to the end of the answer or to the error.
        status: HTTP status; None if there was no answer.
        body: of the answer; empty if there is an error.
        error: kind of error of the transport (`records.Sample`); None if a whole answer came.
    """

    lag: float
    latency: float
    status: int | None
    body: bytes
    error: str | None


class Client:
    """Sends the requests of one lane over its own keep-alive connections. Use as an asynchronous context manager."""

    def __init__(self, base_url: str, spec: RequestsSpec, monotonic: Callable[[], float]) -> None:
        self._target = first_target(base_url, spec)
        self._with_body = spec.method.upper() != "HEAD"
        self._timeout = spec.timeout
        self._monotonic = monotonic
        self._free = asyncio.Semaphore(IN_FLIGHT_CAP)
        self._tls = ssl.create_default_context() if self._target.origin.tls else None
        self._idle: dict[Origin, list[Connection]] = {}

    async def __aenter__(self) -> Self:
        """The client itself; connections are opened as they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        for connection in [connection for idle in self._idle.values() for connection in idle]:
            connection.abort()
        await asyncio.sleep(0)

    async def send_block(
        self, bodies: Sequence[bytes], offsets: Sequence[float], *, start: float, pacer: Pacer
    ) -> list[Reply]:
        """Send each body at `start` + its offset, whatever became of those before it; return once all are answered.

        While `IN_FLIGHT_CAP` requests are unanswered further ones wait; their latency and timeout still count from the
        intended send time.
        """
        tasks = []
        async with asyncio.TaskGroup() as group:
            for body, offset in zip(bodies, offsets, strict=True):
                due = start + offset
                await pacer.until(due)
                await self._free.acquire()
                tasks.append(group.create_task(self._send(body, due)))
        return [task.result() for task in tasks]

    async def _send(self, body: bytes, due: float) -> Reply:
        """Send one request that was due at `due` of the clock. Never raises but for cancellation."""
        sent = self._monotonic()
        deadline = due + self._timeout
        try:
            answer = await self._exchange(self._target, body, deadline)
            if answer.status in REDIRECTS:
                answer = await self._follow(answer, body, deadline)
        except TransportError as error:
            return self._failed(due, sent, error.kind)
        finally:
            self._free.release()
        latency = self._monotonic() - due
        if answer.body is None:
            return Reply(sent - due, latency, answer.status, b"", "too_large")
        return Reply(sent - due, latency, answer.status, answer.body, None)

    def _failed(self, due: float, sent: float, kind: str) -> Reply:
        """The reply of an error. Timers of a busy loop may go off some milliseconds early; a timeout lasts its time."""
        latency = self._monotonic() - due
        return Reply(sent - due, max(latency, self._timeout) if kind == "timeout" else latency, None, b"", kind)

    async def _follow(self, answer: Answer, body: bytes, deadline: float) -> Answer:
        """Where a redirect leads to, after at most `REDIRECTS_FOLLOWED` steps. Raises TransportError."""
        target = self._target
        for _ in range(REDIRECTS_FOLLOWED):
            onward = redirected(target, answer)
            if onward is None:
                return answer
            target = onward
            answer = await self._exchange(target, body, deadline)
        if redirected(target, answer) is not None:
            raise TransportError("redirect")
        return answer

    async def _exchange(self, target: Target, body: bytes, deadline: float) -> Answer:
        """One request and its answer, by `deadline` of the clock. Raises TransportError."""
        connection = self._take(target.origin)
        if connection is None:
            left = self._left(deadline)
            connection = await connect(target.origin, self._context(target.origin), left, with_body=self._with_body)
        answer = await connection.exchange(target.request(body), self._left(deadline))
        if connection.usable:
            connection.idle_since = self._monotonic()
            self._idle.setdefault(target.origin, []).append(connection)
        else:
            connection.abort()
        return answer

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        """How to check certificates: the system's authorities, or those that SSL_CERT_FILE names. Slow to make."""
        if origin.tls and self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls if origin.tls else None

    def _left(self, deadline: float) -> float:
        """Seconds until `deadline`. Raises TransportError if it is past."""
        left = deadline - self._monotonic()
        if left <= 0:
            raise TransportError("timeout")
        return left

    def _take(self, origin: Origin) -> Connection | None:
        """The connection that was used last; those that idled too long are closed."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.usable and self._monotonic() - connection.idle_since < _IDLE_LIMIT:
                return connection
            connection.abort()
        return None
