"""Changes of the book as server-sent events: one look at the book serves everyone who has a page open."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from seatrial.records import SeatrialError

_LOOK: Final = 0.5


class Changes:
    """Tells those who wait when the book has changed.

    Args:
        revision: grows with every change; asked in a thread, twice a second, while anybody waits.
    """

    def __init__(self, revision: Callable[[], int], *, look: float = _LOOK) -> None:
        self._revision = revision
        self._look = look
        self._changed = asyncio.Condition()
        self._last = -1
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self.closed = False

    async def close(self) -> None:
        """End every wait: the server is about to end."""
        self.closed = True
        async with self._changed:
            self._changed.notify_all()
        if self._looking is not None:
            await asyncio.wait({self._looking})

    async def after(self, seen: int, *, seconds: float) -> int:
        """The book's revision once it is another than `seen`, or after `seconds` in any case."""
        self._waiting += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._watch())
        try:
            async with self._changed:
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._changed.wait_for(lambda: self.closed or self._last not in {seen, -1}), seconds
                    )
            return self._last
        finally:
            self._waiting -= 1

    async def _watch(self) -> None:
        while self._waiting and not self.closed:
            # A database that does not answer is asked again: the page shows what it had.
            with suppress(SeatrialError):
                found = await asyncio.to_thread(self._revision)
                if found != self._last:
                    async with self._changed:
                        self._last = found
                        self._changed.notify_all()
            await asyncio.sleep(self._look)


async def events(changes: Changes, render: Callable[[], tuple[str, bool]], *, heartbeat: float) -> AsyncIterator[bytes]:
    """What a page gets: the fragment whenever it has changed, until it is final.

    Args:
        changes: of the book.
        render: gives the fragment, and whether it is the last; called in a thread.
        heartbeat: seconds after which something is sent in any case, so that no proxy takes the silence for an end.
    """
    seen, sent = -1, ""
    while not changes.closed:
        seen = await changes.after(seen, seconds=heartbeat)
        fragment, is_last = await asyncio.to_thread(render)
        yield _message(fragment) if fragment != sent else b": still here\n\n"
        sent = fragment
        if is_last:
            yield b"event: end\ndata:\n\n"
            return


def _message(fragment: str) -> bytes:
    return b"".join(b"data: %s\n" % line.encode() for line in fragment.splitlines()) + b"\n"
