"""`report.html`: one self-contained page (`seatrial.pages`)."""

from functools import cache
from pathlib import Path

from jinja2 import Environment

from seatrial.pages import environment, frame
from seatrial.records import Report, Verdict
from seatrial.trial.report import charts, outcomes, tables
from seatrial.trial.report.sentence import headline
from seatrial.wording import verdicts

_OPEN_UP_TO = 3


def render_html(report: Report) -> str:
    """The report as one HTML page."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        **frame(),
        report=report,
        headline=headline(report),
        opened={d.name for d in report.deployments if _opened(report, d.verdict)},
        broken=verdicts.broken_cells(report),
        charts_of=charts.of_deployment,
    )


def _opened(report: Report, verdict: Verdict) -> bool:
    """Few deployments are all unfolded; of many only those that need a look."""
    return len(report.deployments) <= _OPEN_UP_TO or verdict is not Verdict.PASS


@cache
def _environment() -> Environment:
    made = environment(Path(__file__).parent / "templates")
    made.globals.update(tables=tables, verdicts=verdicts, outcomes=outcomes, charts=charts)
    return made
