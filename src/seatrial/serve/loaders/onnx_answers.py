"""What a graph's output arrays mean: one prediction, a classifier's label with probabilities, or several arrays."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from seatrial.records.serving import Form, Signature
from seatrial.serve.model import Array, Outputs

AnswerArrays: TypeAlias = Callable[[list[Any]], Outputs]
Node: TypeAlias = Any
"""An output as onnxruntime describes it: name, type, shape."""

_PAIR, _RANK_OF_A_MATRIX = 2, 2
_ROUNDING = 1e-3


def is_classifier(outputs: Sequence[Node]) -> bool:
    """Whether the outputs are a label and its probabilities, as a matrix or as a list of mappings (ZipMap)."""
    if len(outputs) != _PAIR or outputs[0].type not in {"tensor(int64)", "tensor(string)"}:
        return False
    if outputs[1].type.startswith("seq(map("):
        return True
    is_matrix = outputs[1].type in {"tensor(float)", "tensor(double)"} and len(outputs[1].shape) == _RANK_OF_A_MATRIX
    return is_matrix and "prob" in outputs[1].name.lower()


def answer_of(
    outputs: Sequence[Node], signature: Signature, labels: Array | None, tried: Callable[[], list[Any] | None]
) -> AnswerArrays:
    """How the arrays become predictions.

    Args:
        outputs: of the session.
        signature: final.
        labels: to index with a classifier's whole numbers, where these aren't the labels themselves.
        tried: asks the graph for a few rows; None where it can't answer them.
    """
    if is_classifier(outputs):
        return _classifying(labels, has_probabilities=_are_probabilities(tried()))
    names = [output.name for output in outputs]
    flat = signature.form is Form.COLUMNS
    if flat and len(names) == 1:
        return lambda arrays: Outputs(predictions=_labelled(arrays[0], labels))
    return lambda arrays: _several(names, arrays, flat=flat)


def _several(names: Sequence[str], arrays: list[Any], *, flat: bool) -> Outputs:
    named = {name: _flat(array) if flat else array for name, array in zip(names, arrays, strict=True)}
    return Outputs(predictions=named[names[0]], arrays=named)


def _classifying(labels: Array | None, *, has_probabilities: bool) -> AnswerArrays:
    if not has_probabilities:
        return lambda arrays: Outputs(predictions=_labelled(arrays[0], labels))
    return lambda arrays: Outputs(predictions=_labelled(arrays[0], labels), probabilities=_matrix(arrays[1]))


def _are_probabilities(arrays: list[Any] | None) -> bool:
    """Not so where they are the scores of a support vector machine: its output has the same name."""
    if arrays is None:
        return True
    matrix = _matrix(arrays[1])
    return bool(matrix.min() >= 0 and np.allclose(matrix.sum(axis=1), 1, atol=_ROUNDING))


def _matrix(probabilities: Any) -> Array:  # noqa: ANN401 - an array, or of ZipMap a list of mappings
    if isinstance(probabilities, np.ndarray):
        return probabilities
    return np.array([list(row.values()) for row in probabilities])


def _labelled(predictions: Array, labels: Array | None) -> Array:
    flat = _flat(predictions)
    return flat if labels is None else labels[flat]


def _flat(array: Array) -> Array:
    """Without the second axis that skl2onnx gives to a single value."""
    return array[:, 0] if array.ndim == _RANK_OF_A_MATRIX and array.shape[1] == 1 else array
