"""Writes a report's files: each beside its place first and renamed when it is whole, so that nobody reads half of one."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from seatrial.files import write_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Where the three forms are."""

    json: Path
    markdown: Path
    html: Path


def write_forms(record: object, folder: Path, *, markdown: str, html: str) -> ReportFiles:
    """Write `report.json`, `report.md` and `report.html` into `folder`, over those that are there. Raises OSError."""
    files = ReportFiles(json=folder / "report.json", markdown=folder / "report.md", html=folder / "report.html")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(files.json, msgspec.json.format(msgspec.json.encode(record), indent=2))
    write_whole(files.markdown, markdown.encode("utf-8", "replace"))
    write_whole(files.html, html.encode("utf-8", "replace"))
    return files
