"""Putting the report's files on disk: each whole or not at all, the record first, and a full disk told plainly."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatrial.files import write_whole
from seatrial.records import PermanentError, Report, SeatrialError, UsageError
from seatrial.trial.report.html import render_html
from seatrial.trial.report.json import encode_report
from seatrial.trial.report.junit import render_junit
from seatrial.trial.report.markdown import render_markdown

READABLE = 0o644
_MENDABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where the four files of a report lie."""

    json: Path
    markdown: Path
    html: Path
    junit: Path


def write_reports(report: Report, directory: Path) -> ReportPaths:
    """Write `report.json`, `report.md`, `junit.xml` and `report.html` into `directory`, which is made if missing.

    A file that is there already is replaced in one step; one that can't be written is left as it was.

    Raises:
        UsageError: the directory can't be written to (permissions, a file in its place).
        PermanentError: the disk is full or broken. Both say which files were written.
    """
    paths = ReportPaths(
        json=directory / "report.json",
        markdown=directory / "report.md",
        html=directory / "report.html",
        junit=directory / "junit.xml",
    )
    forms: list[tuple[Path, Callable[[], bytes]]] = [
        (paths.json, lambda: encode_report(report)),
        (paths.markdown, lambda: render_markdown(report).encode("utf-8", "replace")),
        (paths.junit, lambda: render_junit(report)),
        (paths.html, lambda: render_html(report).encode("utf-8", "replace")),
    ]
    written: list[str] = []
    path = directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, render in forms:
            write_whole(path, render(), mode=READABLE)
            written.append(path.name)
    except OSError as error:
        raise _told(error, path, written) from error
    return paths


def write_file(path: Path, data: bytes) -> None:
    """Write one file of a report as a whole, its folder made if missing. Raises as `write_reports` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data, mode=READABLE)
    except OSError as error:
        raise _told(error, path, []) from error


def _told(error: OSError, path: Path, written: list[str]) -> SeatrialError:
    done = f"written so far: {', '.join(written)}" if written else "no report was written"
    what = f"can't write the report: {(error.strerror or str(error)).lower()} ({done})"
    if error.errno in _FULL:
        remedy = "free some space, then print the trial again with `seatrial show`, or give another folder with --out"
        return PermanentError(what, where=str(path), remedy=remedy)
    if error.errno in _MENDABLE:
        return UsageError(what, where=str(path), remedy="make the folder writable, or give another one with --out")
    return PermanentError(what, where=str(path), remedy="give another folder with --out")
