"""`seatrial trial` tells receivers too, and knows nothing of the engine where there are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.projects import CONFIG, make_project
from tests.workflows.projects import Project, receiver


@pytest.mark.slow
def test_a_trial_tells_its_receivers(tmp_path: Path) -> None:
    """With the verdict and the report; its exit code is the verdict's, whether they can be reached or not."""
    with receiver() as hook:
        project = Project(make_project(tmp_path / "project", config=f"{CONFIG}{hook.config}"))
        done = _trial(project)
        run = project.runs()[-1]

        assert 0 == done.returncode, done.stderr
        assert [f"trial:{run.id}"] == hook.keys()
        hook.down = True
        assert 0 == _trial(project).returncode


@pytest.mark.slow
def test_a_trial_that_nobody_wants_to_hear_of_loads_no_engine(tmp_path: Path) -> None:
    """Neither without receivers nor with one that only wants promotions."""
    config = f"{CONFIG}notify:\n  - {{name: hook, url: 'log://', events: [promotion]}}\n"
    project = Project(make_project(tmp_path / "project", config=config))
    done = _trial(project, PYTHONPROFILEIMPORTTIME="1")

    assert 0 == done.returncode
    assert "seatrial.trial.run" in done.stderr
    assert "dbos" not in done.stderr


def _trial(project: Project, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seatrial", "trial", str(project.folder)]
    return subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False
    )
