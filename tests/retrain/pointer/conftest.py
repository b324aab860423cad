"""A repository for each test, copied from one that is made once."""

import shutil
from pathlib import Path

import pytest

from tests.retrain.pointer import repositories
from tests.retrain.pointer.repositories import World


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, as it was made; skips where DVC is missing."""
    if not repositories.DVC.is_file():
        pytest.skip("dvc is missing: pip install dvc")
    return repositories.make(tmp_path_factory.mktemp("repository")).root


@pytest.fixture
def world(template: Path, tmp_path: Path) -> World:
    """A copy of it."""
    shutil.copytree(template, tmp_path / "world")
    return World(tmp_path / "world")
