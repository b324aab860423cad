# mypy: ignore-errors
"""`mlflow models serve`, its default server, with a signature. It has no metrics of its own.

This file only logs the model, as MLflow wants it; the server is MLflow's own. The default format, skops, refuses forests.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "joblib==1.6.0",
#   "mlflow==3.17.2",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "mlflow"
# title = "mlflow models serve"
# prepare = "{python} {app}"
# command = "{python} -m mlflow models serve --model-uri logged --host 127.0.0.1 --port {port} --workers 1 --env-manager local"
# path = "/invocations"
# body = '{"inputs": [ROW]}'
# answer = ["predictions", 0]
# env = {MLFLOW_DISABLE_TELEMETRY = "true", DO_NOT_TRACK = "true"}
# ///

import os

import joblib
import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

signature = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype("float64"), (-1, 11))]), outputs=Schema([TensorSpec(np.dtype("float64"), (-1,))])
)
mlflow.sklearn.save_model(
    joblib.load(os.environ["MODEL"]),
    "logged",
    signature=signature,
    serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
)
