"""The files of a promotion that people and CI servers read: the one JUnit XML, and copies of the reports."""

from collections.abc import Sequence
from pathlib import Path

from seatrial.promotion.junit import render_promotions
from seatrial.records import PromotionResult, Report
from seatrial.trial.report.write import write_file, write_reports

JUNIT = "junit.xml"
Told = Sequence[tuple[PromotionResult, Report | None]]


def write_junit(told: Told, folder: Path) -> None:
    """Write `junit.xml` into `folder`, which is made if missing. Raises UsageError or PermanentError if it can't be."""
    write_file(folder / JUNIT, render_promotions(told))


def write_copies(told: Told, folder: Path) -> None:
    """Write `junit.xml` of all, and the reports of each in `MODEL-vN/`; git ignores a folder that is made here.

    The trials' own `junit.xml` are not among them: the promotion's holds the same cases, and a CI server that collects
    every `junit.xml` would count them twice. Raises as `write_junit`.
    """
    if not folder.exists():
        write_file(folder / ".gitignore", b"*\n")
    write_junit(told, folder)
    for result, report in told:
        if report is not None:
            write_reports(report, folder / f"{result.model}-v{result.number}").junit.unlink(missing_ok=True)
