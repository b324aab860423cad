"""Runs have folders of their own, and one that nobody holds any more shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.records import PermanentError
from seatrial.testing import FakeClock
from seatrial.trial.workspace import RunFolder, new_run, open_workspace

HOLD = """
import sys
from pathlib import Path
from seatrial.testing import FakeClock
from seatrial.trial.workspace import new_run, open_workspace
with new_run(open_workspace(Path(sys.argv[1])), FakeClock()) as folder:
    print(folder.id, flush=True)
    sys.stdin.read()
"""


def test_runs_that_begin_in_one_second_get_two_folders(tmp_path: Path) -> None:
    """Their names sort by time."""
    workspace, clock = open_workspace(tmp_path), FakeClock()
    with new_run(workspace, clock) as first, new_run(workspace, clock) as second:
        assert ["20260101-000000", "20260101-000000-2"] == [first.id, second.id]


def test_runs_of_two_projects_never_share_a_mark(tmp_path: Path) -> None:
    """What one trial stops or sweeps by its mark can't belong to another that began in the same second."""
    clock = FakeClock()
    with (
        new_run(open_workspace(tmp_path / "a"), clock) as first,
        new_run(open_workspace(tmp_path / "b"), clock) as second,
    ):
        assert first.id == second.id
        assert first.mark != second.mark


def test_git_leaves_the_workspace_alone(tmp_path: Path) -> None:
    """It ignores itself, so that nobody has to change their .gitignore."""
    assert "*\n" == (open_workspace(tmp_path).root / ".gitignore").read_text()


def test_a_run_is_held_while_its_process_lives_and_abandoned_after_kill_9(tmp_path: Path) -> None:
    """The kernel gives the lock back, whatever happened to the process."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    folder = open_workspace(tmp_path).run(holder.stdout.readline().strip())
    assert not folder.is_abandoned()
    holder.kill()
    holder.communicate()
    assert folder.is_abandoned()


def test_a_run_whose_folder_is_gone_is_abandoned(tmp_path: Path) -> None:
    """Somebody cleaned up by hand."""
    assert RunFolder(tmp_path / "nothing").is_abandoned()


def test_a_workspace_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """Here a file is in its place."""
    (tmp_path / ".seatrial").write_text("")
    with pytest.raises(PermanentError, match="can't be written") as caught:
        open_workspace(tmp_path)
    assert caught.value.remedy


def test_logs_of_oddly_named_cells_stay_in_the_run(tmp_path: Path) -> None:
    """No name of a cell leads out of the folder."""
    log = RunFolder(tmp_path).log("../../etc/passwd@baseline")
    assert tmp_path / "logs" == log.parent
    assert os.sep not in log.name
