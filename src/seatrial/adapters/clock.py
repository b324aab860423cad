"""The system's clock, so that nothing else asks the system for the time and tests can put a fake in its place."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The real time; implements `seatrial.ports.Clock`."""

    def now(self) -> datetime:
        """The wall clock, timezone-aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once for zero or less."""
        if seconds > 0:
            time.sleep(seconds)
