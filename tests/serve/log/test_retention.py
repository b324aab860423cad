"""What is old is deleted, and nothing else."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from seatrial.serve.log.places import Directory
from seatrial.serve.log.retention import expire
from tests.serve.log.makers import DAY, NOON

MIDNIGHT = NOON + DAY / 2


def put(folder: Path, path: str, modified: float) -> None:
    """A file of that age."""
    Directory(folder).write(path, b"")
    os.utime(folder / path, (modified, modified))


@pytest.mark.parametrize(
    ("modified", "now", "kept"),
    [
        (NOON, NOON + 7 * DAY - 1, True),
        (NOON, NOON + 7 * DAY + 1, False),
        (NOON + 20 * DAY, MIDNIGHT + 7 * DAY - 1, True),
        (NOON + 20 * DAY, MIDNIGHT + 7 * DAY + 1, False),
    ],
    ids=["young", "old", "compacted late, date not over", "compacted late, date over"],
)
def test_a_segment_goes_when_its_youngest_row_is_old(
    tmp_path: Path, modified: float, now: float, *, kept: bool
) -> None:
    """Its rows are at least as old as the file, and as the end of its date."""
    put(tmp_path, "predictions/date=2026-11-21/w-000001-000001.parquet", modified)
    assert int(not kept) == expire(Directory(tmp_path), 7, now)
    assert kept == (tmp_path / "predictions/date=2026-11-21").exists()


def test_labels_go_too_and_other_files_stay(tmp_path: Path) -> None:
    """Only segments of the log are ever deleted."""
    put(tmp_path, "labels/date=2026-11-21/w-000001-000001.parquet", NOON)
    put(tmp_path, "predictions/date=2026-11-21/notes.txt", NOON)
    put(tmp_path, "predictions/w-000001-000001.parquet", NOON)
    assert 1 == expire(Directory(tmp_path), 7, NOON + 30 * DAY)
    assert ["notes.txt", "w-000001-000001.parquet"] == sorted(path.name for path in tmp_path.rglob("*.*"))


def test_parts_go_before_the_segment_that_holds_them(tmp_path: Path) -> None:
    """So that a crash in between does not bring them back to light."""
    for name in ("000001-000032", "000002-000002", "000001-000001"):
        put(tmp_path, f"predictions/date=2026-11-21/w-{name}.parquet", NOON)
    deleted: list[str] = []

    class Noting(Directory):
        def delete(self, paths: Sequence[str]) -> None:
            deleted.extend(path.rpartition("/")[2] for path in paths)
            super().delete(paths)

    expire(Noting(tmp_path), 7, NOON + 30 * DAY)
    assert "w-000001-000032.parquet" == deleted[-1]
