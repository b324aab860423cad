"""The signature of a scikit-learn estimator, read off its fitted attributes."""

from typing import Any

import numpy as np

from seatrial.records.serving import Field, Form, Kind, Signature
from seatrial.serve.signature.columns import (
    Column,
    Estimator,
    columns_of,
    count_of,
    names_of,
    takes_documents,
    takes_text,
)
from seatrial.serve.signature.ranges import output_range


def of_estimator(estimator: Estimator) -> Signature:
    """What a fitted estimator or pipeline takes and gives.

    Names and number of the columns come from `feature_names_in_` and `n_features_in_`, types from encoders and
    imputers (choices only where an unknown category is an error), classes from `classes_`. A pipeline that begins
    with a text vectorizer takes one field `text`; one that begins with a DictVectorizer takes any JSON.

    Returns:
        A signature without fields where the estimator doesn't say what it takes.
    """
    classes, bounds = classes_of(estimator), output_range(estimator)
    if takes_documents(estimator):
        return Signature(form=Form.JSON, classes=classes, output_range=bounds)
    fields, named = _fields(estimator)
    return Signature(form=Form.COLUMNS, fields=fields, named=named, classes=classes, output_range=bounds)


def classes_of(estimator: Estimator) -> tuple[Any, ...]:
    """The classes of a classifier as JSON values; empty for other models and for several outputs."""
    classes = getattr(estimator, "classes_", None)
    return tuple(classes.tolist()) if isinstance(classes, np.ndarray) and classes.ndim == 1 else ()


def _fields(estimator: Estimator) -> tuple[tuple[Field, ...], bool]:
    if takes_text(estimator):
        return (Field(name="text", kind=Kind.STRING, dtype="object"),), True
    names = names_of(estimator)
    count = len(names) if names is not None else count_of(estimator)
    if count is None:
        return (), False
    columns = columns_of(estimator, count)
    shown = names or [f"x{index}" for index in range(count)]
    return tuple(_field(name, column) for name, column in zip(shown, columns, strict=True)), names is not None


def _field(name: str, column: Column) -> Field:
    return Field(name=name, kind=column.kind, dtype=column.dtype, choices=column.choices, optional=column.optional)
