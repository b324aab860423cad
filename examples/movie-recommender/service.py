"""The service, for `seatrial serve service:Recommender`: what to watch next, and how somebody would like a movie.

    GET /recommend/100042              ["the+golden+orchard+1987", …], 20 at most
    GET /recommend/100042?format=text  "the+golden+orchard+1987,…"
    POST /predict {"user": 100042, "movie": "the+golden+orchard+1987"}    {"prediction": 4.1, …}

Whoever is not known gets what most people like. seatrial counts the first two under `/recommend/{user}`, so that the metrics
don't grow with the number of users.
"""

import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from model import Model

COUNT = 20


class NotUnderstoodError(ValueError):
    """The caller's mistake."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY.value


class Recommender:
    """The model in the file that the environment variable MODEL names (default: `model.npz`)."""

    routes = ("GET /recommend/{user}",)
    signature: ClassVar = {
        "name": "recommender",
        "example": {"user": 100042, "movie": "the+golden+orchard+1987"},
        "output": {"name": "prediction", "range": [1, 5]},
    }

    def load(self) -> None:
        """Open the model once, before the first request."""
        self.model = Model.load(Path(os.environ.get("MODEL", "model.npz")))

    def predict(self, batch: list[Any]) -> list[Any]:
        """One answer for each row: a rating where a movie is named, else movies."""
        return [self._answer(row) for row in batch]

    def _answer(self, row: object) -> float | str | list[str]:
        if not isinstance(row, Mapping) or not isinstance(row.get("user"), str | int):
            raise NotUnderstoodError('send {"user": 100042, "movie": "the+golden+orchard+1987"}')
        if "movie" in row:
            return float(self.model.rate([str(row["user"])], [str(row["movie"])])[0])
        movies = self.model.recommend(str(row["user"]), COUNT)
        return ",".join(movies) if row.get("format") == "text" else movies
