"""Real git repositories in temporary folders, shielded from this machine's settings and from the service that runs the tests."""

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
_OF_SERVICES = (
    "GITHUB_",
    "CI_",
    "BUILD_",
    "BITBUCKET_",
    "CIRCLE_",
    "BRANCH_NAME",
    "GIT_BRANCH",
    "CHANGE_ID",
    "DATABRICKS_",
)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(_OF_SERVICES)]:
        monkeypatch.delenv(name)
    for name, value in _ISOLATED.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def empty(tmp_path: Path) -> Work:
    """A repository without any commit."""
    return init(tmp_path / "work")


@pytest.fixture
def work(empty: Work) -> Work:
    """A repository whose branch `main` holds one commit with a little code."""
    empty.commit({"src/app.py": "one\n", "src/lib/util.py": "two\n", "README.md": "three\n"})
    return empty
