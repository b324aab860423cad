"""The models that every server in the benchmark serves: trained by whichever scikit-learn stands in the environment.

Run as `python models.py FOLDER` in the environment of each server, so that a peer that needs another scikit-learn serves
what its own made; the data and all randomness come from seeds, so the models agree. Needs only what any server of
scikit-learn models has. Writes, for each model, `NAME.joblib`, and `expected.json` with 50 rows and the model's own
predictions for them, against which the answers are checked.

`constant` answers without computing, for whoever wants to see what the rest of a server costs.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

ROWS, FEATURES, TREES, CHECKED = 1300, 11, 100, 50
MEANS = (8.3, 0.53, 0.27, 2.5, 0.087, 15.9, 46.5, 0.9967, 3.31, 0.66, 10.4)
DEVIATIONS = (1.7, 0.18, 0.19, 1.4, 0.047, 10.5, 32.9, 0.0019, 0.15, 0.17, 1.1)


def main(folder: Path) -> None:
    """Train and write."""
    rows, scores = wines(np.random.default_rng(0))
    models = {
        "ridge": Ridge(),
        "forest": RandomForestRegressor(n_estimators=TREES, random_state=0),
        "constant": DummyRegressor(strategy="mean"),
    }
    asked = rows[:CHECKED]
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        model.fit(rows, scores)
        joblib.dump(model, folder / f"{name}.joblib")
    expected = {
        "stack": {module.__name__: module.__version__ for module in (sklearn, np, joblib)},
        "rows": asked.tolist(),
        "predictions": {name: model.predict(asked).tolist() for name, model in models.items()},
    }
    (folder / "expected.json").write_text(json.dumps(expected))


def wines(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features (ROWS, FEATURES) with the means and deviations of the red wines of Cortez et al. (2009), and scores."""
    shape = (ROWS, FEATURES)
    rows = np.round(np.abs(np.asarray(MEANS) + np.asarray(DEVIATIONS) * rng.normal(size=shape)), 4)
    standard = (rows - MEANS) / DEVIATIONS
    weights = np.array([0.05, -0.25, -0.04, 0.02, -0.09, 0.05, -0.1, -0.03, -0.06, 0.15, 0.3])
    taste = 5.6 + standard @ weights + 0.1 * standard[:, 1] * standard[:, 10]
    return rows, np.clip(np.round(taste + rng.normal(0, 0.5, size=ROWS)), 3, 8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
