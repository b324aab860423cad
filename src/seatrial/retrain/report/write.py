"""Writes the report's files: each beside its place first and renamed when it is whole, so that nobody reads half of one."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from seatrial.files import write_whole
from seatrial.records import RetrainResult
from seatrial.retrain.report.html import render_html
from seatrial.retrain.report.markdown import render_markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where the three forms are."""

    json: Path
    markdown: Path
    html: Path


def write_report(result: RetrainResult, folder: Path) -> ReportPaths:
    """Write `report.json`, `report.md` and `report.html` of a run into `folder`, over those that are there. Raises OSError."""
    paths = ReportPaths(json=folder / "report.json", markdown=folder / "report.md", html=folder / "report.html")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(paths.json, msgspec.json.format(msgspec.json.encode(result), indent=2))
    write_whole(paths.markdown, render_markdown(result).encode("utf-8", "replace"))
    write_whole(paths.html, render_html(result).encode("utf-8", "replace"))
    return paths
