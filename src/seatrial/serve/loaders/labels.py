"""Class labels of ONNX classifiers: their graphs answer with numbers or text, and bury the list of them in a node."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.serve.loaders.answers import label_array
from seatrial.serve.model import Array

_ATTRIBUTES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def labels_in_graph(path_or_bytes: str | Path | bytes) -> tuple[Any, ...]:
    """The labels that the last classifying node of a graph lists; none without the package onnx, which reads graphs."""
    try:
        import onnx  # noqa: PLC0415 - only classifiers need it, and onnxruntime works without
    except ImportError:
        return ()
    if isinstance(path_or_bytes, bytes):
        model = onnx.load_from_string(path_or_bytes)
    else:
        model = onnx.load(str(path_or_bytes), load_external_data=False)
    listed = (_listed(attribute) for node in model.graph.node for attribute in node.attribute)
    return next(iter(reversed([labels for labels in listed if labels])), ())


def fitting_labels(output_type: str, classes: tuple[Any, ...], in_graph: Callable[[], tuple[Any, ...]]) -> Array | None:
    """What turns a graph's whole numbers into the labels that callers are to see.

    Args:
        output_type: of the graph's first output.
        classes: the labels that callers are to see.
        in_graph: reads the labels in the graph; called only where nothing else tells.

    Returns:
        An array to index with the graph's answer; None where it answers with the labels themselves.
    """
    if not classes or output_type != "tensor(int64)":
        return None
    if any(isinstance(label, str) for label in classes):
        return label_array(classes)
    if all(type(label) is int for label in classes):
        return label_array(classes) if _are_new(classes, in_graph) else None
    return _by_value(classes)


def _are_new(classes: tuple[int, ...], in_graph: Callable[[], tuple[Any, ...]]) -> bool:
    """Whether these numbers were put in place of the graph's own, which count from 0."""
    indices = tuple(range(len(classes)))
    return classes != indices and in_graph() == indices


def _by_value(classes: tuple[Any, ...]) -> Array | None:
    """Truth values and floats, which ONNX has as whole numbers."""
    numbers = [int(label) for label in classes]
    if min(numbers) < 0:
        return None
    labels = np.full(max(numbers) + 1, classes[0])
    labels[numbers] = classes
    return labels


def _listed(attribute: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a protobuf message
    if attribute.name not in _ATTRIBUTES:
        return ()
    return tuple(attribute.ints) or tuple(text.decode() for text in attribute.strings)
