"""When a loop is due: by the clock, by new events, or by an alarm. Pure: what is known is handed in.

Cron counts in its own time zone, as the cron daemons do it when clocks change: a time of day that is left out comes where the
gap ends, and one that is shown twice counts once, unless the expression means every hour (its second field is `*`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from seatrial.records import AlarmSpec, CronSpec, RetrainSpec, ScheduleState, TriggerKind

LATE: Final = timedelta(minutes=1)
"""From when on a firing is said to be caught up with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """Something that begins a run.

    Attributes:
        why: one sentence.
        id: the same wherever and however often it is found: `cron:ratings:2026-11-20T20:00:00Z`.
        considered: up to when cron is dealt with by it; None: it is none of cron's.
    """

    trigger: TriggerKind
    why: str
    id: str
    considered: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of a look at an alarm.

    Attributes:
        sounds: whether it does.
        said: one sentence on what was found.
        note: why it could not be told, where it couldn't.
    """

    sounds: bool
    said: str
    note: str = ""


class Probes(Protocol):
    """What can be looked at for one loop. Looks may take long, so that they are asked for only where they matter."""

    def busy(self) -> bool:
        """Whether a run of the loop waits or is on."""
        ...

    def new_rows(self) -> int:
        """Events in the stream that no version of the dataset has taken; 0 where it can't be told now."""
        ...

    def alarm(self, spec: AlarmSpec) -> Finding:
        """Whether an alarm sounds; it doesn't where it can't be told."""
        ...


def due(spec: RetrainSpec, state: ScheduleState, now: datetime, probes: Probes) -> Firing | None:
    """What begins a run of a loop now, if anything does: the clock goes before new rows, and they before alarms.

    Args:
        spec: the loop.
        state: what is kept of its triggers.
        now: timezone-aware.
        probes: what can be looked at.
    """
    return due_by_clock(spec, state, now) or due_by_look(spec, state, now, probes)


def due_by_clock(spec: RetrainSpec, state: ScheduleState, now: datetime) -> Firing | None:
    """The latest firing of cron that was not dealt with; earlier ones that were missed are left out."""
    cron = spec.triggers.cron
    if cron is None or state.paused or state.considered is None or state.cron != cron:
        return None
    if not is_passed(following(cron, state.considered), now):
        return None
    moment = latest(cron, now)
    if moment is None or moment <= state.considered:
        return None
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    missed = following(cron, state.considered) != moment
    notes = ", caught up with" * (now - moment > LATE) + "; earlier ones were missed" * missed
    return Firing(
        trigger=TriggerKind.CRON,
        why=f"{cron.cron} in {cron.zone}: due {stamp}{notes}",
        id=f"cron:{spec.name}:{stamp}",
        considered=moment,
    )


def due_by_look(spec: RetrainSpec, state: ScheduleState, now: datetime, probes: Probes) -> Firing | None:
    """New rows or an alarm, where the least pause is over and no run of the loop waits or is on."""
    triggers = spec.triggers
    if (
        state.paused
        or (triggers.rows is None and not triggers.alarms)
        or not _rested(spec, state, now)
        or probes.busy()
    ):
        return None
    # Whoever looks at the same state finds the same firing, and a new one comes only after another begin.
    after = "the first" if state.last_fired is None else f"after-{_exact(state.last_fired)}"
    if triggers.rows is not None and (rows := probes.new_rows()) >= triggers.rows:
        why = f"{rows:,} new events in the stream, and {triggers.rows:,} begin a run"
        return Firing(trigger=TriggerKind.ROWS, why=why, id=f"rows:{spec.name}:{after}")
    for alarm in triggers.alarms:
        found = probes.alarm(alarm)
        if found.sounds:
            return Firing(trigger=TriggerKind.ALARM, why=found.said, id=f"alarm:{spec.name}:{after}")
    return None


def is_new(spec: RetrainSpec, state: ScheduleState) -> bool:
    """Whether the loop's cron has to be considered from now on: it was never seen, or was another one."""
    cron = spec.triggers.cron
    return state.cron != cron or (cron is not None and state.considered is None)


def next_run(spec: RetrainSpec, state: ScheduleState, now: datetime) -> datetime | None:
    """When cron begins the next run: a moment that has passed if it was missed; None if it never does, or is paused."""
    cron = spec.triggers.cron
    if cron is None or state.paused:
        return None
    missed = due_by_clock(spec, state, now)
    return following(cron, now) if missed is None else missed.considered


def following(cron: CronSpec, moment: datetime) -> datetime | None:
    """The first firing after a moment, in UTC; None if there is none within 50 years."""
    return next(_firings(cron, moment, forward=True), None)


def latest(cron: CronSpec, moment: datetime) -> datetime | None:
    """The last firing at or before a moment, in UTC; None if there was none within 50 years."""
    return next(_firings(cron, moment.replace(microsecond=0) + timedelta(seconds=1), forward=False), None)


def is_passed(moment: datetime | None, now: datetime) -> bool:
    """Whether there is such a moment, and it has come."""
    return moment is not None and moment <= now


def _firings(cron: CronSpec, moment: datetime, *, forward: bool) -> Iterator[datetime]:
    """Firings from a moment on, or back from it, that moment left out."""
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415 - only loops with a schedule need it

    zone = ZoneInfo(cron.zone)
    every_hour = cron.cron.split()[1] == "*"
    walk = croniter(cron.cron, moment.astimezone(zone))
    try:
        while True:
            found = (walk.get_next(datetime) if forward else walk.get_prev(datetime)).astimezone(UTC)
            if every_hour or found.astimezone(zone).fold == 0:
                yield found
    except CroniterBadDateError:
        return


def _rested(spec: RetrainSpec, state: ScheduleState, now: datetime) -> bool:
    return state.last_fired is None or now >= state.last_fired + timedelta(seconds=spec.triggers.pause)


def _exact(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
