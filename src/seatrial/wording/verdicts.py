"""What was judged and what broke: the few questions that every table, sentence and plot asks of a report."""

from seatrial.records import CellSummary, Comparison, DeploymentReport, Direction, Failure, Report
from seatrial.wording import text


def gates(deployment: DeploymentReport) -> tuple[Comparison, ...]:
    """The comparisons that count for the verdict."""
    return tuple(comparison for comparison in deployment.comparisons if comparison.verdict is not None)


def broken_cells(report: Report) -> tuple[CellSummary, ...]:
    """The cells that failed, in order."""
    return tuple(cell for d in report.deployments for cell in d.cells if cell.result.failure is not None)


def failure_sentence(cell: CellSummary) -> str:
    """`forest@candidate failed at start (exit status 1): no module named lightgbm`."""
    failure = cell.result.failure
    return f"{cell.cell} {describe_failure(failure)}" if failure else ""


def describe_failure(failure: Failure) -> str:
    """`failed at start (exit status 1): no module named lightgbm`."""
    return f"{failed_at(failure)}: {failure.message}"


def failed_at(failure: Failure | None) -> str:
    """`failed at start (exit status 1)`; empty for no failure."""
    if failure is None:
        return ""
    status = text.exit_status(failure.exit_status)
    return f"failed at {text.STAGES[failure.stage]}{f' ({status})' if status else ''}"


def worse_by(comparison: Comparison, value: float) -> float:
    """How much worse `value`, a difference candidate − baseline, makes it: positive is worse."""
    higher = comparison.gate is not None and comparison.gate.direction is Direction.HIGHER
    return -value if higher else value
