"""Categories that gradient boosting libraries saved with a model: callers send `"red"`, the trees know 2.

Both libraries number the categories of a data frame's columns; with these numbers a plain array gives the same
answers, and no data frame has to be made.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

from seatrial.records.serving import Signature
from seatrial.serve.signature.columns import Estimator
from seatrial.serve.signature.values import DTYPES, kind_of_values

Categories: TypeAlias = Mapping[int, Mapping[Any, int]]
"""By column, the number that stands for each category; columns of numbers are left out."""


def categories_of(estimator: Estimator) -> Categories:
    """The categories of an XGBoost or LightGBM estimator or booster; none of anything else."""
    booster = getattr(estimator, "_Booster", None) if hasattr(estimator, "get_params") else estimator
    library = type(booster).__module__.partition(".")[0]
    if booster is None or library not in {"xgboost", "lightgbm"}:
        return {}
    return _of_xgboost(booster) if library == "xgboost" else _of_lightgbm(booster)


def with_categories(signature: Signature, categories: Categories) -> Signature:
    """The signature whose categorical columns take the categories themselves."""
    fields = list(signature.fields)
    for index, codes in categories.items():
        kind = kind_of_values(tuple(codes))
        fields[index] = replace(fields[index], kind=kind, dtype=DTYPES[kind], choices=tuple(codes))
    return replace(signature, fields=tuple(fields))


def _of_xgboost(booster: Estimator) -> Categories:
    if "c" not in (booster.feature_types or ()):
        return {}
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    model = trees.get("gbtree", trees).get("model", {})
    encoded = model.get("cats", {}).get("enc", [])
    values = {index: _decoded(column) for index, column in enumerate(encoded)}
    return {index: _numbered(known) for index, known in values.items() if known}


def _decoded(column: Mapping[str, list[int]]) -> list[Any]:
    """Text is kept as UTF-8 bytes between offsets, numbers as they are."""
    offsets = column.get("offsets")
    if offsets is None:
        return column["values"]
    content = bytes(byte % 256 for byte in column["values"])
    return [content[start:end].decode() for start, end in pairwise(offsets)]


def _of_lightgbm(booster: Estimator) -> Categories:
    """Categorical columns have their numbers instead of a range `[low:high]`; their values are kept in the same order.

    A column that never changed is `none`, whatever it held.
    """
    known = booster.pandas_categorical or []
    infos = _line(booster.model_to_string(num_iteration=1), "feature_infos").split(" ")
    columns = [index for index, info in enumerate(infos) if ":" in info and not info.startswith("[")]
    if len(columns) < len(known):
        columns = [index for index, info in enumerate(infos) if not info.startswith("[")]
    if len(columns) != len(known):
        return {}
    return {index: _numbered(values) for index, values in zip(columns, known, strict=True)}


def _line(text: str, key: str) -> str:
    lines = (line.partition("=") for line in text.splitlines())
    return next((value for name, _, value in lines if name == key), "")


def _numbered(values: list[Any]) -> dict[Any, int]:
    return {value: code for code, value in enumerate(values)}
