# mypy: ignore-errors
"""Ray Serve with one replica, one row a call and in batches.

The environment variable MODEL is the file to serve.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "joblib==1.6.0",
#   "ray[serve]==2.60.0",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "ray"
# title = "Ray Serve"
# command = "{python} {app}"
# path = "/predict"
# body = '{"inputs": ROW}'
# answer = ["prediction"]
# metrics = "http://127.0.0.1:{port2}/metrics"
# env = {RAY_USAGE_STATS_ENABLED = "0", RAY_SERVE_THROUGHPUT_OPTIMIZED = "1"}
#
# [tool.serving.variants.batching]
# title = "batches of up to 64 rows, 1 ms"
# env = {BATCH_ROWS = "64"}
# ///

import os
from pathlib import Path

import joblib
import ray
from ray import serve
from starlette.requests import Request

QUIET = {"enable_access_log": False, "log_level": "WARNING"}
BATCH_ROWS = int(os.environ.get("BATCH_ROWS", "0"))


@serve.deployment(num_replicas=1, max_ongoing_requests=512, logging_config=QUIET)
class Regressor:
    """Serves one model."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @serve.batch(max_batch_size=max(BATCH_ROWS, 1), batch_wait_timeout_s=0.001)
    async def predict_batch(self, rows: list[list[float]]) -> list[float]:
        """The predictions for rows of several requests."""
        return self.model.predict(rows).tolist()

    async def __call__(self, request: Request) -> dict[str, float]:
        """The prediction for one row."""
        row = (await request.json())["inputs"]
        return {"prediction": await self.predict_batch(row) if BATCH_ROWS else float(self.model.predict([row])[0])}


if __name__ == "__main__":
    ray.init(_metrics_export_port=int(os.environ["PORT2"]), _temp_dir=str(Path.cwd()))
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])}, logging_config=QUIET)
    serve.run(Regressor.bind(), route_prefix="/predict", blocking=True)
