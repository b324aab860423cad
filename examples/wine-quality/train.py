"""Trains one of the models that `app.py` serves; the same files always give the same model.

Writes `artifacts/<model>/scaler.joblib` and `artifacts/<model>/model.joblib`.
"""

import argparse
from pathlib import Path

import joblib
import numpy as np
from dataset import Wine, add_data_argument, split
from models import MODELS
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

ARTIFACTS = Path("artifacts")


def as_arrays(wines: list[Wine]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features (n, 11) and quality (n,)."""
    return np.array([wine.features for wine in wines]), np.array([wine.quality for wine in wines], dtype=float)


def train(name: str, data: Path) -> None:
    """Fit the model called `name`, print its errors on the held-out wines, write it with its scaler."""
    trained, held_out = (as_arrays(wines) for wines in split(data))
    scaler = StandardScaler().fit(trained[0])
    model = MODELS[name]().fit(scaler.transform(trained[0]), trained[1])
    predicted = model.predict(scaler.transform(held_out[0]))
    folder = ARTIFACTS / name
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(scaler, folder / "scaler.joblib")
    joblib.dump(model, folder / "model.joblib")
    mae = mean_absolute_error(held_out[1], predicted)
    rmse = root_mean_squared_error(held_out[1], predicted)
    print(f"{name}: MAE {mae:.4f}, RMSE {rmse:.4f} on {len(predicted)} held-out wines, trained on {len(trained[1])}")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    arguments = parser.parse_args()
    train(arguments.model, arguments.data)


if __name__ == "__main__":
    main()
