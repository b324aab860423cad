"""The scheduler: over weeks, over crashes and beside others every firing begins one run."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seatrial.records import (
    AlarmSpec,
    PermanentError,
    RetrainOutcome,
    RetrainPhase,
    TemporaryError,
    TriggerKind,
)
from seatrial.retrain.book import RetrainBook
from seatrial.retrain.schedule import Finding, Firing
from seatrial.retrain.scheduler import Scheduler
from seatrial.testing import FakeClock
from tests.registry.killing import killed_at_each_moment
from tests.retrain.looping import QUIET, book_at, loop, result, scheduler
from tests.waiting import wait_until

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
HALF_HOUR, DAY = 1800.0, 86_400.0
EVERY_TWO_DAYS = loop(cron="0 20 */2 * *", zone="Europe/Berlin")
RMSE = AlarmSpec(kind="quality", log="log", metric="rmse", above=1.0, window=3600.0)


def rounds(turned: Scheduler, clock: FakeClock, seconds: float, step: float = HALF_HOUR) -> Sequence[Firing]:
    """What fires while time passes."""
    found: list[Firing] = []
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        clock.sleep(step)
        found += turned.round()
    return found


def finish(book: RetrainBook, clock: FakeClock) -> None:
    """Begin and end a run for every wish that waits."""
    for wish in book.waiting_wishes():
        ended = result(wish.id, name=wish.name, phase=RetrainPhase.ENDED, outcome=RetrainOutcome.REFUSED)
        book.put(ended)
        book.wish_done(wish.id, clock.now(), run=wish.id)


def test_two_weeks_of_every_two_days_are_seven_runs(sql_url: str, tmp_path: Path) -> None:
    """At eight in the evening where the team is, each entered as a wish, none before the first look."""
    clock = FakeClock(BEGIN)
    with book_at(sql_url, tmp_path) as book:
        turned = scheduler(book, clock, EVERY_TWO_DAYS)
        assert () == turned.round()
        found = rounds(turned, clock, 14 * DAY)
        entered = book.waiting_wishes()

    days = [3, 5, 7, 9, 11, 13, 15]
    assert [datetime(2026, 11, day, 19, tzinfo=UTC) for day in days] == [each.considered for each in found]
    assert [f"cron:ratings:2026-11-{day:02}T19:00:00Z" for day in days] == [each.id for each in entered]
    assert [datetime(2026, 11, day, 19, tzinfo=UTC) for day in days] == [each.asked for each in entered]


def test_a_server_that_was_down_catches_up_once(tmp_path: Path) -> None:
    """With the latest of what it missed; then everything goes on as if nothing had been."""
    clock = FakeClock(BEGIN)
    with book_at("", tmp_path) as book:
        scheduler(book, clock, EVERY_TWO_DAYS).round()
        clock.sleep(5.5 * DAY)
        found = rounds(scheduler(book, clock, EVERY_TWO_DAYS), clock, 3 * DAY)

    assert [
        "0 20 */2 * * in Europe/Berlin: due 2026-11-05T19:00:00Z, caught up with; earlier ones were missed",
        "0 20 */2 * * in Europe/Berlin: due 2026-11-07T19:00:00Z",
        "0 20 */2 * * in Europe/Berlin: due 2026-11-09T19:00:00Z",
    ] == [each.why for each in found]


def test_what_falls_into_a_pause_is_left_out(tmp_path: Path) -> None:
    """Whether a server looked meanwhile or not."""
    clock = FakeClock(BEGIN)
    with book_at("", tmp_path) as book:
        turned = scheduler(book, clock, EVERY_TWO_DAYS)
        turned.round()
        book.pause("ratings", "ada", clock.now())
        assert [] == rounds(turned, clock, 2 * DAY)
        clock.sleep(4.5 * DAY)
        book.resume("ratings", clock.now())
        found = rounds(turned, clock, 2 * DAY)

    assert ["cron:ratings:2026-11-09T19:00:00Z"] == [each.id for each in found]


def test_several_schedulers_fire_once(sql_url: str, tmp_path: Path) -> None:
    """Those of two servers, in threads that look at the same moment: of each firing one of them says that it did."""
    clock = FakeClock(BEGIN)
    spec = loop(cron="0 * * * *", rows=10, pause=0.0)
    with book_at(sql_url, tmp_path) as one, book_at(sql_url, tmp_path) as other, ThreadPoolExecutor(2) as pool:
        both = [scheduler(book, clock, spec, new_rows=lambda: 10) for book in (one, other)]
        both[0].tick()
        found: list[Firing] = []
        for _ in range(12):
            clock.sleep(3600.0)
            found += [firing for each in pool.map(Scheduler.tick, both) for firing in each]
            finish(one, clock)
            found += [firing for each in pool.map(Scheduler.look, both) for firing in each]
            finish(one, clock)

    kinds = [each.trigger for each in found]
    assert [TriggerKind.CRON, TriggerKind.ROWS] * 12 == kinds
    assert 24 == len({each.id for each in found})


def test_a_kill_at_any_moment_loses_and_doubles_no_firing(tmp_path: Path) -> None:
    """A server that dies anywhere between looking and starting leaves one wish, or the same for the next to enter."""
    clock = FakeClock(BEGIN + timedelta(days=1, hours=19))
    with book_at("", tmp_path) as book:
        scheduler(book, FakeClock(BEGIN), EVERY_TWO_DAYS).round()

    def work() -> None:
        with book_at("", tmp_path) as own:
            scheduler(own, clock, EVERY_TWO_DAYS).round()

    kept = []
    for _ in killed_at_each_moment(work):
        with book_at("", tmp_path) as book:
            kept.append(len(book.waiting_wishes()))
    with book_at("", tmp_path) as book:
        assert ["cron:ratings:2026-11-03T19:00:00Z"] == [each.id for each in book.waiting_wishes()]
        assert () == scheduler(book, clock, EVERY_TWO_DAYS).round()
    assert {0, 1} == set(kept)


def test_new_rows_begin_a_run_once_the_one_before_has_ended(tmp_path: Path) -> None:
    """And the pause is over; in between the stream is not even asked."""
    clock, asked = FakeClock(BEGIN), []

    def waiting() -> int:
        asked.append(clock.monotonic())
        return 500

    with book_at("", tmp_path) as book:
        turned = scheduler(book, clock, loop(rows=500, pause=600.0), new_rows=waiting)
        assert ["rows:ratings:the first"] == [each.id for each in turned.round()]
        assert [] == rounds(turned, clock, 1200.0, step=60.0)
        finish(book, clock)
        assert ["rows:ratings:after-2026-11-02T00:00:00.000000Z"] == [
            each.id for each in rounds(turned, clock, 60.0, step=60.0)
        ]
    assert [0.0, 1260.0] == asked


def test_looks_are_rare(tmp_path: Path) -> None:
    """A stream is asked every 15 seconds, a log 24 times a window, yet no more than once a minute and at least every hour."""
    clock, rows, alarms = FakeClock(BEGIN), list[float](), dict[float, list[float]]()

    def waiting() -> int:
        rows.append(clock.monotonic())
        return 0

    def alarm(spec: AlarmSpec) -> Finding:
        alarms.setdefault(spec.window, []).append(clock.monotonic())
        return QUIET

    windows = tuple(replace(RMSE, window=window) for window in (60.0, 4 * 3600.0, 30 * DAY))
    with book_at("", tmp_path) as book:
        turned = scheduler(book, clock, loop(rows=500, alarms=windows), new_rows=waiting, alarm=alarm)
        rounds(turned, clock, 3900.0, step=5.0)

    assert [5.0 + 15.0 * turn for turn in range(260)] == rows
    assert {
        60.0: [5.0 + 60.0 * turn for turn in range(65)],
        4 * 3600.0: [5.0 + 600.0 * turn for turn in range(7)],
        30 * DAY: [5.0, 3605.0],
    } == alarms


def test_trouble_with_one_look_is_told_once_and_stops_no_other(tmp_path: Path) -> None:
    """A stream that is away stops neither the alarm of its loop nor the clock of another; what changes is told again."""
    clock, said = FakeClock(BEGIN), list[str]()
    troubles = [TemporaryError("the broker is away"), TemporaryError("the broker is away"), PermanentError("no topic")]

    def waiting() -> int:
        if troubles:
            raise troubles.pop(0)
        return 0

    sounding = [QUIET, QUIET, QUIET, Finding(sounds=True, said="rmse is bad")]
    daily = loop("prices", cron="0 * * * *")
    with book_at("", tmp_path) as book:
        both = (loop(rows=9, alarms=(RMSE,)), daily)
        turned = scheduler(book, clock, *both, say=said.append, new_rows=waiting, alarm=lambda _: sounding.pop(0))
        turned.round()
        found = rounds(turned, clock, 5400.0)

    assert ["counting new events for ratings: the broker is away"] == said[:1]
    assert ["prices", "ratings"] == sorted({each.id.split(":")[1] for each in found})
    assert 1 == sum("the broker is away" in line for line in said)
    assert 1 == sum("no topic" in line for line in said)


def test_what_an_alarm_lacks_is_told_once(tmp_path: Path) -> None:
    """That nothing has a label is no alarm, and no line every minute."""
    clock, said = FakeClock(BEGIN), list[str]()
    unlabelled = Finding(sounds=False, said="", note="nothing has a label")
    with book_at("", tmp_path) as book:
        turned = scheduler(book, clock, loop(alarms=(RMSE,)), say=said.append, alarm=lambda _: unlabelled)
        assert [] == rounds(turned, clock, 10 * HALF_HOUR)

    assert ["the rmse alarm of ratings on log: nothing has a label"] == said


def test_a_changed_schedule_is_considered_from_then_on(tmp_path: Path) -> None:
    """What the new one had before the server knew it is not made up for."""
    clock = FakeClock(BEGIN)
    hourly = loop(cron="0 * * * *")
    with book_at("", tmp_path) as book:
        scheduler(book, clock, EVERY_TWO_DAYS).round()
        clock.sleep(5 * DAY)
        turned = scheduler(book, clock, hourly)
        assert () == turned.round()
        assert ["cron:ratings:2026-11-07T01:00:00Z"] == [each.id for each in rounds(turned, clock, 3600.0)]


def test_a_firing_is_said(tmp_path: Path) -> None:
    """In the server's log, with its reason."""
    clock, said = FakeClock(BEGIN), list[str]()
    with book_at("", tmp_path) as book:
        turned = scheduler(book, clock, loop(rows=5), say=said.append, new_rows=lambda: 7)
        turned.round()

    assert ["ratings is due: 7 new events in the stream, and 5 begin a run"] == said


