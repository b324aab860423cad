# mypy: ignore-errors
"""A BentoML service whose batches adapt to the load.

The environment variable MODEL is the file to serve.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "bentoml==1.4.39",
#   "joblib==1.6.0",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "bentoml"
# title = "BentoML, batching on"
# command = "{python} -m bentoml serve --host 127.0.0.1 --port {port} bentoml_service:Regressor"
# path = "/predict"
# body = '{"inputs": [ROW]}'
# answer = [0]
# metrics = "http://127.0.0.1:{port}/metrics"
# env = {BENTOML_DO_NOT_TRACK = "True", BENTOML_CONFIG_OPTIONS = "services.Regressor.logging.access.enabled=false"}
# ///

import os
from typing import Annotated

import bentoml
import joblib
import numpy as np
from bentoml.validators import DType, Shape

FEATURES = 11


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 512})
class Regressor:
    """Serves one model."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=256)
    def predict(self, inputs: Annotated[np.ndarray, DType("float64"), Shape((-1, FEATURES))]) -> np.ndarray:
        """The predictions for rows of several requests."""
        return self.model.predict(inputs)
