"""Small fitted models, and the files that people keep them in."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seatrial.serve.loaders import Opened, open_model
from seatrial.serve.loaders.packages import require
from seatrial.serve.options import ServeOptions

Floats = NDArray[np.float64]
pandas = require("pandas", install="pandas")
joblib = require("joblib", install="joblib")

NAMES = ("alcohol", "density", "pH")
ROWS = 60


@cache
def numbers() -> Floats:
    """Rows of three numbers."""
    return np.random.default_rng(7).normal(size=(ROWS, len(NAMES)))


@cache
def targets() -> Floats:
    """A linear function of them."""
    return np.asarray(numbers() @ np.array([2.0, -1.0, 0.5]) + 3.0)


@cache
def labels() -> NDArray[np.str_]:
    """Three classes of wine."""
    return np.array(["bad", "fair", "good"])[np.digitize(targets(), [2.0, 4.0])]


@cache
def counted_labels() -> NDArray[np.int64]:
    """The same classes as 0, 1 and 2."""
    return np.digitize(targets(), [2.0, 4.0]).astype(np.int64)


def frame() -> Any:
    """The numbers under their names."""
    return pandas.DataFrame(numbers(), columns=list(NAMES))


def mixed_frame() -> Any:
    """Numbers, some of which are missing, and two columns of text, one of which has missing values."""
    data = frame()
    data["color"] = np.where(numbers()[:, 0] > 0, "red", "white")
    data["note"] = pandas.Series(np.where(numbers()[:, 1] > 0, "dry", "sweet")).astype(object)
    data.loc[3:6, "note"] = np.nan
    data.loc[1:2, "pH"] = np.nan
    return data


def mixed_pipeline() -> Pipeline:
    """Columns selected by name: imputed numbers, a strict encoder, and one that takes anything."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(NAMES)),
            ("color", OneHotEncoder(), ["color"]),
            (
                "note",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                ["note"],
            ),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(mixed_frame(), labels())


def ridge() -> Ridge:
    """A regressor without names."""
    return Ridge().fit(numbers(), targets())


def dump(model: object, path: Path) -> Path:
    """A joblib file."""
    joblib.dump(model, path)
    return path


def opened(model: str | Path, **options: Any) -> Opened:
    """The model as the server opens it."""
    return open_model(ServeOptions(model=str(model), **options))


def answers(model: Opened, batch: Any) -> Any:
    """What it answers at once."""
    return model.predictor.predict(batch)


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """A directory with these texts."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory
