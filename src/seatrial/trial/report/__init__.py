"""The report: one record, four files. `write_reports` is what the trial calls; each form is a pure function of the record."""

from seatrial.trial.report.html import render_html
from seatrial.trial.report.json import encode_report, load_report
from seatrial.trial.report.junit import render_junit
from seatrial.trial.report.markdown import render_markdown
from seatrial.trial.report.sentence import compose_headline, headline
from seatrial.trial.report.write import ReportPaths, write_reports
from seatrial.wording.rows import rows

__all__ = [
    "ReportPaths",
    "compose_headline",
    "encode_report",
    "headline",
    "load_report",
    "render_html",
    "render_junit",
    "render_markdown",
    "rows",
    "write_reports",
]
