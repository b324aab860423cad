"""Takes connections from a listening socket that other servers take connections from as well.

Each takes one connection a turn of its loop and then lets the others have a go: a server that is busy has fewer turns, so
the idle one gets more. (libuv would take all that wait at once, and one server would have them all.)
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from seatrial import doors
from seatrial.records import TemporaryError, UsageError

BACKLOG = 1024
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY_SECONDS = 1.0

log = logging.getLogger("seatrial.serve")


def fetch(folder: Path) -> socket.socket:
    """The socket of the door in `folder`. Raises TemporaryError if nobody hands it out."""
    try:
        listener = doors.fetch(folder)
    except OSError as error:
        raise TemporaryError(
            f"the shared address cannot be had: {error}",
            where=str(folder),
            remedy="the supervisor of the deployment opens it; --door is not for use by hand",
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - positional in the standard library
    return listener


class Door:
    """The way in for connections of one worker.

    Args:
        listener: bound, not blocking; not listening before the first server is ready.
        loop: that the connections belong to.
        make: a protocol for each.
    """

    def __init__(
        self, listener: socket.socket, loop: asyncio.AbstractEventLoop, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._listener = listener
        self._loop = loop
        self._make = make
        self._arriving: set[asyncio.Task[object]] = set()
        self._open = False

    def open(self) -> None:
        """Take connections from now on. Raises UsageError if another program has the address by now."""
        try:
            self._listener.listen(BACKLOG)
        except OSError as error:
            raise UsageError(
                f"cannot listen at the shared address: {error.strerror}", remedy="end the program that listens there"
            ) from error
        self._open = True
        self._loop.add_reader(self._listener, self._take)

    async def close(self) -> None:
        """Take no more; returns when those that were taken are with their protocols."""
        self._rest()
        self._open = False
        while self._arriving:
            await asyncio.wait(self._arriving)

    def _rest(self) -> None:
        self._loop.remove_reader(self._listener)

    def _go_on(self) -> None:
        if self._open:
            self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._rest()
            if error.errno in _FULL:
                log.error("no connection can be taken: %s", error.strerror)  # noqa: TRY400 - the message says it all
                self._loop.call_later(_RETRY_SECONDS, self._go_on)
            else:
                log.info("the shared address was closed")
            return
        connection.setblocking(False)  # noqa: FBT003 - positional in the standard library
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task: asyncio.Task[object] = self._loop.create_task(self._arrive(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _arrive(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError as error:
            # The peer has gone again already.
            log.debug("a connection was lost: %s", error)
            connection.close()
