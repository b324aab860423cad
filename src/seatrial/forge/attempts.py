"""What is tried at a forge and what became of it: tried again where that may help, told where it does not."""

import threading
from collections.abc import Callable
from typing import TypeVar

from seatrial.ports import Clock
from seatrial.records import SeatrialError, TemporaryError

PAUSES = (2.0, 8.0)
"""Seconds before a result that could not be published is tried again; the adapter has had its own patience before."""
Result = TypeVar("Result")


class Attempts:
    """Does things that may fail, and keeps what failed last. Safe to use from many threads.

    Args:
        clock: for the pauses.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, SeatrialError] = {}
        self._lock = threading.Lock()

    @property
    def told(self) -> tuple[str, ...]:
        """One sentence for each thing that failed when it was last tried, with what would mend it."""
        with self._lock:
            return tuple(_sentence(what, error) for what, error in self._failed.items())

    def once(self, what: str, act: Callable[[], Result]) -> Result | None:
        """Try it; None where it failed, or where it failed before for good.

        Args:
            what: a sentence without a full stop that says that it failed; also what tells things apart.
            act: does it.
        """
        with self._lock:
            before = self._failed.get(what)
        return None if before is not None and not isinstance(before, TemporaryError) else self._try(what, act)

    def patiently(self, what: str, act: Callable[[], Result]) -> Result | None:
        """Try it, and after each of `PAUSES` again where that may help; None where it failed in the end."""
        for pause in PAUSES:
            done = self._try(what, act)
            with self._lock:
                error = self._failed.get(what)
            if not isinstance(error, TemporaryError):
                return done
            self._clock.sleep(pause)
        return self._try(what, act)

    def _try(self, what: str, act: Callable[[], Result]) -> Result | None:
        try:
            done = act()
        except SeatrialError as error:
            with self._lock:
                self._failed[what] = error
            return None
        with self._lock:
            self._failed.pop(what, None)
        return done


def _sentence(what: str, error: SeatrialError) -> str:
    where = f" ({error.where})" if error.where else ""
    remedy = f"; {error.remedy}" if error.remedy else ""
    return f"{what}: {error.what}{where}{remedy}"
