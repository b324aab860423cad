"""ONNX files, answered by onnxruntime. Nothing in them runs code.

A graph tells names, types and shapes of its arrays, and little more: whether its numbers are rows of columns, and
which of its outputs are a classifier's, is seen from their shapes, as skl2onnx and onnxmltools make them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.compile.metadata import read_signature
from seatrial.serve.loaders import digests
from seatrial.serve.loaders.labels import fitting_labels, labels_in_graph
from seatrial.serve.loaders.onnx_answers import AnswerArrays, answer_of, is_classifier
from seatrial.serve.loaders.opened import Loaded, Source
from seatrial.serve.loaders.packages import require, stack_of
from seatrial.serve.loaders.samples import few_rows
from seatrial.serve.model import Array, Batch, Outputs, Predictor, as_matrix
from seatrial.serve.signature.values import kind_of

Session: TypeAlias = Any
Feed: TypeAlias = dict[str, Array]

_TYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "string": "object",
    "bool": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_INSTALL = "seatrial[onnx]"
_QUIET = 3
_MATRIX = 2


def load(source: Source) -> Loaded:
    """Open an ONNX file.

    Raises:
        UsageError: onnxruntime isn't installed or can't read the file, or an input is no array.
    """
    session = _open(source.artifact)
    return Loaded(
        signature=_signature(session, source.artifact),
        bind=lambda signature: _bind(session, source.artifact, signature),
        digest=digests.digest_of(source.artifact),
        stack=stack_of("onnxruntime"),
    )


def open_onnx(path_or_bytes: str | Path | bytes, signature: Signature | None = None) -> Predictor:
    """A predictor for an ONNX model.

    Args:
        path_or_bytes: the file, or its content (which then holds all weights).
        signature: what callers are to see; by default what the file says. The fields go into the graph's inputs by
            name, or in their order.

    Raises:
        UsageError: onnxruntime can't open it, or it doesn't fit to the signature.
    """
    session = _open(path_or_bytes)
    return _bind(session, path_or_bytes, signature or _signature(session, path_or_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxPredictor:
    """A session with everything that can be known before the first row."""

    signature: Signature
    feed: Callable[[Batch], Feed]
    run: Callable[[Feed], list[Any]]
    answer: AnswerArrays

    def predict(self, batch: Batch) -> Outputs:
        """Answer a batch."""
        return self.answer(self.run(self.feed(batch)))


def _open(path_or_bytes: str | Path | bytes) -> Session:
    """A session with one thread: the server scales by workers."""
    onnxruntime = require("onnxruntime", install=_INSTALL)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    model = str(path_or_bytes) if isinstance(path_or_bytes, Path) else path_or_bytes
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise UsageError(f"onnxruntime can't open this: {error}", where=_shown(path_or_bytes)) from error


def _shown(path_or_bytes: str | Path | bytes) -> str:
    return "ONNX model" if isinstance(path_or_bytes, bytes) else str(path_or_bytes)


def _signature(session: Session, path_or_bytes: str | Path | bytes) -> Signature:
    """What the file says: its embedded signature, or what its inputs and outputs look like."""
    embedded = read_signature(session.get_modelmeta().custom_metadata_map)
    if embedded is not None:
        return embedded
    outputs = tuple(_tensor(each) for each in session.get_outputs() if _is_tensor(each))
    classes = labels_in_graph(path_or_bytes) if is_classifier(session.get_outputs()) else ()
    signature = replace(_inputs_signature(session), outputs=outputs, classes=classes)
    return replace(signature, output=outputs[0].name) if signature.form is Form.TENSORS and outputs else signature


def _inputs_signature(session: Session) -> Signature:
    inputs = [_tensor(each) for each in session.get_inputs()]
    if len(inputs) == 1 and _is_matrix_of_numbers(inputs[0]):
        only = inputs[0]
        field = Field(name="", kind=kind_of(only.dtype), dtype=only.dtype)
        fields = tuple(replace(field, name=f"x{index}") for index in range(only.shape[1] or 0))
        return Signature(form=Form.COLUMNS, fields=fields, named=False)
    if inputs and all(tensor.shape[1:] in {(), (1,)} for tensor in inputs):
        columns = (Field(name=each.name, kind=kind_of(each.dtype), dtype=each.dtype) for each in inputs)
        return Signature(form=Form.COLUMNS, fields=tuple(columns))
    return Signature(form=Form.TENSORS, tensors=tuple(inputs))


def _is_matrix_of_numbers(tensor: Tensor) -> bool:
    return len(tensor.shape) == _MATRIX and tensor.shape[1] is not None and tensor.dtype != "object"


def _is_tensor(node: Session) -> bool:
    return bool(node.type.startswith("tensor("))


def _tensor(node: Session) -> Tensor:
    """An input or output; its batch axis is open even where the graph fixes it, since we cut and pad."""
    dtype = _TYPES.get(node.type.removeprefix("tensor(").removesuffix(")"))
    if dtype is None:
        raise UsageError(f"{node.name} is a {node.type}, which can't be sent", where="ONNX model")
    sizes = [size if isinstance(size, int) else None for size in node.shape]
    return Tensor(name=node.name, dtype=dtype, shape=(None, *sizes[1:]))


def _bind(session: Session, path_or_bytes: str | Path | bytes, signature: Signature) -> Predictor:
    inputs = [_tensor(each) for each in session.get_inputs()]
    feed = _columns_feed(inputs, signature) if signature.form is Form.COLUMNS else _tensors_feed(inputs, signature)
    run = _run(session)
    outputs = session.get_outputs()
    labels = fitting_labels(outputs[0].type, signature.classes, lambda: labels_in_graph(path_or_bytes))
    answer = answer_of(outputs, signature, labels, lambda: _tried(feed, run, signature))
    return OnnxPredictor(signature=signature, feed=feed, run=run, answer=answer)


def _tried(feed: Callable[[Batch], Feed], run: Callable[[Feed], list[Any]], signature: Signature) -> list[Any] | None:
    """What the graph answers for made-up rows; None where it can't."""
    rows = few_rows(signature)
    try:
        return None if rows is None else run(feed(rows))
    except Exception:  # noqa: BLE001 - an encoder may refuse a made-up text
        return None


