"""Load as the service sees it: mostly wines, now and then a bad value, the odd health check.

The wines are made up within the ranges of the data, so that the file needs no data of its own.
"""

import os
import random

from locust import FastHttpUser, between, task

RANGES = {
    "fixed_acidity": (4.6, 15.9),
    "volatile_acidity": (0.12, 1.58),
    "citric_acid": (0.0, 1.0),
    "residual_sugar": (0.9, 15.5),
    "chlorides": (0.012, 0.611),
    "free_sulfur_dioxide": (1.0, 72.0),
    "total_sulfur_dioxide": (6.0, 289.0),
    "density": (0.99, 1.004),
    "pH": (2.74, 4.01),
    "sulphates": (0.33, 2.0),
    "alcohol": (8.4, 14.9),
}
BAD_VALUES = (("fixed_acidity", -1), ("pH", 14), ("alcohol", 100.5), ("density", "heavy"), ("sulphates", None))
OK, UNPROCESSABLE = 200, 422


class Taster(FastHttpUser):
    """One caller; `--host`, else DEPLOYED_MODEL_URL, is the service."""

    host = os.environ.get("DEPLOYED_MODEL_URL", "http://127.0.0.1:8000")
    wait_time = between(0.01, 0.1)

    def on_start(self) -> None:
        """Every run tastes the same kind of wines."""
        self.random = random.Random(0)

    def wine(self) -> dict[str, float]:
        """One made-up wine."""
        return {name: round(self.random.uniform(low, high), 4) for name, (low, high) in RANGES.items()}

    @task(10)
    def prediction(self) -> None:
        """A good wine gets a score between 0 and 10."""
        with self.client.post("/predict", json=self.wine(), catch_response=True) as answer:
            if answer.status_code != OK or not 0 <= answer.json()["quality"] <= 10:
                answer.failure(f"{answer.status_code}: {answer.text}")

    @task(2)
    def bad_value(self) -> None:
        """A bad value is the caller's fault: 422 is the right answer."""
        wine = self.wine() | dict([self.random.choice(BAD_VALUES)])
        with self.client.post("/predict", json=wine, name="/predict (bad value)", catch_response=True) as answer:
            if answer.status_code == UNPROCESSABLE:
                answer.success()
            else:
                answer.failure(f"{answer.status_code} for a bad value")

    @task(1)
    def health_check(self) -> None:
        """The service says that it is up."""
        self.client.get("/healthcheck")
