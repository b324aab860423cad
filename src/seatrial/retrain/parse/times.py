"""Moments, in microseconds since 1970 in UTC, from what people write."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

EARLIEST: Final = -62_135_596_800_000_000
"""The first moment of the year 1."""
LATEST: Final = 253_402_300_799_999_999
"""The last one of the year 9999."""
PER_MILLISECOND: Final = 1_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FACTORS: Final = {"s": 1_000_000, "ms": PER_MILLISECOND}
_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,30}\s*", re.ASCII)
_EXACT: Final = float(2**53)
_ZERO: Final = ord("0")
# Lengths of `2026-11-21T10:00:00` and the like, and how many of the characters are not a final Z.
_LAYOUTS: Final = {19: 19, 20: 19, 23: 23, 24: 23, 26: 26, 27: 26}
_SEPARATORS: Final = (ord("T"), ord(" "))
_FEBRUARY: Final = 2
_MONTHS, _HOURS, _SIXTY = 12, 24, 60
_DAYS: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_PATTERN: Final = "dddd-dd-ddTdd:dd:dd.dddddd"


def to_microseconds(value: Any, time_format: str) -> int:  # noqa: ANN401 - whatever a line holds
    """A moment.

    Args:
        value: text or number as the format says; a datetime whatever it says. Without a zone it is UTC.
        time_format: `iso`, `s`, `ms` or strptime's.

    Raises:
        ValueError, OverflowError: it is none, or before the year 1 or after 9999.
    """
    if isinstance(value, datetime):
        return _of_datetime(value)
    factor = _FACTORS.get(time_format)
    if factor is not None:
        return _of_number(value, factor)
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004 - all faults of values are ValueErrors
    return _of_datetime(_reader(time_format)(value.strip()))


def _reader(time_format: str) -> Callable[[str], datetime]:
    return datetime.fromisoformat if time_format == "iso" else lambda text: datetime.strptime(text, time_format)  # noqa: DTZ007 - without a zone it is UTC


def _of_datetime(value: datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return _checked((aware - _EPOCH) // _MICROSECOND)


def _of_number(value: Any, factor: int) -> int:  # noqa: ANN401 - whatever a line holds
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("is not a number")  # noqa: TRY004 - all faults of values are ValueErrors
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        raise ValueError("is not a number")
    if isinstance(value, int) or (isinstance(value, str) and _WHOLE.fullmatch(value)):
        return _checked(int(value) * factor)
    moment = float(value) * factor
    if not math.isfinite(moment):
        raise ValueError("is not finite")
    return _checked(round(moment))


def _checked(moment: int) -> int:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("is beyond the years 1 to 9999")
    return moment


def quick_moments(texts: Sequence[str], time_format: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Moments of many texts, and which of them are right; the others have to be looked at singly, and may be right, too."""
    if time_format == "iso":
        return _quick_iso(texts)
    factor = _FACTORS.get(time_format)
    if factor is not None:
        return _quick_numbers(texts, factor)
    return _by_value(texts, time_format)


def _quick_numbers(texts: Sequence[str], factor: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    together = "".join(texts)
    if not together.isascii() or "_" in together:
        return _none(len(texts))
    try:
        moments = np.rint(np.fromiter(map(float, texts), np.float64, len(texts)) * factor)
    except ValueError:
        return _none(len(texts))
    right = np.abs(moments) < _EXACT  # NaN is not
    return np.where(right, moments, 0).astype(np.int64), right


def _by_value(texts: Sequence[str], time_format: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Each text that occurs is read once: strptime is slow, and many lines have the same second."""
    known: dict[str, int | None] = dict.fromkeys(texts)
    for text in known:
        try:
            known[text] = to_microseconds(text, time_format)
        except (ValueError, OverflowError):
            known[text] = None
    found = [known[text] for text in texts]
    right = np.array([moment is not None for moment in found], np.bool_)
    return np.array([moment or 0 for moment in found], np.int64), right


def _none(count: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return np.zeros(count, np.int64), np.zeros(count, np.bool_)


def _quick_iso(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    moments, right = _none(len(texts))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    for length, without_zone in _LAYOUTS.items():
        rows = np.flatnonzero(lengths == length)
        if len(rows):
            same = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
            moments[rows], right[rows] = _of_layout(same, length, without_zone)
    return moments, right


def _of_layout(texts: Sequence[str], length: int, without_zone: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Texts of one length: numpy reads those that look as they should, and knows the calendar."""
    characters = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8).reshape(len(texts), length)
    # numpy must not find a wrong one itself: where it has many to read, it raises that error in a way that ends the process.
    right = _looks_right(characters, without_zone)
    right[right] = _is_in_the_calendar(characters[right])
    plain = np.ascontiguousarray(characters[right, :without_zone]).view(f"S{without_zone}").ravel()
    moments, _ = _none(len(texts))
    moments[right] = plain.astype("datetime64[us]").astype(np.int64)
    return moments, right


def _looks_right(characters: NDArray[np.uint8], without_zone: int) -> NDArray[np.bool_]:
    pattern = np.frombuffer(_PATTERN[:without_zone].encode(), np.uint8)
    digits = pattern == ord("d")
    checks = [((characters[:, :without_zone][:, digits] - _ZERO) <= 9).all(axis=1)]  # noqa: PLR2004 - wraps below zero
    for column in np.flatnonzero(~digits):
        own = characters[:, column]
        checks.append(np.isin(own, _SEPARATORS) if pattern[column] == ord("T") else own == pattern[column])
    if characters.shape[1] > without_zone:
        checks.append(characters[:, without_zone] == ord("Z"))
    right: NDArray[np.bool_] = np.logical_and.reduce(checks)
    return right


def _is_in_the_calendar(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether texts that look right are moments that there are: no 30th of February, no hour 24."""
    digits = (characters[:, :19] - _ZERO).astype(np.int64)
    year = digits[:, :4] @ np.array([1000, 100, 10, 1])
    month, day, hour, minute, second = (digits[:, at : at + 2] @ np.array([10, 1]) for at in (5, 8, 11, 14, 17))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    known = (year > 0) & (month > 0) & (month <= _MONTHS)
    days = _DAYS[np.where(known, month, 0)] + (leap & (month == _FEBRUARY))
    found: NDArray[np.bool_] = (
        known & (day > 0) & (day <= days) & (hour < _HOURS) & (minute < _SIXTY) & (second < _SIXTY)
    )
    return found
