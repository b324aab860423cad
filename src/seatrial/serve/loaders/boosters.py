"""What the boosters of XGBoost and LightGBM have in common: a matrix in, margins or probabilities out."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.loaders import inputs
from seatrial.serve.loaders.answers import Answer, by_probability, label_array
from seatrial.serve.loaders.categories import Categories, with_categories
from seatrial.serve.loaders.estimators import EstimatorPredictor
from seatrial.serve.model import Array, Outputs, Predictor

Score: TypeAlias = Callable[[Array], Array]
"""What a booster answers for a matrix: values (rows,), or (rows, classes)."""


def booster_signature(names: Sequence[str] | None, count: int, classes: int, categories: Categories) -> Signature:
    """The signature of a booster.

    Args:
        names: of its features, if it was trained with names.
        count: number of its features.
        classes: number of classes; 0 for other models.
        categories: of its categorical features.
    """
    fields = tuple(Field(name=name) for name in names or [f"x{index}" for index in range(count)])
    base = Signature(form=Form.COLUMNS, fields=fields, named=bool(names), classes=tuple(range(classes)))
    return with_categories(base, categories)


def bind_booster(signature: Signature, score: Score, categories: Categories) -> Predictor:
    """The predictor of a booster for its final signature.

    Args:
        signature: its classes are the labels of the answers.
        score: values for a model without classes, probabilities otherwise: (rows,) of the second of two classes, or
            (rows, classes).
        categories: of its categorical features.

    Raises:
        UsageError: the signature describes arrays or text, which boosters don't take.
    """
    if signature.form is not Form.COLUMNS:
        raise UsageError("a booster takes columns", where="signature", remedy="leave shape out")
    for index, field in enumerate(signature.fields):
        if field.dtype == "object" and index not in categories:
            raise UsageError("a booster takes text only where it was trained with categories", where=field.name)
    columns = [categories.get(index) for index in range(len(signature.fields))]
    prepare = inputs.coded(columns) if categories else inputs.matrix("float64")
    answer = _classifying(score, label_array(signature.classes)) if signature.classes else _scoring(score)
    return EstimatorPredictor(signature=signature, prepare=prepare, answer=answer)


def _scoring(score: Score) -> Answer:
    return lambda prepared: Outputs(predictions=score(prepared))


def _classifying(score: Score, labels: Array) -> Answer:
    return lambda prepared: by_probability(_two_columns(score(prepared)), labels)


def _two_columns(scores: Array) -> Array:
    return scores if scores.ndim > 1 else np.column_stack([1 - scores, scores])
