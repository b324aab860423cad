"""Moments as whole milliseconds since 1970: what windows are told apart by."""

from datetime import UTC, datetime, timedelta
from typing import Final

MILLISECONDS: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_of(since: int) -> datetime:
    """The moment of so many milliseconds since 1970."""
    return datetime.fromtimestamp(since / MILLISECONDS, UTC)


def length_of(seconds: float) -> int:
    """A window's length in milliseconds."""
    return max(1, round(seconds * MILLISECONDS))
