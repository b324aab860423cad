"""Models and running servers for the tests of the whole server."""

from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.serve.running import Server, serving

FIELDS = 3
CLASSES = '''"""Models that tests ask."""

import os
import time
from pathlib import Path


class Doubled:
    """Twice the number; made quick to load."""

    def predict(self, batch):
        return [2 * row["n"] for row in batch]


class Patient:
    """Is loaded when the test says so."""

    def load(self):
        while not Path("go").exists():
            time.sleep(0.01)

    def predict(self, batch):
        return batch


class Slow:
    """Takes 20 ms a call, whatever its size."""

    def predict(self, batch):
        time.sleep(0.02)
        return [os.getpid() for _ in batch]


class Unknown(LookupError):
    """Nobody of that name."""

    status = 404


class Fragile:
    """Fails on some rows, and says so of others."""

    def predict(self, batch):
        for row in batch:
            if row == "poison":
                raise RuntimeError("secret")
            if row == "nobody":
                raise Unknown("there is no such user")
        return batch
'''


@pytest.fixture(scope="session")
def ridge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted ridge of three fields: y = a + 2 b + 3 c."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(200, FIELDS))
    path = tmp_path_factory.mktemp("models") / "ridge.joblib"
    joblib.dump(Ridge(alpha=1e-9).fit(rows, rows @ [1.0, 2.0, 3.0]), path)
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder with `models.py`, whose classes are served as `models:Name`."""
    (tmp_path / "models.py").write_text(CLASSES)
    return tmp_path


@pytest.fixture(scope="module")
def served(ridge: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The ridge, served; tests of a module share it."""
    with serving(tmp_path_factory.mktemp("served"), str(ridge)) as server:
        yield server
