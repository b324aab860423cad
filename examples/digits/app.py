"""Serves `model.joblib` with the API of the field's tutorials: `POST /predict {"inputs": [64 pixels]}`."""

from time import perf_counter
from typing import Annotated

import joblib
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

DARKEST = 16
PIXELS = 64

Pixel = Annotated[float, Field(ge=0, le=DARKEST, allow_inf_nan=False, strict=True)]


class Digit(BaseModel):
    """One digit: 8 x 8 pixels, row by row, 0 (paper) to 16 (ink)."""

    inputs: Annotated[list[Pixel], Field(min_length=PIXELS, max_length=PIXELS)]


class Answer(BaseModel):
    """The most probable digit, its probability, and the seconds that the model took."""

    prediction: int
    latency: float
    probability: float


model = joblib.load("model.joblib")
app = FastAPI(title="digits")


@app.exception_handler(RequestValidationError)
async def bad_input(_: Request, error: RequestValidationError) -> Response:
    """Answer 422 without echoing the input: FastAPI's own handler fails on a NaN, which JSON cannot hold."""
    details = [{key: detail[key] for key in ("loc", "msg", "type")} for detail in error.errors()]
    return JSONResponse({"detail": details}, status_code=422)


@app.get("/")
async def about() -> dict[str, str]:
    """What is deployed here."""
    return {"service": "digits", "model": type(model).__name__}


@app.get("/healthz")
async def health() -> dict[str, str]:
    """Answers once the model is loaded."""
    return {"status": "ok"}


# Not in a thread (a plain `def`): the model takes less time than the hand-over would.
@app.post("/predict")
async def predict(digit: Digit) -> Answer:
    """Which digit it is."""
    start = perf_counter()
    pixels = np.array([digit.inputs]) / DARKEST
    probabilities = model.predict_proba(pixels)[0]
    best = int(np.argmax(probabilities))
    return Answer(
        prediction=int(model.classes_[best]),
        latency=perf_counter() - start,
        probability=float(probabilities[best]),
    )
