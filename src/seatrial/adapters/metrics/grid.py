"""The grid that windows lie on: they begin at whole multiples of their length since 1970."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime


def moments(since: datetime, until: datetime, seconds: float) -> Sequence[float]:
    """Begins and ends of the windows that begin at `since` or later and end by `until`, in seconds since 1970.

    One more than there are windows; empty if there is none.
    """
    first = math.ceil(_rounded(since.timestamp() / seconds))
    last = _last(until, seconds)
    return [step * seconds for step in range(first, last + 1)] if last > first else []


def last_edge(until: datetime, seconds: float) -> float:
    """The end of the last window that is over, in seconds since 1970."""
    return _last(until, seconds) * seconds


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _last(until: datetime, seconds: float) -> int:
    return math.floor(_rounded(until.timestamp() / seconds))


def _rounded(steps: float) -> float:
    """Without the noise of the division: a microsecond is no step."""
    return round(steps, 7)
