"""A clock that never goes back, however the machine's is set.

Windows follow each other: one that is over can't come again. When the machine's clock is set back by an hour, this one
goes on from where it was, as fast as time passes, and stays ahead until the other is set forth again or the process ends;
so the judge is not blind for an hour.
"""

import threading
from datetime import datetime, timedelta
from typing import Final

from seatrial.ports import Clock

FARTHEST: Final = timedelta(days=1)
"""A moment that an earlier process reached, and that is farther ahead than this, was a mistake."""
UNNOTICED: Final = timedelta(seconds=0.1)
"""Between asking for both kinds of time a process may have to wait; less than this is no jump."""


class OnwardClock:
    """Follows another clock, but never back; implements `seatrial.ports.Clock`. Safe to use from many threads.

    Args:
        clock: that is followed.
        reached: where an earlier process was; time begins there if the clock says less, unless that is more than a day.
    """

    def __init__(self, clock: Clock, reached: datetime | None = None) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wall, self._passed = clock.now(), clock.monotonic()
        lead = (reached or self._wall) - self._wall
        self._ahead = lead if timedelta() < lead <= FARTHEST else timedelta()
        self._last = self._wall + self._ahead

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC; never before what was said before."""
        with self._lock:
            wall, passed = self._clock.now(), self._clock.monotonic()
            jump = (wall - self._wall) - timedelta(seconds=passed - self._passed)
            if abs(jump) > UNNOTICED:
                self._ahead = max(timedelta(), self._ahead - jump)
            self._wall, self._passed = wall, passed
            self._last = max(self._last, wall + self._ahead)
            return self._last

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        self._clock.sleep(seconds)
