"""Puts the forms of the report of a run where people find them."""

from pathlib import Path

from seatrial.pages.forms import ReportFiles, write_forms
from seatrial.records import RetrainResult
from seatrial.retrain.report.html import render_html
from seatrial.retrain.report.markdown import render_markdown


def write_report(result: RetrainResult, folder: Path) -> ReportFiles:
    """Write `report.json`, `report.md` and `report.html` into `folder`, over those that are there. Raises OSError."""
    return write_forms(result, folder, markdown=render_markdown(result), html=render_html(result))
