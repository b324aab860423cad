"""XGBoost's own files: UBJSON or JSON. Nothing in them runs code."""

import json
from typing import Any

import numpy as np

from seatrial.records import UsageError
from seatrial.serve.loaders import digests
from seatrial.serve.loaders.boosters import Score, bind_booster, booster_signature
from seatrial.serve.loaders.categories import categories_of
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require, stack_of
from seatrial.serve.model import Array
from seatrial.serve.signature.columns import Estimator

_MULTI = {"multi:softmax", "multi:softprob"}


def load(source: Source) -> Loaded:
    """Open a model that XGBoost saved.

    Raises:
        UsageError: XGBoost isn't installed, or can't read the file.
    """
    xgboost = require("xgboost", install="xgboost-cpu")
    content = digests.read(source.artifact)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))  # from a file, the suffix would have to tell the format
    except (xgboost.core.XGBoostError, ValueError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise UsageError(f"XGBoost can't read this: {first}", where=str(source.artifact)) from error
    return of_booster(booster, digests.of_bytes(content))


def of_booster(booster: Estimator, digest: str, warnings: tuple[str, ...] = ()) -> Loaded:
    """A booster that was read from somewhere.

    Predictions are those of XGBoost's scikit-learn estimators: after early stopping only the best iterations count,
    and a classifier answers with classes 0, 1, 2 …
    """
    booster.set_param({"nthread": 1})
    categories = categories_of(booster)
    objective, classes = _objective(booster)
    score = _score(booster, objective)
    return Loaded(
        signature=booster_signature(booster.feature_names, booster.num_features(), classes, categories),
        bind=lambda signature: bind_booster(signature, score, categories),
        digest=digest,
        stack=stack_of("xgboost"),
        warnings=warnings,
    )


def _objective(booster: Estimator) -> tuple[str, int]:
    """The objective's name, and how many classes it tells apart; 0 if it gives numbers."""
    learner = _learner(booster)
    name = learner["objective"]["name"]
    if name in _MULTI:
        return name, int(learner["learner_model_param"]["num_class"])
    return name, 2 if name == "binary:logistic" else 0


def _learner(booster: Estimator) -> dict[str, Any]:
    learner: dict[str, Any] = json.loads(booster.save_config())["learner"]
    return learner


def _score(booster: Estimator, objective: str) -> Score:
    options = _options(booster, objective)
    predict = _slow(booster, options) if _is_linear(booster) else _quick(booster, options)
    return (lambda matrix: _softmax(predict(matrix))) if objective == "multi:softmax" else predict


def _options(booster: Estimator, objective: str) -> dict[str, Any]:
    """After early stopping, later trees are left out; `multi:softmax` gives probabilities only by way of margins."""
    best = booster.attr("best_iteration")
    return {
        "iteration_range": (0, 0 if best is None else int(best) + 1),
        "margin": objective == "multi:softmax",
    }


def _quick(booster: Estimator, options: dict[str, Any]) -> Score:
    kind = "margin" if options["margin"] else "value"
    trees = options["iteration_range"]
    return lambda matrix: np.asarray(
        booster.inplace_predict(matrix, iteration_range=trees, predict_type=kind, validate_features=False)
    )


def _slow(booster: Estimator, options: dict[str, Any]) -> Score:
    """Linear boosters take only XGBoost's own matrix."""
    xgboost = require("xgboost", install="xgboost-cpu")
    return lambda matrix: np.asarray(
        booster.predict(xgboost.DMatrix(matrix, nthread=1), output_margin=options["margin"], validate_features=False)
    )


def _is_linear(booster: Estimator) -> bool:
    return bool(_learner(booster)["gradient_booster"]["name"] == "gblinear")


def _softmax(margins: Array) -> Array:
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
