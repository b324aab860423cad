"""Which part of a log is looked at."""

from datetime import UTC, datetime, timedelta

import pytest

from seatrial.records import UsageError
from seatrial.telemetry.window import Bucket, Selection, parse_moment

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (NOW - timedelta(seconds=90), "90s"),
        (NOW - timedelta(minutes=5), "5m"),
        (NOW - timedelta(minutes=90), "1.5h"),
        (NOW - timedelta(days=7), "7d"),
        (NOW - timedelta(days=14), " 2w "),
        (datetime(2026, 11, 20, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 20, 14, 30, tzinfo=UTC), "2026-11-20T14:30"),
        (datetime(2026, 11, 20, 12, 30, tzinfo=UTC), "2026-11-20T14:30+02:00"),
    ],
)
def test_times_are_read_as_ages_or_in_iso_8601(expected: datetime, text: str) -> None:
    """Ages count back from now; without an offset a time is UTC."""
    assert expected == parse_moment(text, now=NOW)


@pytest.mark.parametrize("text", ["", "yesterday", "5", "5y", "-1h", "2026-13-01", "99999999999999w"])
def test_other_times_are_refused_with_the_option_and_examples(text: str) -> None:
    """The message says where it stood and what may stand there."""
    with pytest.raises(UsageError) as caught:
        parse_moment(text, now=NOW, where="--since")
    assert ("--since", True) == (caught.value.where, "2026-11-20" in caught.value.remedy)


def test_dates_too_far_from_the_window_are_not_opened() -> None:
    """A day is left at both ends; a path without a date is always opened."""
    selection = Selection(since=datetime(2026, 11, 20, 12, tzinfo=UTC), until=datetime(2026, 11, 21, tzinfo=UTC))
    days = [f"predictions/date=2026-11-{day}/w-000001-000001.parquet" for day in (18, 19, 20, 21, 22, 23)]
    assert [False, True, True, True, True, False] == [selection.may_hold(day) for day in days]
    assert selection.may_hold("predictions/w-000001-000001.parquet")
    assert [False, True, True, True, True, True] == [selection.may_label(day) for day in days]


def test_the_beginning_of_a_step_is_utc() -> None:
    """None is the one step over everything."""
    assert datetime(2026, 11, 20, tzinfo=UTC) == Bucket.DAY.begins(1_795_132_800)
    assert Bucket.ALL.begins(None) is None
