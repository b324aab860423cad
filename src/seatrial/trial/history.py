"""Past trials: list them, show one again (also one that was killed), compare two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seatrial.records import (
    CellResult,
    Change,
    Failure,
    Inputs,
    Plan,
    Project,
    PromotionResult,
    Report,
    RetrainResult,
    Role,
    Run,
    RunKind,
    RunState,
    Stage,
    Undelivered,
    UsageError,
    Version,
)
from seatrial.trial.compare.functions import Function, load_functions
from seatrial.trial.conclude import Circumstances, Seen, conclude
from seatrial.trial.drive.requests import RequestSet
from seatrial.trial.report import load_report
from seatrial.trial.run import clean_up_after_the_dead
from seatrial.trial.samples import CellSamples, gather, read_blocks
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import RunFolder

RecordT = TypeVar("RecordT")
Event = tuple[datetime, str, dict[str, Any]]
_AGAIN = {RunKind.PROMOTION: "promote it again", RunKind.RETRAINING: "seatrial retrain begins another"}


def list_runs(tools: Tools, limit: int) -> list[Run]:
    """The latest runs, newest first; what killed ones left behind is cleaned up on the way."""
    clean_up_after_the_dead(tools)
    return [_as_it_stands(run) for run in tools.journal.runs(limit)]


def _as_it_stands(run: Run) -> Run:
    """A promotion or retraining whose process is gone stays open in the journal, to be gone on with, but runs no more."""
    if run.kind in _AGAIN and run.state is RunState.RUNNING and RunFolder(Path(run.folder)).is_abandoned():
        return replace(run, state=RunState.ABANDONED)
    return run


def notes_on(tools: Tools, runs: Sequence[Run]) -> list[str]:
    """What the list of runs doesn't show of these: which can be gone on with, and which notices never arrived."""
    open_ = [run.id for run in runs if run.kind in _AGAIN and run.state is RunState.ABANDONED]
    lost = tools.journal.kept(Undelivered.__name__, [run.id for run in runs])
    return [
        *(f"{run} was cut off; go on with it: seatrial resume {run}" for run in open_),
        *(f"{run}: {_lost(msgspec.convert(body, Undelivered))}" for run, body in lost),
    ]


def _lost(notice: Undelivered) -> str:
    return f"{notice.receiver} did not get {notice.subject!r}: {notice.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPromotion:
    """A promotion that ended; `report` is of the trial in it, None where it came to none."""

    result: PromotionResult
    report: Report | None = None
    lost: tuple[str, ...] = ()


def past_promotion(tools: Tools, name: str) -> PastPromotion | None:
    """What became of a promotion; None if the run is none.

    Raises:
        UsageError: there is no such run, or it has not ended.
    """
    run = _as_it_stands(tools.journal.find(name))
    if run.kind is not RunKind.PROMOTION:
        return None
    result = _result_of(tools, run, PromotionResult)
    report = load_report(tools.store.get(run.report)) if run.report and tools.store.has(run.report) else None
    return PastPromotion(result=result, report=report, lost=_lost_of(tools, run))


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRetraining:
    """A retraining that ended."""

    result: RetrainResult
    lost: tuple[str, ...] = ()


def past_retraining(tools: Tools, name: str) -> PastRetraining | None:
    """What became of a retraining; None if the run is none.

    Raises:
        UsageError: there is no such run, or it has not ended.
    """
    run = _as_it_stands(tools.journal.find(name))
    if run.kind is not RunKind.RETRAINING:
        return None
    return PastRetraining(result=_result_of(tools, run, RetrainResult), lost=_lost_of(tools, run))


def _result_of(tools: Tools, run: Run, kind: type[RecordT]) -> RecordT:
    """What a run came to. Raises UsageError if it came to nothing."""
    found = _last(tools.journal.events(run.id), kind)
    if found is None:
        raise _without_result(run)
    return found


def _lost_of(tools: Tools, run: Run) -> tuple[str, ...]:
    lost = tools.journal.kept(Undelivered.__name__, [run.id])
    return tuple(_lost(msgspec.convert(body, Undelivered)) for _, body in lost)


def _without_result(run: Run) -> UsageError:
    """Why there is nothing to show of a promotion or retraining."""
    if run.state is RunState.RUNNING:
        return UsageError(f"run {run.id} is still going", remedy="wait for it to end")
    if run.state is RunState.ABANDONED:
        return UsageError(f"run {run.id} was cut off", remedy=f"seatrial resume {run.id} goes on with it")
    why = run.headline or "it was given up"
    return UsageError(f"run {run.id} came to no result: {why}", remedy=_AGAIN[run.kind])


def past_report(tools: Tools, name: str) -> Report:
    """The report of a run; of one that was killed, what its finished turns say. Raises UsageError."""
    clean_up_after_the_dead(tools)
    run = tools.journal.find(name)
    if run.report is not None:
        return load_report(tools.store.get(run.report))
    if run.state is RunState.RUNNING:
        raise UsageError(f"run {run.id} is still going", remedy="wait for it to end")
    past = _recover(tools, run)
    return conclude(past.seen, past.about)


