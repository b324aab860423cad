"""The part of a signature file that speaks of arrays."""

from collections.abc import Mapping
from dataclasses import replace

from seatrial.records import UsageError
from seatrial.records.serving import Form, Signature, Tensor
from seatrial.serve.signature.fields import checked_dtype
from seatrial.serve.signature.file import InputSpec
from seatrial.serve.signature.values import DTYPES


def merge_tensors(specs: Mapping[str, InputSpec], base: Signature, where: str) -> Signature:
    """The base with the arrays that the file describes.

    Raises:
        UsageError: a spec is wrong in itself, or contradicts the model.
    """
    if base.form is Form.COLUMNS and base.fields:
        raise UsageError("the model takes columns, which have no shape", where=where)
    dtypes = {tensor.name: tensor.dtype for tensor in base.tensors}
    tensors = {
        name: _tensor(name, spec, dtypes.get(name, "float32"), f"{where}.{name}") for name, spec in specs.items()
    }
    if base.form is not Form.TENSORS:
        return replace(base, form=Form.TENSORS, fields=(), named=True, tensors=tuple(tensors.values()))
    known = [tensor.name for tensor in base.tensors]
    if sorted(known) != sorted(tensors):
        raise UsageError(f"the model takes the arrays {', '.join(known)}", where=where, remedy="give these a shape")
    return replace(base, tensors=tuple(_narrowed(tensor, tensors[tensor.name], where) for tensor in base.tensors))


def _tensor(name: str, spec: InputSpec, default: str, where: str) -> Tensor:
    if not spec.shape:
        raise UsageError("a shape is missing", where=where, remedy="the first axis is the batch: [null, 3, 224, 224]")
    limits = {"minimum", "maximum", "exclusive_minimum", "exclusive_maximum", "choices", "optional"}
    said = [limit for limit in sorted(limits) if getattr(spec, limit) is not None]
    if said:
        raise UsageError(f"an array has no {said[0]}", where=where)
    dtype = spec.dtype or (DTYPES[spec.type] if spec.type else default)
    return Tensor(name=name, dtype=checked_dtype(dtype, f"{where}.dtype"), shape=(None, *spec.shape[1:]))


def _narrowed(tensor: Tensor, said: Tensor, where: str) -> Tensor:
    pairs = list(zip(tensor.shape, said.shape, strict=False))
    agree = len(tensor.shape) == len(said.shape) and all(b is None or a in {None, b} for a, b in pairs)
    if not agree or tensor.dtype != said.dtype:
        raise UsageError(f"{shown(said)} contradicts the model, which takes {shown(tensor)}", where=where)
    return replace(tensor, shape=tuple(b if a is None else a for a, b in pairs))


def shown(tensor: Tensor) -> str:
    """An array in words: `image float32 [any, 3, 224, 224]`."""
    axes = ", ".join("any" if size is None else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.dtype} [{axes}]"
