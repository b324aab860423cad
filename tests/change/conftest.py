"""Real git repositories in temporary folders, shielded from this machine's settings."""

import os
from pathlib import Path

import pytest

from tests.change.repositories import Work, init

_ISOLATED = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in _ISOLATED.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def empty(tmp_path: Path) -> Work:
    """A repository without any commit."""
    return init(tmp_path / "work")


@pytest.fixture
def work(empty: Work) -> Work:
    """A repository whose branch `main` holds one commit with a small project."""
    empty.commit({"app.py": "one\n", "data/train.csv": "a,b\n", "models/m.bin": "m\n", "requirements.txt": "numpy\n"})
    return empty
