"""Puts the forms of the report of a release where people find them."""

from pathlib import Path

from seatrial.pages.forms import ReportFiles, write_forms
from seatrial.records import ReleaseReport
from seatrial.release.report.html import render_html
from seatrial.release.report.markdown import render_markdown


def write_report(report: ReleaseReport, folder: Path) -> ReportFiles:
    """Write `report.json`, `report.md` and `report.html` into `folder`, over those that are there. Raises OSError."""
    return write_forms(report, folder, markdown=render_markdown(report), html=render_html(report))
