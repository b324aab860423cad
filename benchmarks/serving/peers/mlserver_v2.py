# mypy: ignore-errors
"""MLServer with its scikit-learn runtime, asked in the JSON of the Open Inference Protocol V2.

This file only writes the settings that MLServer reads; the server is MLServer's own. Inference stays in the process that
answers (`parallel_workers: 0`), which costs less on one core than a second process.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "joblib==1.6.0",
#   "mlserver==1.7.1",
#   "mlserver-sklearn==1.7.1",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "mlserver"
# title = "MLServer, V2 JSON"
# prepare = "{python} {app}"
# command = "{bin}/mlserver start ."
# path = "/v2/models/model/infer"
# body = '{"inputs": [{"name": "predict", "shape": [1, 11], "datatype": "FP64", "data": ROW}]}'
# answer = ["outputs", 0, "data", 0]
# metrics = "http://127.0.0.1:{port3}/metrics"
#
# [tool.serving.variants.batching]
# title = "adaptive batching: up to 64 rows, 1 ms"
# env = {BATCH_ROWS = "64", BATCH_SECONDS = "0.001"}
# ///

import json
import os
from pathlib import Path

settings = {
    "host": "127.0.0.1",
    "http_port": int(os.environ["PORT"]),
    "grpc_port": int(os.environ["PORT2"]),
    "metrics_port": int(os.environ["PORT3"]),
    "parallel_workers": 0,
    "debug": False,
}
model = {
    "name": "model",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "max_batch_size": int(os.environ.get("BATCH_ROWS", "0")),
    "max_batch_time": float(os.environ.get("BATCH_SECONDS", "0")),
    "parameters": {"uri": os.environ["MODEL"]},
}
Path("settings.json").write_text(json.dumps(settings))
Path("model-settings.json").write_text(json.dumps(model))
