"""The one sentence at the top of a report, with the numbers that decide."""

from collections.abc import Sequence

from seatrial.records import CellSummary, Comparison, DeploymentReport, Report, Role, Verdict
from seatrial.wording import text
from seatrial.wording.verdicts import failure_sentence, gates

_DECISIVE = 3


def headline(report: Report) -> str:
    """The one sentence at the top: the record's own, or one made from its deployments."""
    return report.headline.strip() or compose_headline(report.deployments, report.verdict, complete=report.complete)


def compose_headline(deployments: Sequence[DeploymentReport], verdict: Verdict, *, complete: bool = True) -> str:
    """One sentence with the numbers that decide.

    Args:
        deployments: of the trial, judged.
        verdict: of the whole trial.
        complete: False for an interrupted trial, which the sentence then says first.
    """
    lead = "" if complete else "Interrupted. So far: "
    if not deployments:
        return f"{lead}Nothing was judged, and no data never passes."
    worst = next((d for d in deployments if d.verdict is verdict), deployments[0])
    sentence = _decisive(deployments) if verdict is Verdict.PASS else _trouble(worst, verdict)
    return f"{lead}{sentence}{_tally(deployments, verdict)}."


def _tally(deployments: Sequence[DeploymentReport], verdict: Verdict) -> str:
    if len(deployments) == 1 or verdict is Verdict.PASS:
        return ""
    passing = sum(d.verdict is Verdict.PASS for d in deployments)
    return f"; {passing or 'none'} of {len(deployments)} deployments {'passes' if passing == 1 else 'pass'}"


def _decisive(deployments: Sequence[DeploymentReport]) -> str:
    judged = [c for d in deployments for c in gates(d)]
    if not judged:
        return _tested(deployments)
    figures = [f"{_whose(c, deployments)}{_with_difference(c)}" for c in _first_of_each_family(judged)]
    where = f" of {len(deployments)} deployments" if len(deployments) > 1 else ""
    return f"{'The' if len(judged) == 1 else 'All'} {text.count(len(judged), 'gate')}{where} hold{'s' * (len(judged) == 1)}: {', '.join(figures)}"


def _tested(deployments: Sequence[DeploymentReport]) -> str:
    """What passed where tests alone judge."""
    tests = sum(len(cell.result.tests) for d in deployments for cell in d.cells if cell.role is Role.CANDIDATE)
    return f"{'The test passes' if tests == 1 else f'All {tests} tests pass'}, and no metric is a gate"


def _first_of_each_family(judged: Sequence[Comparison]) -> list[Comparison]:
    firsts = {c.family: c for c in reversed([c for c in judged if not c.slice])}
    chosen = [firsts[family] for family in text.FAMILIES if family in firsts]
    return chosen[:_DECISIVE]


def _whose(comparison: Comparison, deployments: Sequence[DeploymentReport]) -> str:
    return f"{comparison.deployment}'s " if len(deployments) > 1 else ""


def _with_difference(comparison: Comparison) -> str:
    figures = text.figures(comparison)
    extra = " ".join(part for part in (figures.difference, figures.interval) if part and part != text.MISSING)
    name = text.metric_name(comparison.metric, comparison.slice)
    return f"{name} {figures.change}{f' ({extra})' if extra else ''}"


def _trouble(deployment: DeploymentReport, verdict: Verdict) -> str:
    decided = next((c for c in gates(deployment) if c.verdict is verdict), None)
    broken = _most_telling_failure(deployment)
    if broken is not None and (verdict is Verdict.ERROR or decided is None or broken.role is Role.CANDIDATE):
        return failure_sentence(broken).rstrip(". ")
    if decided is None:
        return f"{deployment.name}: {next(iter(deployment.reasons), 'nothing was judged')}".rstrip(". ")
    return _about(deployment, decided, verdict)


def _most_telling_failure(deployment: DeploymentReport) -> CellSummary | None:
    """The candidate's failure before the baseline's, and both before a mixed version's."""
    broken = [cell for cell in deployment.cells if cell.result.failure is not None]
    order = (Role.CANDIDATE, Role.BASELINE, Role.MIXED)
    return min(broken, key=lambda cell: order.index(cell.role), default=None)


def _about(deployment: DeploymentReport, comparison: Comparison, verdict: Verdict) -> str:
    figures = text.figures(comparison)
    name = text.metric_name(comparison.metric, comparison.slice)
    if comparison.baseline is None or comparison.candidate is None:
        return f"{deployment.name}'s {name} has no figure: {comparison.reason or 'no data'}".rstrip(". ")
    interval = f", {comparison.interval.confidence:.0%} interval {figures.interval}" if comparison.interval else ""
    told = f"{deployment.name}'s {name} went {figures.change} ({figures.difference}{interval})"
    if verdict is Verdict.INCONCLUSIVE:
        open_ = text.needs(comparison)
        return f"{told}, not settled against {figures.held or 'its margin'}{f': it {open_}' if open_ else ''}"
    if verdict is Verdict.FAIL and figures.held:
        return f"{told}; allowed: {figures.held}"
    return f"{told}; {comparison.reason}".rstrip("; .")
