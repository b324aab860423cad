"""The made-up world of examples/movie-recommender, and how well a model file would do in it at any moment.

For simulations of weeks: what a loop has trained is held against what users think on that day, which the stream doesn't
tell.
"""

import importlib.util
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from uv import find_uv_bin

EXAMPLE = Path(__file__).parents[2] / "examples" / "movie-recommender"
_FOR_JUDGING = 9
_LEFT_OUT = shutil.ignore_patterns(".seatrial", "__pycache__", "stream", "model.npz")


@cache
def module(name: str) -> ModuleType:
    """`world` or `model` of the example, which need numpy alone."""
    known = f"movie_recommender_{name}"
    spec = importlib.util.spec_from_file_location(known, EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[known] = found
    spec.loader.exec_module(found)
    return found


def make_world(seed: int = 0) -> Any:
    """A `World`: `events(start, end, rate)`, `bad_batch(start, end, rate, kind=…)`, `ratings(…)`, `truth(user, movie, time)`."""
    return module("world").World(seed)


def epoch() -> datetime:
    """When the world's first new users come; before that nothing does but its tastes."""
    found: datetime = module("world").EPOCH
    return found


def open_model(path: Path) -> Any:
    """A `Model` of the example, from its file."""
    return module("model").Model.load(path)


def live_rmse(model: Path, world: Any, at: datetime, *, count: int = 2_000, days: float = 1.0) -> float:
    """What users would say of a model from `at` on: the error of its ratings against theirs, which are in no stream.

    Args:
        model: the file that was trained.
        world: that the stream is of.
        at: with a time zone.
        count: of ratings.
        days: that they are spread over.
    """
    return rmse(open_model(model), world.ratings(at, at + timedelta(days=days), count, stream=_FOR_JUDGING))


def rmse(model: Any, ratings: Any) -> float:
    """Root mean squared error of a model's ratings."""
    said = model.rate([str(each.user) for each in ratings], [each.movie for each in ratings])
    return float(np.sqrt(np.mean((said - np.array([each.rating for each in ratings])) ** 2)))


def copy_example(target: Path) -> Path:
    """The example's files in a folder of their own."""
    return Path(shutil.copytree(EXAMPLE, target, ignore=_LEFT_OUT))


def make_stack(folder: Path) -> Path:
    """The Python of a new environment with what the example's `requirements.txt` says; without seatrial."""
    uv, python = find_uv_bin(), folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, "-r", EXAMPLE / "requirements.txt"],
    ):
        subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    return python
