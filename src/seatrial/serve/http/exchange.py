"""One request and the answer that is owed for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from seatrial.serve.codec import JSON, Answer

if TYPE_CHECKING:
    from seatrial.serve.codec import Asked, Codec
    from seatrial.serve.http.connection import Connection
    from seatrial.serve.http.routes import Route

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
OK = 200
LENGTHS = tuple(b"\r\ncontent-length: %d\r\n\r\n" % length for length in range(1024))
CLOSE = b"\r\nconnection: close"
KEEP_ALIVE = b"\r\nconnection: keep-alive"

HEAD_LINE = b"HTTP/1.1 %d %b\r\ndate: %b\r\ncontent-type: %b\r\nx-request-id: "


class Heads:
    """The beginnings of answers, made once a second for each status and content type."""

    __slots__ = ("_date", "_heads", "ok")

    def __init__(self, date: bytes) -> None:
        self._heads: dict[tuple[int, bytes], bytes] = {}
        self.ok = b""
        self.renew(date)

    def renew(self, date: bytes) -> None:
        """Begin a new second."""
        self._date = date
        self._heads.clear()
        self.ok = self.of(200, JSON)

    def of(self, status: int, content_type: bytes) -> bytes:
        """Everything up to the value of x-request-id."""
        head = self._heads.get((status, content_type))
        if head is None:
            head = HEAD_LINE % (status, REASONS.get(status, b"Unknown"), self._date, content_type)
            self._heads[status, content_type] = head
        return head


class Exchange:
    """One request; `reply` answers it once, on the event loop's thread.

    Attributes:
        method, path, headers, body: of the request; `path` without its query; header names in lower case.
        target: the path with its query, as sent.
        received: monotonic seconds at the first byte.
        identity: the caller's id of it, or one made here.
        asked, codec, count, start: filled in while its rows are with the model: what was asked and who writes the
            answer, how many rows, and which is its first in the batch.
        status: of the answer; 0 until there is one.
        route: who answers.
        more: header lines that the answer needs beside those of its content.
    """

    __slots__ = (
        "asked",
        "body",
        "codec",
        "connection",
        "count",
        "headers",
        "identity",
        "keep_alive",
        "method",
        "more",
        "path",
        "received",
        "route",
        "start",
        "status",
        "target",
    )

    asked: Asked
    codec: Codec
    count: int
    identity: bytes
    path: bytes
    route: Route
    start: int

    def __init__(self, connection: Connection, received: float) -> None:
        self.connection = connection
        self.received = received
        self.headers: dict[bytes, bytes] = {}
        self.method = b""
        self.target = b""
        self.body = b""
        self.keep_alive = True
        self.more = b""
        self.status = 0

    @property
    def handler(self) -> str:
        """The path's template, for metrics and the log."""
        return self.route.handler

    @property
    def request_id(self) -> str:
        """`identity` as text."""
        return self.identity.decode("ascii")

    @property
    def abandoned(self) -> bool:
        """Whether the caller has gone."""
        return self.connection.lost

    def reply(self, answer: Answer, now: float) -> None:
        """Send the answer, and let the connection go on to its next request.

        A second answer is dropped, and so is one whose caller has gone.

        Args:
            answer: the whole of it.
            now: monotonic seconds, for the duration in the metrics.
        """
        status, body, connection = answer.status, answer.body, self.connection
        if connection.current is not self:
            self.status = self.status or status
            return
        self.status = status
        hub, more = connection.hub, self.more
        if not self.keep_alive or (hub.draining and connection.ends):
            self.keep_alive = False
            more = CLOSE
        if answer.headers:
            more += b"".join([b"\r\n%b: %b" % header for header in answer.headers])
        head = (
            hub.heads.ok if status == OK and answer.content_type is JSON else hub.heads.of(status, answer.content_type)
        )
        size = len(body)
        length = LENGTHS[size] if size < len(LENGTHS) else b"\r\ncontent-length: %d\r\n\r\n" % size
        sent = b"" if self.method == b"HEAD" else body
        connection.write(b"".join((head, self.identity, more, length, sent)))
        self.route.meter.answered(status, now - self.received, len(self.body), size)
        connection.finished(self, now)
