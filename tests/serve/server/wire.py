"""Raw sockets: requests sent ahead of their answers, byte by byte as the test wants them, and answers read in order."""

import re
import select
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PATIENCE = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_IDENTITY = re.compile(rb"\r\nx-request-id: ([^\r]*)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: close", re.IGNORECASE)
_INTERIM = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: status, the lines of its head, its body."""

    status: int
    head: bytes
    body: bytes

    @property
    def identity(self) -> bytes:
        """Which request it answers."""
        found = _IDENTITY.search(self.head)
        return found[1] if found else b""

    @property
    def closes(self) -> bool:
        """Whether it is the last one of its connection."""
        return _CLOSE.search(self.head) is not None


@dataclass(slots=True)
class Wire:
    """A connection to the server; opened when first used, and anew after it was closed."""

    port: int
    patience: float = PATIENCE
    _socket: socket.socket | None = None
    _unread: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def send(self, data: bytes) -> None:
        """Write; what the server does not want any more is not written."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.patience)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)

    def finish(self) -> None:
        """Send no more, and go on reading."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Go away, whatever is still to come."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._unread.clear()

    def read(self, *, body: bool = True) -> Reply | None:
        """The next final answer; None where the server closed the connection instead.

        Args:
            body: False for an answer to HEAD.

        Raises:
            TimeoutError: it neither answers nor closes.
        """
        while True:
            while (end := self._unread.find(b"\r\n\r\n")) < 0:
                if not self._more():
                    return None
            head = bytes(self._unread[:end])
            status = int(head[9:12])
            length = _LENGTH.search(head)
            stop = end + 4 + (int(length[1]) if length and body else 0)
            while len(self._unread) < stop:
                if not self._more():
                    raise AssertionError(f"an answer was cut: {head!r}")
            content = bytes(self._unread[end + 4 : stop])
            del self._unread[:stop]
            if status >= _INTERIM:
                return Reply(status, head, content)

    def read_all(self) -> list[Reply]:
        """All answers until the server closes the connection."""
        replies = []
        while (reply := self.read()) is not None:
            replies.append(reply)
        return replies

    def waits(self, seconds: float) -> bool:
        """Whether something comes, or the end, in so many seconds."""
        return self._socket is not None and bool(select.select([self._socket], [], [], seconds)[0])

    def replies(self, number: int) -> list[Reply]:
        """So many answers, or all up to the one after which the server closes the connection."""
        replies: list[Reply] = []
        while len(replies) < number and (reply := self.read()) is not None:
            replies.append(reply)
            if reply.closes:
                break
        if len(replies) < number or replies[-1].closes:
            self.close()
        return replies

    def _more(self) -> bool:
        if self._socket is None:
            return False
        try:
            data = self._socket.recv(1 << 18)
        except ConnectionResetError:
            return False
        self._unread += data
        return bool(data)
