"""The verdict table: one row per judged metric, as text. The terminal and notices lay it out, each in its own way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seatrial.records import Comparison, DeploymentReport, Report, Verdict
from seatrial.wording import text
from seatrial.wording.verdicts import failure_sentence, gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One judged metric of one deployment as text; `metric` is empty for a deployment without any figure."""

    deployment: str
    metric: str
    verdict: Verdict | None
    symbol: str
    change: str = ""
    difference: str = ""
    interval: str = ""
    held: str = ""
    note: str = ""


def rows(report: Report) -> tuple[Row, ...]:
    """One row per judged metric, deployments in their order, the worst verdict of each first.

    A deployment without any judged metric (it broke before) still has one row, whose note says why.
    """
    return tuple(row for deployment in report.deployments for row in _rows_of(deployment))


def judged_rows(comparisons: Sequence[Comparison]) -> tuple[Row, ...]:
    """One row per judged metric, the worst verdict first."""
    judged = [comparison for comparison in comparisons if comparison.verdict is not None]
    return tuple(map(_row_of, sorted(judged, key=lambda c: -c.verdict.severity if c.verdict else 0)))


def _rows_of(deployment: DeploymentReport) -> Iterable[Row]:
    judged = gates(deployment)
    broken = [cell for cell in deployment.cells if cell.result.failure is not None]
    if broken or not judged:
        note = failure_sentence(broken[0]) if broken else next(iter(deployment.reasons), "nothing was judged")
        yield Row(
            deployment=deployment.name,
            metric="",
            verdict=deployment.verdict,
            symbol=text.symbol(deployment.verdict),
            note=note,
        )
    yield from judged_rows(judged)


def _row_of(comparison: Comparison) -> Row:
    figures = text.figures(comparison)
    return Row(
        deployment=comparison.deployment,
        metric=text.metric_name(comparison.metric, comparison.slice),
        verdict=comparison.verdict,
        symbol=text.symbol(comparison.verdict),
        change=figures.change,
        difference=figures.difference,
        interval=figures.interval,
        held=figures.held,
        note=text.needs(comparison) or ("" if comparison.verdict is Verdict.PASS else comparison.reason),
    )
