# mypy: ignore-errors
"""LitServe, one row a call and in batches. It has no metrics of its own.

The environment variable MODEL is the file to serve. Its documentation advises `fast_queue` from 100 requests a second on.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "joblib==1.6.0",
#   "litserve==0.2.19",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "litserve"
# title = "LitServe"
# command = "{python} {app}"
# path = "/predict"
# body = '{"inputs": ROW}'
# answer = ["prediction"]
#
# [tool.serving.variants.batching]
# title = "batches of up to 64 rows, 1 ms"
# env = {BATCH_ROWS = "64"}
# ///

import os

import joblib
import litserve
import numpy as np
from pydantic import BaseModel


class Row(BaseModel):
    """The features of one row."""

    inputs: list[float]


class Regressor(litserve.LitAPI):
    """Serves one model."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's
        """Load it."""
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request: Row) -> np.ndarray:
        """A request as the model takes it."""
        return np.asarray(request.inputs)

    def predict(self, x: np.ndarray) -> np.ndarray | float:
        """One row as it is, or the rows that LitServe has stacked."""
        return self.model.predict(x) if x.ndim > 1 else self.model.predict(x[np.newaxis])[0]

    def encode_response(self, output: float) -> dict[str, float]:
        """The answer."""
        return {"prediction": float(output)}


if __name__ == "__main__":
    rows = int(os.environ.get("BATCH_ROWS", "1"))
    api = Regressor(max_batch_size=rows, batch_timeout=0.001 if rows > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )
