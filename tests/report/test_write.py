"""Writing the files: whole or not at all, and plain words when it can't be done."""

import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.records import PermanentError, UsageError
from seatrial.trial.report import encode_report, load_report, write_reports
from tests.report import builders


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """While it lasts no file of this process can grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_four_files_are_written_into_a_new_folder(tmp_path: Path) -> None:
    """The folder is made; nothing else is left in it."""
    report = builders.report()
    paths = write_reports(report, tmp_path / "new" / "folder")
    assert {p.name for p in (tmp_path / "new" / "folder").iterdir()} == {
        "report.json",
        "report.md",
        "report.html",
        "junit.xml",
    }
    assert load_report(paths.json.read_bytes()) == report
    assert paths.markdown.read_text().startswith("## ✅ Pass")
    assert paths.html.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(paths.html.stat().st_mode) & 0o444 == 0o444


def test_a_full_disk_is_told_and_leaves_the_earlier_files_whole(tmp_path: Path) -> None:
    """The page doesn't fit; record, Markdown and JUnit do, and the old page is as it was."""
    report = builders.report()
    (tmp_path / "report.html").write_text("old")
    with files_of_at_most(200_000), pytest.raises(PermanentError) as caught:
        write_reports(report, tmp_path)
    assert "written so far: report.json, report.md, junit.xml" in caught.value.what
    assert caught.value.where == str(tmp_path / "report.html")
    assert "free some space" in caught.value.remedy
    assert (tmp_path / "report.html").read_text() == "old"
    assert load_report((tmp_path / "report.json").read_bytes()) == report
    assert {p.name for p in tmp_path.iterdir()} == {"report.json", "report.md", "report.html", "junit.xml"}


def test_a_disk_that_is_full_from_the_start_says_that_nothing_was_written(tmp_path: Path) -> None:
    """No half a file either."""
    with files_of_at_most(100), pytest.raises(PermanentError, match="no report was written"):
        write_reports(builders.report(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    """It names the path and what to do."""
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError) as caught:
        write_reports(builders.report(), tmp_path / "out")
    assert caught.value.where == str(tmp_path / "out")
    assert "--out" in caught.value.remedy


def test_a_folder_in_place_of_a_file_is_a_usage_error(tmp_path: Path) -> None:
    """What was written before it is named and whole."""
    (tmp_path / "report.md").mkdir()
    with pytest.raises(UsageError, match=r"written so far: report\.json") as caught:
        write_reports(builders.report(), tmp_path)
    assert caught.value.where == str(tmp_path / "report.md")
    assert {p.name for p in tmp_path.iterdir()} == {"report.json", "report.md"}


def test_writing_again_replaces_the_files(tmp_path: Path) -> None:
    """The second report is what is there."""
    write_reports(builders.report(), tmp_path)
    second = replace(builders.report(), run="second")
    write_reports(second, tmp_path)
    assert encode_report(second) == (tmp_path / "report.json").read_bytes()
