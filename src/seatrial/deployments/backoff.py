"""How long to wait before something that failed is started again: twice as long each time, and never exactly as long.

The chance in it keeps many deployments that fell together (a disk that was full) from getting up together.
"""

from dataclasses import replace
from random import Random

from seatrial.deployments.state import Place

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
LEAST_SHARE = 0.75
STABLE_SECONDS = 60.0
"""What was ready for so long has recovered: the next failure is again the first."""


def pause(failures: int, chance: Random) -> float:
    """Seconds to wait after so many failures in a row: between three quarters and all of 0.5, 1, 2, 4 … 300."""
    whole = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 30))
    return whole * chance.uniform(LEAST_SHARE, 1.0)


def after_failure(place: Place, *, reason: str, ready_seconds: float | None, now: float, chance: Random) -> Place:
    """The place once what was there has ended.

    Args:
        place: as it was.
        reason: why it ended, in words.
        ready_seconds: for how long it had been ready; None if it never was.
        now: seconds since the epoch.
        chance: of the pause.
    """
    recovered = ready_seconds is not None and ready_seconds >= STABLE_SECONDS
    failures = 1 if recovered else place.failures + 1
    return replace(
        place,
        failures=failures,
        restarts=place.restarts + 1,
        was_ready=ready_seconds is not None,
        not_before=now + pause(failures, chance),
        reason=reason,
    )


def due(not_before: float, now: float) -> bool:
    """Whether it is time. A clock that was set back must not keep a deployment down for longer than the longest pause."""
    return now >= not_before or not_before - now > LONGEST_PAUSE