def _run(session: Session) -> Callable[[Feed], list[Any]]:
    names = [output.name for output in session.get_outputs()]
    sizes = {each.shape[0] for each in session.get_inputs() if each.shape and isinstance(each.shape[0], int)}
    if not sizes:
        return lambda feed: session.run(names, feed)
    if len(sizes) > 1 or any(not _is_tensor(output) for output in session.get_outputs()):
        raise UsageError("the graph takes batches of a fixed size that can't be made", where="ONNX model")
    size = sizes.pop()
    return lambda feed: _in_batches(lambda part: session.run(names, part), feed, size)


def _in_batches(run: Callable[[Feed], list[Array]], feed: Feed, size: int) -> list[Array]:
    """For a graph whose batch size is fixed: the last batch is filled up with copies of its last row."""
    rows = len(next(iter(feed.values())))
    answers = []
    for start in range(0, rows, size):
        indices = np.minimum(np.arange(start, start + size), rows - 1)
        answers.append(run({name: array[indices] for name, array in feed.items()}))
    return [np.concatenate(parts)[:rows] for parts in zip(*answers, strict=True)]


def _tensors_feed(inputs: Sequence[Tensor], signature: Signature) -> Callable[[Batch], Feed]:
    if signature.form is not Form.TENSORS:
        raise UsageError("the graph takes arrays or columns", where="signature")
    dtypes = {tensor.name: np.dtype(tensor.dtype) for tensor in inputs}
    return lambda batch: {name: np.asarray(batch[name], dtype=dtype) for name, dtype in dtypes.items()}  # type: ignore[call-overload]


def _columns_feed(inputs: Sequence[Tensor], signature: Signature) -> Callable[[Batch], Feed]:
    """Fields go into the input of their name, or in their order into inputs as wide as the graph says."""
    count = len(signature.fields)
    if len(inputs) == 1 and len(inputs[0].shape) == _MATRIX and inputs[0].shape[1] in {None, count}:
        return _matrix_feed(inputs[0], signature)
    by_name = {field.name: index for index, field in enumerate(signature.fields)}
    widths = [tensor.shape[1] if len(tensor.shape) > 1 else 1 for tensor in inputs]
    starts = [by_name.get(tensor.name) for tensor in inputs]
    if set(widths) != {1} or len(inputs) != count or None in starts:
        starts = list(accumulate((width or 0 for width in widths[:-1]), initial=0))
    if sum(width or 0 for width in widths) != count:
        raise UsageError(f"the graph doesn't take {count} columns", where="signature")
    slots = [
        _slot(tensor, signature.fields[start or 0 : (start or 0) + (width or 0)], start or 0)
        for tensor, start, width in zip(inputs, starts, widths, strict=True)
    ]
    return lambda batch: {name: fill(batch) for name, fill in slots}


def _matrix_feed(tensor: Tensor, signature: Signature) -> Callable[[Batch], Feed]:
    name, fill = _slot(tensor, signature.fields, 0)
    if tensor.dtype == "object":
        return lambda batch: {name: fill(batch)}
    dtype = tensor.dtype
    return lambda batch: {name: as_matrix(batch, dtype)}


def _slot(tensor: Tensor, fields: Sequence[Field], start: int) -> tuple[str, Callable[[Batch], Array]]:
    """An input's name, and how it is filled with some of the columns."""
    for field in fields:
        _refuse_wrong_type(tensor, field)
    shape = (-1, len(fields)) if len(tensor.shape) > 1 else (-1,)
    if tensor.dtype == "object":
        return tensor.name, _text_slot(start, shape, len(fields))
    dtype = np.dtype(tensor.dtype)
    return tensor.name, lambda batch: _part(batch, start, len(fields), dtype).reshape(shape)


def _text_slot(start: int, shape: tuple[int, ...], width: int) -> Callable[[Batch], Array]:
    """A missing text is the empty one: ONNX knows no other."""

    def fill(batch: Batch) -> Array:
        texts = _part(batch, start, width, np.dtype(object))
        texts[texts == None] = ""  # noqa: E711 - element by element
        return texts.reshape(shape)

    return fill


def _part(batch: Batch, start: int, width: int, dtype: np.dtype[Any]) -> Array:
    if isinstance(batch, np.ndarray):
        return batch[:, start : start + width].astype(dtype)
    return np.array([row[start : start + width] for row in batch], dtype=dtype)


def _refuse_wrong_type(tensor: Tensor, field: Field) -> None:
    if (field.kind is Kind.STRING) != (tensor.dtype == "object"):
        raise UsageError(f"the graph takes {tensor.dtype} there, not {field.kind.value}", where=field.name)
    if field.optional and np.dtype(tensor.dtype).kind in "iub":
        what = f"{field.name} can't be optional: the graph takes {tensor.dtype} there, which has no missing value"
        raise UsageError(what, where=field.name)
