"""The comment of the AICoE pipeline, made from a report: its headings, its sentences, its columns, one row a deployment.

Whoever reads or parses that comment today goes on as before. What it lacked stands below its three tables and never among
them: the verdict, and each figure beside that of this pull request's own baseline. A deployment that failed has its row in
every table, and a further column says how it failed. However many deployments there are, all are shown.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from seatrial.aicoe.gathered import Facts, Row, Value, rows
from seatrial.records import Comparison, DeploymentReport, Report
from seatrial.wording import text
from seatrial.wording.inert import SIGNS, prose, table

_HEADING: Final = "# AICoE CI results"
_INPUTS: Final = "The following table shows info about test used to gather metrics."
_METRICS: Final = "The following table shows gathered metrics for model and application on your deployed models."
_PLATFORM: Final = "The following table shows gathered metrics from platform on your deployed models."
_VERSION: Final = "model_version"
_TEST_URL: Final = "test URL"
_NAMESPACE: Final = "namespace deployment"
_FAILURE: Final = "failure"
_PLAIN_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._-]+)*")


def render_aicoe(report: Report, facts: Facts) -> str:
    """The report as the AICoE pipeline's comment, in Markdown.

    Args:
        report: of one trial.
        facts: what the report does not say: the repository, the pull request, what a Prometheus told.
    """
    found = rows(report, facts)
    parts = [
        _HEADING,
        "## Test inputs",
        _INPUTS,
        _inputs(found),
        "## Model and application metrics",
        _METRICS,
        _metrics(found),
        "## Platform metrics",
        _PLATFORM,
        _platform(found),
        "## Comparison with the baseline",
        _verdict(report),
        _compared(report, found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _inputs(found: Sequence[Row]) -> str:
    several = len(found) > 1
    heads = [_TEST_URL, _NAMESPACE, *([_VERSION] if several else [])]
    lines = [
        [_url(row.test_url), prose(row.namespace), *([prose(row.model_version)] if several else [])] for row in found
    ]
    return table(heads, lines)


def _metrics(found: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in found for name in row.metrics if name != _VERSION))
    several = [_TEST_URL, _NAMESPACE] if len(found) > 1 else []
    heads = [*(prose(name) for name in names), _VERSION, *several, *_failure_head(found)]
    lines = [
        [
            *(_figure(row.metrics.get(name), row.units.get(name, "")) for name in names),
            prose(row.model_version),
            *([_url(row.test_url), prose(row.namespace)] if several else []),
            *_failure_cell(row, found),
        ]
        for row in found
    ]
    return table(heads, lines, right=frozenset(range(len(names))))


def _platform(found: Sequence[Row]) -> str:
    heads = ["CPU max usage", "Memory max usage", _VERSION, *_failure_head(found)]
    lines = [
        [_figure(row.cpu), prose(row.memory), prose(row.model_version), *_failure_cell(row, found)] for row in found
    ]
    return table(heads, lines, right=frozenset({0, 1}))


def _failure_head(found: Sequence[Row]) -> list[str]:
    return [_FAILURE] if any(row.failure for row in found) else []


def _failure_cell(row: Row, found: Sequence[Row]) -> list[str]:
    return [prose(row.failure)] if _failure_head(found) else []


def _figure(value: Value | None, unit: str = "") -> str:
    """A figure as the field's tables show it: six digits, or with its unit where it has one."""
    if value is None or isinstance(value, str):
        return prose(value or "")
    return prose(text.quantity(value, unit)) if unit else f"{value:.6g}"


def _url(value: str) -> str:
    """An address that nothing can hide in stays one that can be followed; anything else is words."""
    return value if _PLAIN_URL.fullmatch(value) else prose(value)


def _verdict(report: Report) -> str:
    baseline = report.change.baseline
    name = baseline.described or baseline.commit or baseline.url or baseline.name
    unfinished = "" if report.complete else " The trial was interrupted: this is what it had seen."
    return f"{SIGNS[report.verdict]} **{report.verdict.value}**: {prose(report.headline, 600)}{unfinished} Baseline: {prose(name)}."


def _compared(report: Report, found: Sequence[Row]) -> str:
    """The judged figures and those of the tables above, beside the baseline's; a deployment without any keeps a row."""
    heads = [_VERSION, "metric", "baseline → candidate", "difference", "verdict"]
    lines: list[list[str]] = []
    for row, deployment in zip(found, report.deployments, strict=True):
        figures = [_compared_line(row, each) for each in deployment.comparisons if _belongs(each, row.metrics)]
        lines += figures or [_line_without_figures(row, deployment)]
    return table(heads, lines)


def _belongs(comparison: Comparison, metrics: Mapping[str, Value]) -> bool:
    return comparison.verdict is not None or (not comparison.slice and comparison.metric in metrics)


def _compared_line(row: Row, comparison: Comparison) -> list[str]:
    figures = text.figures(comparison)
    judged = (
        f"{SIGNS[comparison.verdict]} {comparison.verdict.value}" if comparison.verdict is not None else text.MISSING
    )
    name = text.metric_name(comparison.metric, comparison.slice)
    difference = f"{figures.difference} {figures.interval}".strip()
    return [prose(row.model_version), prose(name), prose(figures.change), prose(difference), judged]


def _line_without_figures(row: Row, deployment: DeploymentReport) -> list[str]:
    why = row.failure or next(iter(deployment.reasons), "")
    judged = f"{SIGNS[deployment.verdict]} {deployment.verdict.value}"
    return [prose(row.model_version), text.MISSING, prose(why), text.MISSING, judged]
