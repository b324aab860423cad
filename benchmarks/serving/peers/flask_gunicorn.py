# mypy: ignore-errors
"""Flask behind gunicorn, with prometheus-flask-exporter: the server of most tutorials.

The environment variable MODEL is the file to serve. gunicorn's default worker closes every connection; its threaded
worker keeps them, so both are measured.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "flask==3.1.3",
#   "gunicorn==27.0.1",
#   "joblib==1.6.0",
#   "prometheus-flask-exporter==0.23.2",
#   "scikit-learn==1.9.1",
# ]
#
# [tool.serving]
# name = "flask"
# title = "Flask + gunicorn + prometheus-flask-exporter"
# command = "{python} -m gunicorn --workers 1 --bind 127.0.0.1:{port} flask_gunicorn:app"
# path = "/predict"
# body = '{"inputs": ROW}'
# answer = ["prediction"]
# metrics = "http://127.0.0.1:{port}/metrics"
#
# [tool.serving.variants.threads]
# title = "one worker of 4 threads, connections kept"
# env = {GUNICORN_CMD_ARGS = "--worker-class gthread --threads 4"}
# ///

import os

import joblib
from flask import Flask, Response, jsonify, request
from prometheus_flask_exporter import PrometheusMetrics

model = joblib.load(os.environ["MODEL"])
app = Flask(__name__)
PrometheusMetrics(app)


@app.post("/predict")
def predict() -> Response:
    """The prediction for one row; scikit-learn itself checks it."""
    return jsonify(prediction=float(model.predict([request.get_json()["inputs"]])[0]))
