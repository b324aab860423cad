"""Asks a model for the ratings that were held out, as seatrial's gate calls it.

`SEATRIAL_MODEL` is the `model.npz`, `SEATRIAL_DATA` a CSV with `user` and `movie`, `SEATRIAL_OUTPUT` the CSV to write: one column
`prediction`, a row for each row, in their order.
"""

import csv
import os
from pathlib import Path

from model import Model


def main() -> None:
    """Predict as the environment says."""
    predict(Path(os.environ["SEATRIAL_MODEL"]), Path(os.environ["SEATRIAL_DATA"]), Path(os.environ["SEATRIAL_OUTPUT"]))


def predict(model: Path, data: Path, output: Path) -> None:
    """Write what the model says of each row of `data`."""
    with data.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stars = Model.load(model).rate([row["user"] for row in rows], [row["movie"] for row in rows])
    output.write_text("".join(f"{line}\n" for line in ("prediction", *map(repr, stars.tolist()))), encoding="utf-8")


if __name__ == "__main__":
    main()
