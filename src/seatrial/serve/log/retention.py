"""What is older than the log's retention is deleted: whole dates, and single segments of the date at its edge."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from seatrial.records.telemetry import LABELS, PREDICTIONS, Segment
from seatrial.serve.log.compaction import date_of
from seatrial.serve.log.places import Kept, Place

_DAY = 86_400.0


def expire(place: Place, retain_days: float, now: float) -> int:
    """Deletes what is old; returns how many segments.

    A segment is old where its whole date is, or where it was written so long ago: its rows are at least that old. So
    nothing younger than `retain_days` is deleted, and nothing stays a day longer.

    Args:
        place: the log.
        retain_days: in days, or parts of one.
        now: unix seconds.
    """
    oldest = now - retain_days * _DAY
    deleted = 0
    for kind in (PREDICTIONS, LABELS):
        old = [one.path for one in _smallest_first(place.list(kind)) if _is_old(one, oldest)]
        place.delete(old)
        deleted += len(old)
    return deleted


def _smallest_first(kept: Iterable[Kept]) -> list[Kept]:
    """Parts before the segment that holds them, so that deleting the one never brings the others back."""
    sizes = {one.path: segment.size for one in kept if (segment := Segment.parse(one.path))}
    return sorted((one for one in kept if one.path in sizes), key=lambda one: sizes[one.path])


def _is_old(one: Kept, oldest: float) -> bool:
    day = date_of(one.path)
    return day is not None and (one.modified < oldest or _end_of(day) < oldest)


def _end_of(day: date) -> float:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)).timestamp()
