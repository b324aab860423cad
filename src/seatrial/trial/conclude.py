"""From what was seen to the report: pairs are compared, everything is judged together, and each deployment gets a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from seatrial import __version__
from seatrial.judge import Draft, judge
from seatrial.records import (
    AttributionEffect,
    Axis,
    Cell,
    CellResult,
    CellSummary,
    Change,
    Comparison,
    DeploymentReport,
    Family,
    LatencySummary,
    Plan,
    Project,
    Report,
    Role,
    StackChange,
    Stage,
    Verdict,
    worst,
)
from seatrial.trial.build.stack import stack_diff
from seatrial.trial.compare.drafts import drafts
from seatrial.trial.compare.functions import Function
from seatrial.trial.compare.pairs import Pair, Side
from seatrial.trial.drive.requests import RequestSet
from seatrial.trial.report import compose_headline
from seatrial.trial.samples import CellSamples
from seatrial.wording.verdicts import failure_sentence

QUANTILE_LEVELS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that a trial has seen by now.

    Attributes:
        results: of every cell, by its id.
        samples: of every driven cell.
        rows: the requests of every deployment that has some.
        functions: per deployment and metric, the function that computes it.
    """

    project: Project
    change: Change
    plan: Plan
    results: Mapping[str, CellResult]
    samples: Mapping[str, CellSamples]
    rows: Mapping[str, RequestSet]
    functions: Mapping[str, Mapping[str, Function]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the report says beside the comparisons."""

    run: str
    started: datetime
    ended: datetime
    complete: bool
    confidence: float
    notes: tuple[str, ...]
    timings: Mapping[str, float]
    machine: Mapping[str, str]
    settings: Mapping[str, str]


def compare_all(seen: Seen, confidence: float) -> tuple[Comparison, ...]:
    """Every metric of every deployment whose candidate can be compared, judged together."""
    generator = np.random.default_rng(seen.project.seed)
    found: list[Draft] = []
    for cell in seen.plan.cells:
        pair = _pair(seen, cell) if cell.role is Role.CANDIDATE else None
        if pair is not None and not _failed_early(pair):
            found.extend(drafts(pair, generator))
    return judge(found, confidence)


def is_settled(comparisons: Sequence[Comparison]) -> bool:
    """Whether more requests could not change any deployment's verdict: a gate has failed, or none is inconclusive."""
    verdicts: dict[str, set[Verdict]] = {}
    for comparison in comparisons:
        if comparison.verdict is not None:
            verdicts.setdefault(comparison.deployment, set()).add(comparison.verdict)
    return bool(verdicts) and all(
        Verdict.FAIL in found or Verdict.INCONCLUSIVE not in found for found in verdicts.values()
    )


def conclude(seen: Seen, about: Circumstances) -> Report:
    """The report of a trial, complete or not."""
    comparisons = compare_all(seen, about.confidence)
    deployments = tuple(
        _deployment(seen, name, tuple(c for c in comparisons if c.deployment == name), about)
        for name in seen.plan.deployments
    )
    verdict = worst(deployment.verdict for deployment in deployments)
    if not about.complete:
        verdict = worst((verdict, Verdict.INCONCLUSIVE))
    return Report(
        run=about.run,
        project=seen.project.name,
        seatrial=__version__,
        started=about.started,
        ended=about.ended,
        change=seen.change,
        verdict=verdict,
        headline=compose_headline(deployments, verdict, complete=about.complete),
        deployments=deployments,
        notes=(*seen.change.notes, *_plan_notes(seen.plan), *about.notes),
        complete=about.complete,
        timings=about.timings,
        machine=about.machine,
        settings=about.settings,
    )


def _plan_notes(plan: Plan) -> tuple[str, ...]:
    added = tuple(
        f"{name} is new: it has no baseline, so its tests, its limits and the requests that it fails judge it"
        for name in plan.added
    )
    removed = tuple(f"{name} was removed by this change" for name in plan.removed)
    return (*added, *removed, *plan.notes)


def _pair(seen: Seen, other: Cell) -> Pair | None:
    """The baseline beside one other cell of its deployment; None where nothing was seen of that cell."""
    if other.id not in seen.results:
        return None
    spec = other.deployment
    baseline = seen.plan.cell(spec.name, Role.BASELINE)
    return Pair(
        deployment=spec.name,
        metrics=spec.metrics,
        requests=spec.requests,
        rows=seen.rows.get(spec.name),
        baseline=_side(seen, baseline) if baseline is not None else None,
        candidate=_side(seen, other),
        functions=seen.functions.get(spec.name, {}),
    )


def _side(seen: Seen, cell: Cell) -> Side:
    samples = seen.samples.get(cell.id)
    return Side(result=seen.results[cell.id], samples=samples if samples is not None and len(samples) else None)


def _failed_early(pair: Pair) -> bool:
    """Whether one of the two was never ready, so that there is nothing to compare."""
    early = {Stage.CHECKOUT, Stage.STACK, Stage.BUILD, Stage.START}
    sides = [pair.candidate] if pair.baseline is None else [pair.baseline, pair.candidate]
    return any(side.result.failure is not None and side.result.failure.stage in early for side in sides)


def _deployment(seen: Seen, name: str, comparisons: Sequence[Comparison], about: Circumstances) -> DeploymentReport:
    cells = tuple(_summary(seen, cell) for cell in seen.plan.of(name) if cell.id in seen.results)
    judged = [*_judged_cells(cells), *_judged_tests(cells), *_judged_gates(comparisons)]
    if not judged:
        judged = [(Verdict.INCONCLUSIVE, "nothing was judged: no metric is gated and no test ran")]
    elif _is_untold(seen.plan, cells, comparisons):
        judged.append((Verdict.INCONCLUSIVE, _UNTOLD))
    judged.sort(key=lambda found: -found[0].severity)
    return DeploymentReport(
        name=name,
        verdict=worst(verdict for verdict, _ in judged),
        reasons=tuple(reason for _, reason in judged if reason),
        comparisons=tuple(comparisons),
        cells=cells,
        stack=_stack_change(cells),
        attribution=_attribution(seen, name, comparisons, about.confidence),
    )


_UNTOLD = "nothing says whether it is good enough: there is no baseline to compare with, no metric has a limit and no test ran"


def _is_untold(plan: Plan, cells: Sequence[CellSummary], comparisons: Sequence[Comparison]) -> bool:
    """Whether a deployment without a baseline was neither tested nor held to a limit of the project's.

    That it answers its requests can fail it and is no reason to pass.
    """
    if any(cell.role is not Role.CANDIDATE or cell.result.tests or cell.result.failure for cell in cells):
        return False
    candidate = plan.cell(cells[0].deployment, Role.CANDIDATE) if cells else None
    limited = {spec.name for spec in candidate.deployment.metrics if spec.limit is not None} if candidate else set()
    return not any(c.verdict is not None and c.metric in limited for c in comparisons)


def _judged_cells(cells: Sequence[CellSummary]) -> list[tuple[Verdict, str]]:
    """A candidate that fails where its baseline doesn't has failed the trial; any other failure is an error."""
    baseline_failed = any(cell.role is Role.BASELINE and cell.result.failure for cell in cells)
    found = []
    for cell in cells:
        failure = cell.result.failure
        if failure is None or cell.role is Role.MIXED:
            continue
        verdict = Verdict.FAIL if cell.role is Role.CANDIDATE and not baseline_failed else Verdict.ERROR
        found.append((verdict, failure_sentence(cell)))
    return found


def _judged_tests(cells: Sequence[CellSummary]) -> list[tuple[Verdict, str]]:
    """The candidate's tests are gates; the baseline's are shown beside them."""
    failed_before = {
        test.test for cell in cells if cell.role is Role.BASELINE for test in cell.result.tests if not test.passed
    }
    found = []
    for cell in cells:
        if cell.role is not Role.CANDIDATE:
            continue
        for test in cell.result.tests:
            if test.passed:
                found.append((Verdict.PASS, ""))
                continue
            also = " (it fails on the baseline as well)" if test.test in failed_before else ""
            found.append((Verdict.FAIL, f"test {test.test} failed{also}: {_why(test.message, test.log_tail)}"))
    return found


def _why(message: str, log: str) -> str:
    lines = (message or log).strip().splitlines()
    return lines[-1 if not message else 0][:200] if lines else "see its log"


def _judged_gates(comparisons: Sequence[Comparison]) -> list[tuple[Verdict, str]]:
    found = []
    for comparison in comparisons:
        if comparison.verdict is None:
            continue
        name = f"{comparison.metric} [{comparison.slice}]" if comparison.slice else comparison.metric
        reason = "" if comparison.verdict is Verdict.PASS else f"{name}: {comparison.reason}"
        found.append((comparison.verdict, reason))
    return found


def _summary(seen: Seen, cell: Cell) -> CellSummary:
    samples = seen.samples.get(cell.id)
    result = seen.results[cell.id]
    summary = CellSummary(
        cell=cell.id, deployment=cell.deployment.name, version=cell.version.name, role=cell.role, result=result
    )
    if samples is None or not len(samples):
        return summary
    kinds, counts = np.unique([str(error) for error in samples.error if error is not None], return_counts=True)
    seconds = float(samples.block_seconds.sum())
    good = int(samples.good.sum())
    return replace(
        summary,
        errors={str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
        good=good,
        latency=_latency(samples.latency[samples.good]) if good else None,
        lag_p99=float(np.quantile(samples.lag, 0.99)),
        throughput=good / seconds if seconds > 0 else None,
    )


def _latency(latency: np.typing.NDArray[np.float64]) -> LatencySummary:
    levels = np.linspace(0, 1, min(QUANTILE_LEVELS, max(2, len(latency))))
    return LatencySummary(levels=tuple(levels.tolist()), seconds=tuple(np.quantile(latency, levels).tolist()))


def _stack_change(cells: Sequence[CellSummary]) -> StackChange | None:
    packages = {cell.role: cell.result.packages for cell in cells if cell.role is not Role.MIXED}
    if not packages.get(Role.BASELINE) or not packages.get(Role.CANDIDATE):
        return None
    return stack_diff(packages[Role.BASELINE], packages[Role.CANDIDATE])


def _attribution(
    seen: Seen, name: str, comparisons: Sequence[Comparison], confidence: float
) -> tuple[AttributionEffect, ...]:
    """For each mixed cell, every metric beside the baseline's: what that axis alone did."""
    effects: list[AttributionEffect] = []
    generator = np.random.default_rng(seen.project.seed)
    order = {(c.metric, c.slice): place for place, c in enumerate(comparisons)}
    for cell in seen.plan.of(name):
        if cell.role is not Role.MIXED:
            continue
        pair = _pair(seen, cell)
        if pair is None or _failed_early(pair):
            failure = seen.results[cell.id].failure if cell.id in seen.results else None
            note = f"not measured: {failure.message.splitlines()[0]}" if failure else "not measured"
            effects.extend(_unmeasured(name, cell.axes[0], comparisons, note))
            continue
        informative = [replace(draft, metric=replace(draft.metric, gate=False)) for draft in drafts(pair, generator)]
        effects.extend(
            _effect(c, cell.axes[0])
            for c in judge(informative, confidence)
            if (c.metric, c.slice) in order and not c.slice
        )
    return tuple(sorted(effects, key=lambda effect: (order.get((effect.metric, ""), 0), effect.axis.value)))


def _effect(comparison: Comparison, axis: Axis) -> AttributionEffect:
    return AttributionEffect(
        deployment=comparison.deployment,
        metric=comparison.metric,
        family=comparison.family,
        axis=axis,
        effect=comparison.difference,
        interval=comparison.interval,
        unit=comparison.unit,
        note=comparison.reason,
    )


def _unmeasured(name: str, axis: Axis, comparisons: Sequence[Comparison], note: str) -> list[AttributionEffect]:
    return [
        AttributionEffect(
            deployment=name, metric=c.metric, family=c.family, axis=axis, effect=None, interval=None, note=note
        )
        for c in comparisons
        if not c.slice and c.family in {Family.MODEL, Family.APPLICATION} and c.verdict is not None
    ]
