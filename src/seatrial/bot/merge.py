"""One report of the reports of several deployments: what would stand in one if they had been tried by one process."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from seatrial.records import (
    CellResult,
    CellSummary,
    DeploymentReport,
    Failure,
    PermanentError,
    Report,
    Role,
    Stage,
    Verdict,
    worst,
)
from seatrial.trial.report.sentence import compose_headline


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The end of the trial of one deployment: its report, or how its process died."""

    deployment: str
    report: Report | None = None
    failure: Failure | None = None


def merge(
    parts: Sequence[Part], *, run: str, started: datetime, ended: datetime, notes: tuple[str, ...] = ()
) -> Report:
    """The report of the whole trial; the worst verdict wins.

    Args:
        parts: of every deployment, in the order of the configuration.
        run: id of the whole trial.
        started: of the whole trial.
        ended: likewise.
        notes: on the whole trial, before those of its parts.

    Raises:
        PermanentError: no part has a report, so that nothing is known of the change.
    """
    reports = [part.report for part in parts if part.report is not None]
    if not reports:
        raise PermanentError("no deployment came to a report", where=run)
    deployments = tuple(row for part in parts for row in _rows(part))
    complete = all(report.complete for report in reports)
    verdict = worst(row.verdict for row in deployments)
    if not complete:
        verdict = worst((verdict, Verdict.INCONCLUSIVE))
    return replace(
        reports[0],
        run=run,
        started=started,
        ended=ended,
        verdict=verdict,
        headline=compose_headline(deployments, verdict, complete=complete),
        deployments=deployments,
        notes=tuple(dict.fromkeys([*notes, *(note for report in reports for note in report.notes)])),
        complete=complete,
        timings=_summed(report.timings for report in reports),
        machine=_joined(report.machine for report in reports),
        settings=_joined(report.settings for report in reports),
    )


def _rows(part: Part) -> tuple[DeploymentReport, ...]:
    """What a part says of its deployment alone: it was told to try no other."""
    if part.report is not None:
        own = tuple(row for row in part.report.deployments if row.name == part.deployment)
        if own:
            return own
    return (_dead(part.deployment, part.failure),)


def _dead(name: str, failure: Failure | None) -> DeploymentReport:
    """The row of a deployment whose trial came to no report."""
    found = failure or Failure(stage=Stage.CHECKOUT, message="its trial came to no report")
    cell = f"{name}@candidate"
    return DeploymentReport(
        name=name,
        verdict=Verdict.ERROR,
        reasons=(found.message,),
        cells=(
            CellSummary(
                cell=cell,
                deployment=name,
                version="candidate",
                role=Role.CANDIDATE,
                result=CellResult(cell=cell, stage=found.stage, failure=found),
            ),
        ),
    )


def _summed(timings: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Seconds per phase over all parts."""
    total: dict[str, float] = {}
    for each in timings:
        for phase, seconds in each.items():
            total[phase] = total.get(phase, 0.0) + seconds
    return total


def _joined(facts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Facts that may differ from part to part: all values, each once."""
    values: dict[str, dict[str, None]] = {}
    for each in facts:
        for name, value in each.items():
            values.setdefault(name, {})[value] = None
    return {name: ", ".join(found) for name, found in values.items()}
