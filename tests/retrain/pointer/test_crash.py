"""Killed anywhere on its way, and begun again: one commit, and a clean checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.retrain.pointer.repositories import SPEC, World

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from tests.retrain.pointer.repositories import SPEC, World
World(Path(sys.argv[1])).point(int(sys.argv[2]), SPEC)
"""
POINTS = [
    ("dvc", " add "),
    ("dvc", " push "),
    ("git", " commit-tree "),
    ("git", " push "),
    ("git", " update-ref "),
]


def killed(world: World, number: int) -> int:
    """The exit status of a process that keeps a version, and is killed by the shim."""
    command = [sys.executable, "-c", PROGRAM, str(world.root), str(number)]
    return subprocess.run(command, cwd=ROOT, env=world.environ, capture_output=True, check=False).returncode


@pytest.mark.slow
def test_a_killed_run_that_is_begun_again_makes_one_commit(world: World) -> None:
    """Right after each command that changes something, one version a command."""
    for number, (program, words) in enumerate(POINTS, start=1):
        world.shim(program, words, after="kill -9 $PPID")
        assert -9 == killed(world, number)
        found = world.point(number, SPEC)

        assert found == world.point(number, SPEC)
        assert found.commit == world.git("rev-parse", "origin/main")
        assert (found.commit, "") == (world.git("rev-parse", "HEAD"), world.git("status", "--short"))
        assert [f"Point data/ratings.parquet to ratings@{each}" for each in range(number, 0, -1)] == world.git(
            "log", "--format=%s", "HEAD", "--", "data/ratings.parquet.dvc"
        ).splitlines()
        for each in (world.root / "shims").iterdir():
            each.unlink()
