"""Inputs, targets and fitted models for the tests of the compiler."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.compile.build import compile_model
from seatrial.serve.compile.verdict import Compiled
from seatrial.serve.loaders import open_onnx
from seatrial.serve.loaders.estimators import bind_estimator, signature_of
from seatrial.serve.model import Batch, Outputs

FEATURES = 6


def numbers(rows: int = 400, seed: int = 0) -> NDArray[np.float64]:
    """Training inputs (rows, FEATURES) whose columns differ in scale."""
    return np.random.default_rng(seed).normal(2.0, [0.01, 1.0, 3.0, 50.0, 1.0, 0.5], size=(rows, FEATURES))


def amounts(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """A target for regressors."""
    return np.asarray(np.nan_to_num(inputs) @ np.arange(1.0, FEATURES + 1) + np.sin(np.nan_to_num(inputs[:, 1]) * 3))


def groups(inputs: NDArray[np.float64], names: Sequence[Any] = ("low", "middle", "high")) -> NDArray[Any]:
    """A target for classifiers: groups of about the same size."""
    score = amounts(inputs)
    return np.asarray(names)[np.searchsorted(np.quantile(score, np.arange(1, len(names)) / len(names)), score)]


def compiled(estimator: Any, *, tolerance: float = 1e-5, sample: list[list[Any]] | None = None) -> Compiled:
    """What the compiler makes of a fitted estimator, with the server's own predictors."""
    signature = signature_of(estimator)
    native = bind_estimator(estimator, signature)
    return compile_model(estimator, signature, tolerance, 0, native=native, open_onnx=open_onnx, sample=sample)


def signature(*fields: Field, **more: Any) -> Signature:
    """A signature of columns."""
    return Signature(form=Form.COLUMNS, fields=fields, **more)


@dataclass
class Sums:
    """Answers each row with its sum; `noise` is added for every further row of the batch."""

    signature: Signature
    noise: float = 0.0

    def predict(self, batch: Batch) -> Outputs:
        """The sums."""
        rows = np.asarray(batch, dtype=np.float64)
        return Outputs(predictions=rows.sum(axis=1) + self.noise * (len(rows) - 1))
