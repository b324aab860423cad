"""Fits the models that servers are asked about, and writes each to a file.

Run as a program in the peer's environment, with the folder as its argument, so that two servers open what one
scikit-learn wrote; hence it needs nothing of ours.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

NAMES = ("alcohol", "density", "pH")
CLASSES = ("bad", "fair", "good")
ROWS = 120


def main(folder: Path) -> None:
    """Write `NAME.joblib` for each model."""
    for name, model in models().items():
        joblib.dump(model, folder / f"{name}.joblib")


@cache
def models() -> dict[str, Any]:
    """The models by name.

    ridge, forest, pair: regressions of three numbers without names; `pair` has two targets.
    cluster: gives integers, and is no classifier.
    grade: a classifier of three named columns into 0, 1 and 2.
    sour: into true and false; its input may have gaps.
    wine: into three strings; a fourth column is a string as well.
    """
    numbers = np.random.default_rng(11).normal(size=(ROWS, len(NAMES)))
    target = numbers @ [2.0, -1.0, 0.5] + 3.0
    grade = np.digitize(target, [2.0, 4.0])
    named = pd.DataFrame(numbers, columns=list(NAMES))
    colored = named.assign(color=np.where(numbers[:, 0] > 0.2, "red", "white"))
    encoder = ColumnTransformer([("color", OneHotEncoder(), ["color"])], remainder="passthrough")
    return {
        "ridge": Ridge().fit(numbers, target),
        "forest": RandomForestRegressor(20, random_state=0).fit(numbers, target),
        "pair": Ridge().fit(numbers, np.column_stack([target, numbers[:, 0]])),
        "cluster": KMeans(3, n_init=2, random_state=0).fit(numbers),
        "grade": LogisticRegression().fit(named, grade),
        "sour": make_pipeline(SimpleImputer(), LogisticRegression()).fit(named.mask(named > 2), target > 3),
        "wine": make_pipeline(encoder, LogisticRegression()).fit(colored, np.array(CLASSES)[grade]),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