def test_as_a_duty_a_slow_look_holds_up_no_clock(tmp_path: Path) -> None:
    """A stream that hangs for minutes delays no firing, and the duty ends when it is told to."""
    clock, stop, hanging = FakeClock(BEGIN), threading.Event(), threading.Event()
    spec = replace(EVERY_TWO_DAYS, triggers=replace(EVERY_TWO_DAYS.triggers, rows=1))

    def waiting() -> int:
        hanging.wait()
        return 0

    with book_at("", tmp_path) as book:
        scheduler(book, clock, spec).tick()
        clock.sleep(2 * DAY)
        duty = threading.Thread(target=scheduler(book, clock, spec, new_rows=waiting), args=(stop,))
        duty.start()
        try:
            assert wait_until(book.waiting_wishes)
        finally:
            hanging.set()
            stop.set()
            duty.join()


@pytest.mark.parametrize("broken", [ValueError("what"), TemporaryError("away")])
def test_a_loop_that_cannot_be_looked_at_stops_no_other(broken: Exception, tmp_path: Path) -> None:
    """Whatever it is that breaks for the first, the second one fires."""
    clock = FakeClock(BEGIN)
    specs = (loop("a", cron="0 * * * *"), loop("b", cron="0 * * * *"))
    with book_at("", tmp_path) as book:
        scheduler(book, clock, *specs).round()
        clock.sleep(3600.0)
        turned = scheduler(book, clock, *specs, refuse={"a": broken})
        assert ["cron:b:2026-11-02T01:00:00Z"] == [each.id for each in turned.round()]
