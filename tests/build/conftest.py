"""What the tests of building share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stacks


@pytest.fixture
def commands() -> Commands:
    """Runs real commands."""
    return Commands(SystemClock(), run="test-run")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def stacks(tmp_path: Path, commands: Commands) -> Stacks:
    """Stacks in a cache of this test's own."""
    return Stacks(tmp_path / "stacks", commands, os.environ)


@pytest.fixture
def write(project: Path) -> Callable[[str, str], Path]:
    """Writes a file of the project."""

    def write_file(name: str, text: str) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_file
