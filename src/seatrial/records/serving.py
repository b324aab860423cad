"""What a served model is and takes: its signature, its identity, and which engine answers for it.

The server, the prediction log and, later, the registry speak of models in these words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Form(StrEnum):
    """How a model takes its input.

    COLUMNS: rows of named scalars (most scikit-learn models). TENSORS: one or more arrays whose first axis is the
    batch (ONNX networks). JSON: any JSON value a row (Python classes).
    """

    COLUMNS = "columns"
    TENSORS = "tensors"
    JSON = "json"


class Kind(StrEnum):
    """What a column holds; named as in JSON Schema."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRING = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a model's input.

    Attributes:
        name: as callers write it.
        kind: JSON type.
        dtype: numpy's name of what the model takes (`float64`, `int64`, `bool`, `object` for strings).
        minimum, maximum: allowed range, ends included unless `exclusive_…`; None where open.
        choices: allowed values; empty: any.
        optional: may be left out or null; the model then gets NaN (numbers) or None (strings).
    """

    name: str
    kind: Kind = Kind.NUMBER
    dtype: str = "float64"
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    choices: tuple[Any, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An array that a model takes or gives.

    `dtype` is numpy's name, `shape` has None where any length goes, and its first axis is the batch.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model takes and gives.

    Attributes:
        form: how it takes input; says which of `fields` and `tensors` is filled.
        fields: the columns, in the model's order.
        named: False where the model was fitted without names, and x0, x1 … were made up for it.
        tensors: the input arrays.
        output: the name that the prediction has in answers.
        outputs: the output arrays, where known (always for TENSORS).
        classes: of a classifier, in the order of the probabilities; empty for other models.
        output_range: lowest and highest prediction that was seen in training, where known; buckets come from it.
        example: one valid row (a list in the order of `fields`, a mapping from tensor name to nested lists, or any
            JSON), where the model or its signature file brings one.
        trusted_example: False where `example` was made up from the types.
    """

    form: Form
    fields: tuple[Field, ...] = ()
    named: bool = True
    tensors: tuple[Tensor, ...] = ()
    output: str = "prediction"
    outputs: tuple[Tensor, ...] = ()
    classes: tuple[Any, ...] = ()
    output_range: tuple[float, float] | None = None
    example: Any = None
    trusted_example: bool = False


class Engine(StrEnum):
    """What computes the predictions: the library that the model was trained with, or onnxruntime."""

    NATIVE = "native"
    ONNX = "onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """Which engine answers, and why.

    Attributes:
        engine: the one in use.
        reason: one sentence for the log and the model's page.
        evidence: figures that the choice rests on (rows compared, tolerance, largest difference, seconds a row of
            each engine, versions); JSON values only.
    """

    engine: Engine
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Who answers: shown by /v2/models/NAME, in metrics and in every row of the prediction log.

    Attributes:
        name, version: as served.
        digest: `sha256:…` of the artifact (of a directory: over its sorted files' names and digests).
        flavour: `sklearn`, `onnx`, `mlflow`, `xgboost`, `lightgbm`, `python`, `torch`.
        source: the path or `module:Class` that was served.
        stack: versions of the packages that compute (`{"scikit-learn": "1.9.1", …}`).
        choice: engine and evidence.
    """

    name: str
    version: str
    digest: str
    flavour: str
    source: str
    stack: Mapping[str, str]
    choice: EngineChoice
