"""Loops and their schedules as people read them in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from seatrial.records import RetrainOutcome, RetrainPhase, RetrainSpec
from seatrial.retrain.book import RetrainBook
from seatrial.retrain.schedule import next_run
from seatrial.wording.grid import Grid

MISSING: Final = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """What `seatrial schedule` tells of a loop.

    Attributes:
        state: `running`, `waiting` (a run was asked for), `paused` or `idle`.
        schedule: five fields of cron; empty without one.
        rows: so many new events begin a run; None if none do.
        alarms: how many there are.
        webhook: whether one begins a run.
        next: when the schedule begins the next run; a moment that has passed was missed, and comes as soon as a server runs.
        last_run, last_outcome, last_ended: of the run that began last, if it has ended.
        running: id of the run that is on, and where it is; empty if none is.
        events: new ones that wait in the stream; None where they were not counted.
        note: why something is not there.
    """

    name: str
    model: str
    state: str
    schedule: str = ""
    zone: str = ""
    rows: int | None = None
    alarms: int = 0
    webhook: bool = False
    next: datetime | None = None
    last_run: str = ""
    last_outcome: RetrainOutcome | None = None
    last_ended: datetime | None = None
    running: str = ""
    phase: RetrainPhase | None = None
    paused_by: str = ""
    paused_at: datetime | None = None
    events: int | None = None
    note: str = ""


def loop_status(
    spec: RetrainSpec, book: RetrainBook, now: datetime, *, events: int | None = None, note: str = ""
) -> LoopStatus:
    """What is known of a loop.

    Args:
        spec: the loop.
        book: where its runs and its schedule are.
        now: timezone-aware.
        events: that wait, where they were counted.
        note: why they could not be.
    """
    kept, cron = book.schedule(spec.name), spec.triggers.cron
    running = next((result for result in book.live() if result.name == spec.name), None)
    waiting = any(wish.name == spec.name for wish in book.waiting_wishes())
    last = next((result for result in book.results(name=spec.name, limit=_RECENT) if result.outcome is not None), None)
    return LoopStatus(
        name=spec.name,
        model=spec.model,
        state="running" if running else "waiting" if waiting else "paused" if kept.paused else "idle",
        schedule="" if cron is None else cron.cron,
        zone="" if cron is None else cron.zone,
        rows=spec.triggers.rows,
        alarms=len(spec.triggers.alarms),
        webhook=bool(spec.triggers.webhook),
        next=next_run(spec, kept, now),
        last_run="" if last is None else last.run,
        last_outcome=None if last is None else last.outcome,
        last_ended=None if last is None else last.ended,
        running="" if running is None else running.run,
        phase=None if running is None else running.phase,
        paused_by=kept.paused_by,
        paused_at=kept.paused_at,
        events=events,
        note=note,
    )


_RECENT: Final = 10


def loops_grid(loops: Sequence[LoopStatus], *, now: datetime, served: bool) -> Grid:
    """One line a loop; below, what begins it beside the clock, and that nothing does where no server runs."""
    return Grid(
        headings=("loop", "schedule", "next", "last run", "outcome", "state", "events"),
        rows=tuple(_row(loop, now) for loop in loops),
        right=frozenset({"events"}),
        unwrapped=frozenset({"loop", "schedule", "next", "last run", "outcome", "state", "events"}),
        below=(
            *(f"{loop.name} also begins {also}" for loop in loops if (also := _beside(loop))),
            *(f"{loop.name}: {loop.note}" for loop in loops if loop.note),
            *(("no server runs, so that nothing begins by itself: seatrial server",) if loops and not served else ()),
        ),
    )


def loop_sentence(loop: LoopStatus, *, now: datetime) -> str:
    """Where one loop stands: `ratings is idle; next run 2026-11-21 20:00 Europe/Berlin`."""
    coming = _next(loop, now)
    return f"{loop.name} is {_state(loop)}" + (f"; next run {coming}" if loop.next is not None else "")


def _row(loop: LoopStatus, now: datetime) -> tuple[str, ...]:
    return (
        loop.name,
        loop.schedule or MISSING,
        _next(loop, now),
        loop.last_run or MISSING,
        MISSING if loop.last_outcome is None else loop.last_outcome.value,
        _state(loop),
        MISSING if loop.events is None else f"{loop.events:,}",
    )


def _next(loop: LoopStatus, now: datetime) -> str:
    if loop.next is None:
        return MISSING
    local = f"{loop.next.astimezone(ZoneInfo(loop.zone)):%Y-%m-%d %H:%M} {loop.zone}"
    return f"{local} (missed)" if loop.next <= now else local


def _state(loop: LoopStatus) -> str:
    on = f"running {loop.running} ({loop.phase})" if loop.running else loop.state
    if loop.paused_at is None:
        return on
    paused = f"paused by {loop.paused_by} since {loop.paused_at:%Y-%m-%d %H:%M} UTC"
    return paused if loop.state == "paused" else f"{on}, {paused}"


def _beside(loop: LoopStatus) -> str:
    alarms = f"{loop.alarms} alarm{'s' * (loop.alarms > 1)}" if loop.alarms else ""
    parts = [f"at {loop.rows:,} new events" if loop.rows else "", f"by {alarms}" if alarms else ""]
    parts.append("by its webhook" if loop.webhook else "")
    return ", ".join(filter(None, parts))
