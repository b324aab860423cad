"""What a run leaves in its folder: its report, its logs and its dead lines. All else can be had again from the store.

A dataset of gigabytes would otherwise lie there once a run, three times over.
"""

import shutil
from pathlib import Path
from typing import Final

from seatrial.records import RetrainResult

_FOLDERS: Final = ("versions", "candidate")
_FILES: Final = ("dataset.parquet", "predictions-candidate.*", "predictions-baseline.*")


def clear_away(result: RetrainResult, folder: Path) -> None:
    """Remove what was only on the way; done again it is the same. Of a run that broke everything is worth a look."""
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for pattern in _FILES:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    for name in _rows(result):
        if name and Path(name).is_relative_to(folder):
            Path(name).unlink(missing_ok=True)


def _rows(result: RetrainResult) -> tuple[str, ...]:
    """Files of rows that the steps handed to each other."""
    collected, checked, split = result.collected, result.checked, result.split
    return (
        *((collected.file,) if collected is not None else ()),
        *((checked.good_file, checked.bad_file) if checked is not None else ()),
        *((split.train_file, split.test_file, split.truth_file) if split is not None else ()),
    )
