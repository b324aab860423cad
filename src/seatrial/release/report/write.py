"""Writes the report's files: each beside its place first and renamed when it is whole, so that nobody reads half of one."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from seatrial.files import write_whole
from seatrial.records import ReleaseReport
from seatrial.release.report.html import render_html
from seatrial.release.report.markdown import render_markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Where the three forms are."""

    json: Path
    markdown: Path
    html: Path


def write_report(report: ReleaseReport, folder: Path) -> ReportFiles:
    """Write `report.json`, `report.md` and `report.html` into `folder`, over those that are there. Raises OSError."""
    files = ReportFiles(json=folder / "report.json", markdown=folder / "report.md", html=folder / "report.html")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(files.json, msgspec.json.format(msgspec.json.encode(report), indent=2))
    write_whole(files.markdown, render_markdown(report).encode("utf-8", "replace"))
    write_whole(files.html, render_html(report).encode("utf-8", "replace"))
    return files
