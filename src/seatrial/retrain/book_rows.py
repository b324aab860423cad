"""Between records and the rows that the retrainings' book keeps of them."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from seatrial.records import CronSpec, RetrainPhase, RetrainResult, ScheduleState


def result_row(result: RetrainResult) -> dict[str, Any]:
    """The row of a run."""
    return {
        "run": result.run,
        "name": result.name,
        "model": result.model,
        "started": moment(result.started),
        "live": result.phase is not RetrainPhase.ENDED,
        "body": msgspec.json.encode(result).decode(),
    }


def cron_row(cron: CronSpec | None) -> dict[str, Any]:
    """The columns of a loop's cron."""
    return {"cron": "", "zone": ""} if cron is None else {"cron": cron.cron, "zone": cron.zone}


def state_of(row: Any) -> ScheduleState:  # noqa: ANN401 - a row has whatever columns the query has
    """What is kept of a loop's triggers."""
    return ScheduleState(
        name=row.name,
        paused=row.paused,
        paused_by=row.paused_by,
        paused_at=read(row.paused_at),
        considered=read(row.considered),
        cron=CronSpec(cron=row.cron, zone=row.zone) if row.cron else None,
        last_fired=read(row.last_fired),
    )


def moment(at: datetime) -> str:
    """Text that sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def read(text: str | None) -> datetime | None:
    """What `moment` wrote; None for none."""
    return None if text is None else datetime.fromisoformat(text)


def is_as_seen(state: ScheduleState, seen: ScheduleState, *, by_cron: bool) -> bool:
    """Whether nobody else has dealt with it since it was seen: with the moment of cron, or with what a look found."""
    if state.paused:
        return False
    if by_cron:
        return (state.cron, state.considered) == (seen.cron, seen.considered)
    return state.last_fired == seen.last_fired
