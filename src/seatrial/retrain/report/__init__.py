"""The report of a retraining: one record, and the forms that people read."""

from seatrial.retrain.report.html import render_html
from seatrial.retrain.report.markdown import render_markdown
from seatrial.retrain.report.write import write_report

__all__ = ["render_html", "render_markdown", "write_report"]
