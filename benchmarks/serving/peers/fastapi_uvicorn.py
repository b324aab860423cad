# mypy: ignore-errors
"""FastAPI with pydantic behind uvicorn, with prometheus-fastapi-instrumentator: what most teams write today.

The environment variable MODEL is the file to serve. Its choices are the quick ones: uvloop, httptools, no access log, a
list instead of eleven named fields, and a coroutine instead of a thread for each request.
"""
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "fastapi==0.165.0",
#   "httptools==0.9.0",
#   "joblib==1.6.0",
#   "prometheus-fastapi-instrumentator==8.1.0",
#   "pydantic==2.14.3",
#   "scikit-learn==1.9.1",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
# ]
#
# [tool.serving]
# name = "fastapi"
# title = "FastAPI + pydantic + uvicorn + instrumentator"
# command = "{python} -m uvicorn --host 127.0.0.1 --port {port} --loop uvloop --http httptools --no-access-log fastapi_uvicorn:app"
# path = "/predict"
# body = '{"inputs": ROW}'
# answer = ["prediction"]
# metrics = "http://127.0.0.1:{port}/metrics"
# ///

import os
from typing import Annotated

import joblib
from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, Field

FEATURES = 11


class Row(BaseModel):
    """The features of one row, in the order in which the model was trained."""

    inputs: Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=FEATURES, max_length=FEATURES)
    ]


class Answer(BaseModel):
    """What the model says."""

    prediction: float


model = joblib.load(os.environ["MODEL"])
app = FastAPI()
Instrumentator().instrument(app).expose(app)


@app.post("/predict")
async def predict(row: Row) -> Answer:
    """The prediction for one row."""
    return Answer(prediction=model.predict([row.inputs])[0])
