"""What the ledger tells of the past: who held which stage at a time, and one after another."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from seatrial.records import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One version in one stage, from the line that brought it there to the line that took it away.

    `ended` is None as long as it is there.
    """

    model: str
    number: int
    stage: str
    began: LedgerEntry
    ended: LedgerEntry | None = None


def standing_at(entries: Iterable[LedgerEntry], at: datetime) -> tuple[Tenure, ...]:
    """Which stage each version held at a time, by model and number.

    Args:
        entries: lines in their order, of one model or of all; those after `at` don't count.
        at: the time itself is included.
    """
    told = (entry for entry in entries if entry.at <= at)
    open_ones = [tenure for tenure in tenures(told) if tenure.ended is None]
    return tuple(sorted(open_ones, key=lambda tenure: (tenure.model, tenure.number)))


def tenures(entries: Iterable[LedgerEntry]) -> tuple[Tenure, ...]:
    """Every version's time in every stage that it held, in the order in which they began.

    The order is the ledger's, not the clock's: where two machines' clocks differ, the line that came later counts.
    """
    told: list[Tenure] = []
    current: dict[tuple[str, int], int] = {}
    for entry in entries:
        key = (entry.model, entry.number)
        if key in current:
            told[current[key]] = replace(told[current[key]], ended=entry)
        current[key] = len(told)
        told.append(Tenure(model=entry.model, number=entry.number, stage=entry.to, began=entry))
    return tuple(told)
