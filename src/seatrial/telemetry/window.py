"""Which part of a log is looked at, and in which steps of time."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from seatrial.records import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_DATE = re.compile(r"(?:^|/)date=(\d{4}-\d{2}-\d{2})/")
_MARGIN = timedelta(days=1)


class Bucket(StrEnum):
    """Steps of time, UTC; `all` is one step over everything."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    ALL = "all"

    @property
    def expression(self) -> str:
        """SQL: the beginning of the step that `time` falls into, in seconds since 1970."""
        seconds = {"minute": 60, "hour": 3600, "day": 86400}.get(self.value)
        return f"epoch_us(time) // {seconds}000000 * {seconds}" if seconds else "NULL::BIGINT"

    def begins(self, seconds: int | None) -> datetime | None:
        """The beginning of a step as the SQL expression gives it; None for `all`."""
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The predictions that are looked at.

    Attributes:
        since: none answered before; timezone-aware. None: from the beginning.
        until: none answered then or later; timezone-aware. None: to the end.
        version: only of this model version.
        route: only of this route (a path template).
    """

    since: datetime | None = None
    until: datetime | None = None
    version: str | None = None
    route: str | None = None

    def may_hold(self, name: str) -> bool:
        """Whether a segment of predictions may hold any of them, by the date in its path.

        A day is left at both ends: a segment lies under one date, and its rows may come from before midnight.
        """
        day = date_of(name)
        if day is None:
            return True
        return not (
            (self.since and day < (self.since - _MARGIN).astimezone(UTC).date())
            or (self.until and day > (self.until + _MARGIN).astimezone(UTC).date())
        )

    def may_label(self, name: str) -> bool:
        """Whether a segment of labels may hold one for them: a label comes after its prediction."""
        day = date_of(name)
        return day is None or self.since is None or day >= (self.since - _MARGIN).astimezone(UTC).date()


def date_of(name: str) -> date | None:
    """The date in a segment's path; None if there is none."""
    found = _DATE.search(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def parse_moment(text: str, *, now: datetime, where: str = "") -> datetime:
    """`90s`, `5m`, `1h`, `7d`, `2w` before now; or a date or time of ISO 8601, in UTC unless it says otherwise.

    Args:
        text: as the user wrote it.
        now: timezone-aware.
        where: for the message, the option.
    """
    if found := _AGO.fullmatch(text.strip()):
        try:
            return now - timedelta(**{_UNITS[found[2]]: float(found[1])})
        except OverflowError as error:
            raise _unreadable(text, where) from error
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise _unreadable(text, where) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _unreadable(text: str, where: str) -> UsageError:
    return UsageError(
        f"{text!r} is no time",
        where=where,
        remedy="write 30m, 1h or 7d for a time ago, or 2026-11-20, or 2026-11-20T14:30",
    )
