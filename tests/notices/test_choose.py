"""Who hears of what."""

from dataclasses import replace

import pytest

from seatrial.notices.choose import receivers_of
from seatrial.records import EventKind, Notice, NotifySpec, Verdict

NOTICE = Notice(key="k", event=EventKind.PROMOTION, project="p", subject="s", verdict=Verdict.FAIL)
ALL = NotifySpec(name="all", url="log://")


def test_a_receiver_without_wishes_hears_everything() -> None:
    """Neither events nor verdicts: all of them."""
    assert (ALL,) == receivers_of(NOTICE, [ALL])


@pytest.mark.parametrize(
    ("events", "verdicts", "expected"),
    [
        ((EventKind.PROMOTION,), (), True),
        ((EventKind.TRIAL, EventKind.PROMOTION), (Verdict.FAIL, Verdict.ERROR), True),
        ((EventKind.TRIAL,), (), False),
        ((EventKind.TRIAL,), (Verdict.FAIL,), False),
        ((), (Verdict.PASS,), False),
        ((EventKind.PROMOTION,), (Verdict.PASS,), False),
    ],
)
def test_events_and_verdicts_both_have_to_fit(
    events: tuple[EventKind, ...],
    verdicts: tuple[Verdict, ...],
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Each empty list is no condition."""
    spec = replace(ALL, events=events, verdicts=verdicts)

    assert expected == bool(receivers_of(NOTICE, [spec]))


def test_a_notice_without_a_verdict_reaches_those_who_want_some_verdicts_only() -> None:
    """What is neither good nor bad is not held back from who wants its event."""
    wanting, other = replace(ALL, verdicts=(Verdict.FAIL,)), replace(ALL, events=(EventKind.TRIAL,))

    assert (wanting,) == receivers_of(replace(NOTICE, verdict=None), [wanting, other])


def test_receivers_keep_their_order() -> None:
    """As in the file."""
    specs = [replace(ALL, name=name) for name in "cab"]

    assert tuple(specs) == receivers_of(NOTICE, specs)
