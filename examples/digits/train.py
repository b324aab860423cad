"""Trains the model that `seatrial serve` serves; the same files always give the same model."""

from pathlib import Path

import joblib
from dataset import split
from model import make_model
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

MODEL_FILE = Path("model.joblib")
PIXELS, DARKEST = 64, 16


def main() -> None:
    """Fit on one half of the digits, print the accuracy on the other, write `model.joblib`."""
    train_pixels, test_pixels, train_labels, test_labels = split()
    model = make_model().fit(train_pixels / DARKEST, train_labels)
    accuracy = model.score(test_pixels / DARKEST, test_labels)
    # Callers send pixels as they are, 0 (paper) to 16 (ink); scaling them is part of what is served.
    scale = MinMaxScaler().fit([[0] * PIXELS, [DARKEST] * PIXELS])
    joblib.dump(Pipeline([("scale", scale), ("model", model)]), MODEL_FILE)
    print(f"held-out accuracy {accuracy:.4f} on {len(test_labels)} digits, trained on {len(train_labels)}")


if __name__ == "__main__":
    main()
