"""One line of the history of runs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seatrial.records.verdict import Verdict


class RunKind(StrEnum):
    """What a run is."""

    TRIAL = "trial"
    PROMOTION = "promotion"
    RETRAINING = "retraining"


class RunState(StrEnum):
    """Where a run stands. `abandoned`: the process that ran it is gone without having ended it (kill -9, power)."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run in the journal.

    Attributes:
        id: sorts by start time: `20261121-031544-7f3a`.
        folder: where its files are.
        kind: a trial, a promotion (which has a trial in it, with a line of its own), or a retraining.
        baseline, candidate: descriptions of the two versions.
        report: digest of `report.json` in the store; None until there is one.
    """

    id: str
    project: str
    folder: str
    started: datetime
    kind: RunKind = RunKind.TRIAL
    ended: datetime | None = None
    state: RunState = RunState.RUNNING
    baseline: str = ""
    candidate: str = ""
    verdict: Verdict | None = None
    headline: str = ""
    report: str | None = None
