"""News for a slow reader: the latest goes out at most every so often, on a thread of its own, and nobody waits for it.

A trial tells of its progress many times a second and must not be held up by a forge. The box has one slot: what comes while
a post is under way or too early replaces what waits, and what waits when the box is closed is not sent, because the result
says more.
"""

import threading
from collections.abc import Callable

from seatrial.ports import Clock


class Mailbox:
    """Sends the latest state of things, at most once per `every` seconds of the clock. Safe to use from many threads.

    Args:
        send: sends what is the latest when it is called; whatever it raises ends the sending, so that it should not.
        clock: by which `every` is counted.
        every: seconds between the starts of two sendings.
    """

    def __init__(self, send: Callable[[], None], clock: Clock, *, every: float) -> None:
        self._send = send
        self._clock = clock
        self._every = every
        self._state = threading.Condition()
        self._waiting = False
        self._closed = False
        self._due = clock.monotonic()
        self._thread: threading.Thread | None = None

    def tell(self) -> None:
        """There is news. Returns at once."""
        with self._state:
            if self._closed:
                return
            self._waiting = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="publish", daemon=True)
                self._thread.start()
            self._state.notify_all()

    def close(self) -> None:
        """Send nothing any more; returns when a sending that is under way has ended."""
        with self._state:
            self._closed = True
            self._state.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while self._next():
            self._send()

    def _next(self) -> bool:
        """Wait until something may be sent; False once the box is closed."""
        with self._state:
            while not self._closed:
                rest = self._due - self._clock.monotonic()
                if self._waiting and rest <= 0:
                    self._waiting = False
                    self._due = self._clock.monotonic() + self._every
                    return True
                self._state.wait(max(rest, 0.0) if self._waiting else None)
            return False
