"""Serves one of the trained models, chosen by the environment variable MODEL (ridge, forest or boosting)."""

import os
from pathlib import Path
from typing import Annotated

import joblib
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from pydantic import BaseModel, ConfigDict, Field

LOWEST, HIGHEST = 0, 10

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class Wine(BaseModel):
    """What the laboratory measured; the fields stand in the order in which the model was trained."""

    model_config = ConfigDict(extra="forbid")

    fixed_acidity: Amount
    volatile_acidity: Amount
    citric_acid: Amount
    residual_sugar: Amount
    chlorides: Amount
    free_sulfur_dioxide: Amount
    total_sulfur_dioxide: Amount
    density: Amount
    ph: Annotated[Amount, Field(alias="pH", lt=14)]
    sulphates: Amount
    alcohol: Annotated[Amount, Field(le=100)]


class Score(BaseModel):
    """The score that tasters would give, 0 (very bad) to 10 (excellent)."""

    quality: float


MODEL = os.environ.get("MODEL", "ridge")
ARTIFACTS = Path("artifacts") / MODEL
scaler = joblib.load(ARTIFACTS / "scaler.joblib")
model = joblib.load(ARTIFACTS / "model.joblib")
outputs = Histogram(
    "fastapi_model_regression_model_output", "Predicted quality.", buckets=[half / 2 for half in range(2 * HIGHEST + 1)]
)
app = FastAPI(title="wine quality")


@app.exception_handler(RequestValidationError)
async def bad_input(_: Request, error: RequestValidationError) -> Response:
    """Answer 422 without echoing the input: FastAPI's own handler fails on a NaN, which JSON cannot hold."""
    details = [{key: detail[key] for key in ("loc", "msg", "type")} for detail in error.errors()]
    return JSONResponse({"detail": details}, status_code=422)


@app.get("/")
async def about() -> dict[str, str]:
    """What is deployed here."""
    return {"service": "wine quality", "model": MODEL}


@app.get("/healthcheck")
async def health() -> dict[str, str]:
    """Answers once the model is loaded."""
    return {"status": "ok"}


# Not in a thread (a plain `def`): each model takes a few milliseconds at most, on one core either way.
@app.post("/predict")
async def predict(wine: Wine) -> Score:
    """The score of one wine."""
    features = scaler.transform(np.array([list(wine.model_dump().values())]))
    quality = float(np.clip(model.predict(features)[0], LOWEST, HIGHEST))
    outputs.observe(quality)
    return Score(quality=quality)


@app.get("/metrics")
async def metrics() -> Response:
    """The distribution of the predictions and the process's own figures, for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
