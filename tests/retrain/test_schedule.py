"""When a loop is due: once for each firing of its cron whatever the clocks do, and never for what it did not see."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import AlarmSpec, CronSpec, RetrainSpec, ScheduleState, TriggerKind
from seatrial.retrain.schedule import Finding, Firing, due, due_by_clock, following, is_new, latest, next_run
from tests.retrain.looping import NOON, QUIET, loop

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
EXPRESSIONS = (
    "0 20 */2 * *",
    "30 2 * * *",
    "0 3 * * *",
    "15 1-3 * * *",
    "*/30 * * * *",
    "0 * * * *",
    "0 */2 * * 0",
    "0 2 29 3 *",
)
DRIFT = AlarmSpec(kind="drift", log="log", above=0.2)
RMSE = AlarmSpec(kind="quality", log="log", metric="rmse", above=1.0)


@dataclass
class Seen:
    """Probes that remember what they were asked for."""

    rows: int = 0
    sounding: tuple[AlarmSpec, ...] = ()
    occupied: bool = False
    asked: list[object] = field(default_factory=list)

    def busy(self) -> bool:
        """As told."""
        self.asked.append("busy")
        return self.occupied

    def new_rows(self) -> int:
        """As told."""
        self.asked.append("rows")
        return self.rows

    def alarm(self, spec: AlarmSpec) -> Finding:
        """As told."""
        self.asked.append(spec)
        return Finding(sounds=True, said=f"{spec.kind} it is") if spec in self.sounding else QUIET


def at(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def firings(cron: CronSpec, since: datetime, until: datetime) -> list[datetime]:
    """All of them after `since`, up to `until`."""
    found = []
    moment = following(cron, since)
    while moment is not None and moment <= until:
        found.append(moment)
        moment = following(cron, moment)
    return found


def state(spec: RetrainSpec, considered: datetime | None = NOON, last_fired: datetime | None = None) -> ScheduleState:
    """Of a loop that was seen before."""
    return ScheduleState(name=spec.name, considered=considered, cron=spec.triggers.cron, last_fired=last_fired)


def local_day(day: date) -> tuple[datetime, datetime]:
    """Its first moment in Berlin, and the one before the first of the day after next."""
    begin = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
    return begin - timedelta(microseconds=1), begin + timedelta(days=2) - timedelta(microseconds=1)


@given(st.sampled_from([SPRING, AUTUMN, date(2026, 7, 1)]), st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_comes_once_a_day(day: date, hour: int, minute: int) -> None:
    """On the days when clocks change, too: what is left out comes where the gap ends, what is shown twice counts once."""
    cron = CronSpec(cron=f"{minute} {hour} * * *", zone="Europe/Berlin")
    since, until = local_day(day)
    found = [moment.astimezone(BERLIN) for moment in firings(cron, since, until)]

    wall = (3, 0) if day == SPRING and hour == 2 else (hour, minute)
    assert [(day, *wall), (day + timedelta(days=1), hour, minute)] == [
        (each.date(), each.hour, each.minute) for each in found
    ]
    assert [0, 0] == [each.fold for each in found]


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 7, 1), 24)])
def test_every_hour_is_every_hour(day: date, hours: int) -> None:
    """The hour that is shown twice counts twice, and that which is left out not at all."""
    begin = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
    cron = CronSpec(cron="0 * * * *", zone="Europe/Berlin")
    found = firings(cron, begin - timedelta(seconds=1), begin + timedelta(hours=hours - 1))

    assert [begin + timedelta(hours=hour) for hour in range(hours)] == found


@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
    st.floats(0.0, 365 * 86_400.0).map(lambda seconds: at("2026-01-01T00:00") + timedelta(seconds=seconds)),
)
def test_looking_forward_and_back_finds_the_same(expression: str, zone: str, moment: datetime) -> None:
    """Between a moment and the firing that follows it there is none, from whichever side it is looked for."""
    cron = CronSpec(cron=expression, zone=zone)
    found = following(cron, moment)
    assert found is not None
    assert moment < found
    before = latest(cron, moment)
    assert before is not None
    assert before <= moment

    assert found == latest(cron, found)
    assert before == latest(cron, found - timedelta(microseconds=1))
    assert found == following(cron, before)


def test_a_day_that_never_comes_is_never_due() -> None:
    """The 30th of February is no error, and no firing."""
    spec = loop(cron="0 0 30 2 *")

    assert due_by_clock(spec, state(spec), NOON + timedelta(days=9)) is None
    assert next_run(spec, state(spec), NOON) is None


def test_every_two_days_counts_days_of_the_month() -> None:
    """As cron does: after a 31st comes a 1st."""
    cron = CronSpec(cron="0 20 */2 * *", zone="Europe/Berlin")
    found = firings(cron, at("2026-03-28T00:00"), at("2026-04-04T00:00"))

    assert [at("2026-03-29T18:00"), at("2026-03-31T18:00"), at("2026-04-01T18:00"), at("2026-04-03T18:00")] == found


def test_a_firing_is_the_same_wherever_it_is_found() -> None:
    """Its id holds the moment that was due, and not the one at which it was seen."""
    spec = loop(cron="0 20 * * *", zone="Europe/Berlin")
    found = due_by_clock(spec, state(spec), at("2026-03-01T19:00:30.5"))
    expected = Firing(
        trigger=TriggerKind.CRON,
        why="0 20 * * * in Europe/Berlin: due 2026-03-01T19:00:00Z",
        id="cron:ratings:2026-03-01T19:00:00Z",
        considered=at("2026-03-01T19:00"),
    )

    assert expected == found
    assert expected == due_by_clock(spec, state(spec), at("2026-03-01T19:00"))
    assert due_by_clock(spec, state(spec), at("2026-03-01T18:59:59.999999")) is None
    assert due_by_clock(spec, state(spec, considered=at("2026-03-01T19:00")), at("2026-03-01T19:00:30")) is None


def test_missed_firings_are_caught_up_with_once() -> None:
    """The latest of them; the reason says that it comes late, and that there were others."""
    spec = loop(cron="0 20 * * *")
    one = due_by_clock(spec, state(spec), at("2026-03-02T09:00"))
    several = due_by_clock(spec, state(spec), at("2026-03-06T09:00"))

    assert one is not None
    assert several is not None
    assert "0 20 * * * in UTC: due 2026-03-01T20:00:00Z, caught up with" == one.why
    assert "0 20 * * * in UTC: due 2026-03-05T20:00:00Z, caught up with; earlier ones were missed" == several.why
    assert at("2026-03-05T20:00") == several.considered


@given(
    st.sampled_from(EXPRESSIONS),
    st.lists(st.integers(0, 400 * 3600), min_size=2, max_size=40, unique=True).map(sorted),
)
def test_each_look_fires_for_the_latest_of_what_came_since_the_last(expression: str, seconds: list[int]) -> None:
    """Whenever it is looked: nothing twice, nothing of before the first look, and whatever came is seen at the next."""
    spec = loop(cron=expression, zone="Europe/Berlin")
    begin = at("2026-03-20T00:00")
    looks = [begin + timedelta(seconds=second) for second in seconds]
    kept, found = state(spec, considered=looks[0]), []
    for look in looks:
        firing = due_by_clock(spec, kept, look)
        if firing is not None:
            kept = replace(kept, considered=firing.considered)
            found.append(firing.considered)

    came = [firings(CronSpec(cron=expression, zone="Europe/Berlin"), *pair) for pair in pairwise(looks)]
    assert [each[-1] for each in came if each] == found


@pytest.mark.parametrize(
    ("kept", "new"),
    [
        (ScheduleState(name="ratings"), True),
        (ScheduleState(name="ratings", considered=NOON, cron=CronSpec(cron="0 20 * * *")), False),
        (ScheduleState(name="ratings", considered=NOON, cron=CronSpec(cron="0 20 * * *", zone="Europe/Berlin")), True),
        (ScheduleState(name="ratings", considered=NOON, cron=CronSpec(cron="0 * * * *")), True),
    ],
)
def test_a_cron_that_was_not_seen_fires_nothing(kept: ScheduleState, *, new: bool) -> None:
    """It is new at first sight, and whenever it or its zone was changed."""
    spec = loop(cron="0 20 * * *")

    assert new == is_new(spec, kept)
    assert new == (due_by_clock(spec, kept, NOON + timedelta(days=2)) is None)


def test_a_loop_without_triggers_is_never_due() -> None:
    """A person begins its runs."""
    spec, seen = loop(), Seen(rows=10**9, sounding=(DRIFT,))

    assert not is_new(spec, ScheduleState(name="ratings"))
    assert due(spec, ScheduleState(name="ratings"), NOON, seen) is None
    assert next_run(spec, ScheduleState(name="ratings"), NOON) is None
    assert [] == seen.asked


def test_the_clock_goes_before_rows_and_rows_before_alarms() -> None:
    """Only what is needed is looked at."""
    spec = loop(cron="0 20 * * *", rows=100, alarms=(DRIFT, RMSE))
    everything = Seen(rows=100, sounding=(DRIFT, RMSE))

    late = NOON + timedelta(days=1)
    assert TriggerKind.CRON == _kind(spec, state(spec), late, everything)
    assert [] == everything.asked
    assert TriggerKind.ROWS == _kind(spec, state(spec), NOON, everything)
    assert ["busy", "rows"] == everything.asked
    few = Seen(rows=99, sounding=(RMSE,))
    assert TriggerKind.ALARM == _kind(spec, state(spec), NOON, few)
    assert ["busy", "rows", DRIFT, RMSE] == few.asked
    assert _kind(spec, state(spec), NOON, Seen(rows=99)) is None


def _kind(spec: RetrainSpec, kept: ScheduleState, now: datetime, probes: Seen) -> TriggerKind | None:
    found = due(spec, kept, now, probes)
    return None if found is None else found.trigger


def test_rows_and_alarms_rest_after_whatever_began_last() -> None:
    """For the least pause; their ids change only with the begin before them."""
    spec = loop(rows=100, pause=60.0)
    seen = Seen(rows=1_234)
    rested = NOON + timedelta(seconds=60)

    first = due(spec, state(spec), NOON, seen)
    assert (
        Firing(
            trigger=TriggerKind.ROWS,
            why="1,234 new events in the stream, and 100 begin a run",
            id="rows:ratings:the first",
        )
        == first
    )
    kept = state(spec, last_fired=NOON)
    assert due(spec, kept, rested - timedelta(microseconds=1), seen) is None
    again = [due(spec, kept, rested + timedelta(hours=hour), seen) for hour in range(2)]
    assert ["rows:ratings:after-2026-03-01T12:00:00.000000Z"] * 2 == [each.id for each in again if each is not None]


def test_rows_and_alarms_wait_for_a_run_that_is_on() -> None:
    """What waits in the stream may be what that run collects; the clock does not wait."""
    spec = loop(cron="0 20 * * *", rows=1, alarms=(DRIFT,))
    occupied = Seen(rows=9, sounding=(DRIFT,), occupied=True)

    assert due(spec, state(spec), NOON, occupied) is None
    assert ["busy"] == occupied.asked
    assert TriggerKind.CRON == _kind(spec, state(spec), NOON + timedelta(days=1), occupied)


def test_a_paused_loop_begins_nothing_by_itself() -> None:
    """And nothing is looked at for it."""
    spec = loop(cron="0 20 * * *", rows=1, alarms=(DRIFT,))
    seen = Seen(rows=9, sounding=(DRIFT,))
    paused = replace(state(spec), paused=True)

    assert due(spec, paused, NOON + timedelta(days=1), seen) is None
    assert [] == seen.asked
    assert next_run(spec, paused, NOON) is None


def test_the_reason_of_an_alarm_is_what_was_found() -> None:
    """Of the first that sounds."""
    spec = loop(alarms=(DRIFT, RMSE))
    found = due(spec, state(spec), NOON, Seen(sounding=(RMSE,)))

    assert Firing(trigger=TriggerKind.ALARM, why="quality it is", id="alarm:ratings:the first") == found


def test_the_next_run_is_what_comes_or_what_was_missed() -> None:
    """A loop that no server has seen runs at the next moment that its cron has."""
    spec = loop(cron="0 20 * * *")

    assert at("2026-03-01T20:00") == next_run(spec, state(spec), NOON)
    assert at("2026-03-01T20:00") == next_run(spec, ScheduleState(name="ratings"), NOON)
    assert at("2026-03-03T20:00") == next_run(spec, state(spec), at("2026-03-04T12:00"))