def compare_runs(tools: Tools, first: str, second: str) -> Report:
    """The candidates of `second` beside those of `first`, request by request.

    Deployments are matched by name and must have been driven with the same requests. Raises UsageError.
    """
    before, after = (_recover(tools, tools.journal.find(name)) for name in (first, second))
    names = [name for name in after.seen.plan.deployments if before.seen.plan.cell(name, Role.CANDIDATE)]
    if not names:
        raise UsageError("the two runs have no deployment in common", remedy="compare runs of the same deployments")
    _check_requests(before, after, names)
    cells = []
    results: dict[str, CellResult] = {}
    samples: dict[str, CellSamples] = {}
    for name in names:
        for past, role in ((before, Role.BASELINE), (after, Role.CANDIDATE)):
            found = past.seen.plan.cell(name, Role.CANDIDATE)
            if found is None:
                continue
            cell = replace(found, version=replace(found.version, name=role.value), role=role)
            cells.append(cell)
            results[cell.id] = replace(past.seen.results[found.id], cell=cell.id)
            if found.id in past.seen.samples:
                samples[cell.id] = past.seen.samples[found.id]
    change = Change(
        project=after.seen.change.project,
        baseline=_named(before, Role.BASELINE),
        candidate=_named(after, Role.CANDIDATE),
        notes=(
            "the two candidates ran at different times, so what the machine did meanwhile is part of the difference",
        ),
    )
    seen = replace(after.seen, change=change, plan=Plan(cells=tuple(cells)), results=results, samples=samples)
    return conclude(seen, replace(after.about, run=f"{before.about.run}..{after.about.run}", complete=True, notes=()))


@dataclass(frozen=True, slots=True)
class _Past:
    """A run read back from the journal and its folder."""

    seen: Seen
    about: Circumstances


def _recover(tools: Tools, run: Run) -> _Past:
    events = tools.journal.events(run.id)
    project, change, plan = _last(events, Project), _last(events, Change), _last(events, Plan)
    if project is None or change is None or plan is None:
        raise UsageError(f"run {run.id} ended before anything was planned", remedy="run the trial again")
    folder = RunFolder(Path(run.folder))
    samples = gather(read_blocks(folder.blocks))
    results = {cell.id: CellResult(cell=cell.id, stage=Stage.DRIVE, failure=_CUT_SHORT) for cell in plan.cells}
    for _, kind, body in events:
        if kind == CellResult.__name__:
            result = msgspec.convert(body, CellResult)
            results[result.cell] = result
    report = load_report(tools.store.get(run.report)) if run.report else None
    about = Circumstances(
        run=run.id,
        started=run.started,
        ended=run.ended or run.started,
        complete=run.state is RunState.FINISHED,
        confidence=project.confidence,
        notes=() if run.state is RunState.FINISHED else ("the trial was killed; this is what its finished turns say",),
        timings=report.timings if report else {},
        machine=report.machine if report else {},
        settings=report.settings if report else {},
    )
    seen = Seen(
        project=project,
        change=change,
        plan=plan,
        results=results,
        samples=samples,
        rows=_inputs(tools, events),
        functions=_functions(tools, project, plan),
    )
    return _Past(seen, about)


_CUT_SHORT = Failure(stage=Stage.DRIVE, message="the trial was killed before this cell had ended")


def _last(events: Sequence[Event], kind: type[RecordT]) -> RecordT | None:
    bodies = [body for _, name, body in events if name == kind.__name__]
    return msgspec.convert(bodies[-1], kind) if bodies else None


def _inputs(tools: Tools, events: Sequence[Event]) -> dict[str, RequestSet]:
    """The requests that each deployment got, as they were kept with the run."""
    kept = [msgspec.convert(body, Inputs) for _, kind, body in events if kind == Inputs.__name__]
    return {each.deployment: RequestSet.from_stored(tools.store.get(each.rows), each.digest) for each in kept}


def _functions(tools: Tools, project: Project, plan: Plan) -> dict[str, dict[str, Function]]:
    """The metrics' functions as they are in the project now."""
    tried = [deployment for deployment in project.deployments if deployment.name in plan.deployments]
    return {deployment.name: load_functions(deployment.metrics, tools.project) for deployment in tried}


def _named(past: _Past, role: Role) -> Version:
    return replace(
        past.seen.change.candidate,
        name=role.value,
        described=f"{past.seen.change.candidate.described} of run {past.about.run}",
    )


def _check_requests(before: _Past, after: _Past, names: list[str]) -> None:
    for name in names:
        sent = [_sent(past, name) for past in (before, after)]
        if sent[0] != sent[1]:
            raise UsageError(
                f"the two runs sent different requests to {name}",
                where="compare",
                remedy="compare runs with the same requests",
            )


def _sent(past: _Past, deployment: str) -> tuple[object, ...] | None:
    """What decides which request is sent in which place of which block."""
    cell, rows = past.seen.plan.cell(deployment, Role.CANDIDATE), past.seen.rows.get(deployment)
    spec = cell.deployment.requests if cell is not None else None
    return None if spec is None or rows is None else (rows.digest, spec.rate, spec.count, spec.block, spec.arrivals)
