"""The wines and their split, apart from training: what is sent in a trial must never have been trained on.

Only the standard library, so that `make_requests.py` runs in any Python. The file is `winequality-red.csv` of the UCI
Machine Learning Repository; the README says how to get it and whom to cite.
"""

import argparse
import csv
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

FEATURES = (
    "fixed_acidity",
    "volatile_acidity",
    "citric_acid",
    "residual_sugar",
    "chlorides",
    "free_sulfur_dioxide",
    "total_sulfur_dioxide",
    "density",
    "pH",
    "sulphates",
    "alcohol",
)
COLUMNS = (*FEATURES, "quality")
DEFAULT_DATA = "data/winequality-red.csv"
HELD_OUT_ONE_IN = 5


class Wine(NamedTuple):
    """One row: the 11 features in the order of FEATURES, and the tasters' median score (0 to 10)."""

    features: tuple[float, ...]
    quality: int


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """`--data PATH`, by default $WINE_DATA, else the project's own `data` folder."""
    path = Path(os.environ.get("WINE_DATA") or DEFAULT_DATA)
    parser.add_argument(
        "--data", type=Path, default=path, help="winequality-red.csv (default: $WINE_DATA or %(default)s)"
    )


def read(path: Path) -> list[Wine]:
    """All wines of the semicolon-separated file; exits with the remedy where it is missing or another file."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: README.md says how to get it; then set WINE_DATA or pass --data")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        header = tuple(name.strip().replace(" ", "_") for name in next(rows, []))
        if header != COLUMNS:
            raise SystemExit(f"{path} is not winequality-red.csv: its columns are {', '.join(header) or 'missing'}")
        return [Wine(tuple(map(float, row[:-1])), int(row[-1])) for row in rows if row]


def is_held_out(wine: Wine) -> bool:
    """Whether a wine is in the fifth that is never trained on.

    The digest of its features decides: a wine keeps its side when rows are added, and the file's 240 repeated rows
    cannot stand on both sides, where they would flatter the forest.
    """
    digest = hashlib.sha256(repr(wine.features).encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0


def split(path: Path) -> tuple[list[Wine], list[Wine]]:
    """The wines to train on and the held-out ones, each in the order of the file."""
    wines = read(path)
    return [wine for wine in wines if not is_held_out(wine)], [wine for wine in wines if is_held_out(wine)]
