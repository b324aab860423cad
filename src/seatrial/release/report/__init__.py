"""The report of a release: one record, and the forms that people read."""

from seatrial.release.report.build import Seen, build_report
from seatrial.release.report.html import render_html
from seatrial.release.report.markdown import render_markdown
from seatrial.release.report.write import write_report

__all__ = ["Seen", "build_report", "render_html", "render_markdown", "write_report"]
