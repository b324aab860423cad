"""A signature file laid over what the model itself says: it adds and narrows, it never contradicts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Signature
from seatrial.serve.signature.fields import narrow, new_field
from seatrial.serve.signature.file import InputSpec, SignatureFile, VectorSpec, closest, read
from seatrial.serve.signature.tensors import merge_tensors, shown
from seatrial.serve.signature.values import expected, fits, kind_of

_RANK_OF_A_MATRIX = 2


def read_file(path: Path, base: Signature | None = None) -> Signature:
    """Read a signature file and lay it over the model's own signature.

    Args:
        path: YAML, or JSON where it ends with `.json`.
        base: what the model says; None where it says nothing.

    Raises:
        UsageError: the file is wrong in itself, or contradicts the model (other names, another number of inputs, a
            wider choice, an example that doesn't fit).
    """
    return merge(read(path), base)


def merge(file: SignatureFile, base: Signature | None) -> Signature:
    """The model's signature with what the file adds; see `read_file`."""
    merged = _merge_inputs(file, base or Signature(form=Form.JSON))
    merged = replace(
        merged,
        output=file.output.name or merged.output,
        output_range=file.output.range or merged.output_range,
        classes=_classes(file, merged),
    )
    if file.example is msgspec.UNSET:
        return merged
    return replace(merged, example=_example(file, merged), trusted_example=True)


def _merge_inputs(file: SignatureFile, base: Signature) -> Signature:
    where = f"{file.where}: inputs"
    if file.inputs is None:
        return base
    if isinstance(file.inputs, VectorSpec):
        return _vector(file.inputs, base, where)
    if isinstance(file.inputs, tuple):
        return _columns(dict.fromkeys(file.inputs, InputSpec()), base, where, whole=True)
    if any(spec.shape is not None for spec in file.inputs.values()):
        return merge_tensors(file.inputs, base, where)
    return _columns(file.inputs, base, where, whole=False)


def _vector(vector: VectorSpec, base: Signature, where: str) -> Signature:
    base = _as_columns(base, vector.count, where)
    _refuse_count(vector.count, base, where)
    if base.fields:
        return replace(base, fields=tuple(narrow(field, vector, where) for field in base.fields))
    fields = (new_field(f"x{index}", vector, where) for index in range(vector.count))
    return replace(base, fields=tuple(fields), named=False)


def _columns(specs: Mapping[str, InputSpec], base: Signature, where: str, *, whole: bool) -> Signature:
    base = _as_columns(base, len(specs), where)
    if base.named and base.fields:
        return _named_columns(specs, base, where, whole=whole)
    _refuse_count(len(specs), base, where)
    if not base.fields:
        fields = (new_field(name, spec, f"{where}.{name}") for name, spec in specs.items())
        return replace(base, fields=tuple(fields), named=True)
    named = (
        narrow(replace(field, name=name), spec, f"{where}.{name}")
        for field, (name, spec) in zip(base.fields, specs.items(), strict=True)
    )
    return replace(base, fields=tuple(named), named=True)


def _named_columns(specs: Mapping[str, InputSpec], base: Signature, where: str, *, whole: bool) -> Signature:
    known = [field.name for field in base.fields]
    for name in specs:
        if name not in known:
            raise UsageError(f"the model has no input {name}", where=where, remedy=closest(name, known))
    if whole:
        _refuse_count(len(specs), base, where)
    fields = (
        narrow(field, specs[field.name], f"{where}.{field.name}") if field.name in specs else field
        for field in base.fields
    )
    return replace(base, fields=tuple(fields))


def _as_columns(base: Signature, count: int, where: str) -> Signature:
    """A base that can take columns: one matrix is as good as so many numbers without names."""
    if base.form is Form.COLUMNS:
        return base
    if base.form is Form.JSON:
        return replace(base, form=Form.COLUMNS, fields=(), named=False)
    if len(base.tensors) != 1 or len(base.tensors[0].shape) != _RANK_OF_A_MATRIX:
        remedy = f"give each a shape; the model takes {', '.join(shown(tensor) for tensor in base.tensors)}"
        raise UsageError("the model takes arrays, not columns", where=where, remedy=remedy)
    matrix = base.tensors[0]
    if matrix.shape[1] not in {None, count}:
        raise UsageError(f"the model takes {matrix.shape[1]} inputs, not {count}", where=where)
    field = Field(name="", kind=kind_of(matrix.dtype), dtype=matrix.dtype)
    fields = tuple(replace(field, name=f"x{index}") for index in range(count))
    return replace(base, form=Form.COLUMNS, fields=fields, named=False, tensors=())


def _refuse_count(count: int, base: Signature, where: str) -> None:
    if base.fields and count != len(base.fields):
        raise UsageError(f"{count} inputs are named, but the model takes {len(base.fields)}", where=where)


def _classes(file: SignatureFile, base: Signature) -> tuple[Any, ...]:
    """The file's names for the classes, where the model only counts them or says nothing."""
    where = f"{file.where}: classes"
    if file.classes is None or file.classes == base.classes:
        return base.classes
    known = ", ".join(repr(label) for label in base.classes)
    if base.classes and len(file.classes) != len(base.classes):
        raise UsageError(f"the model has {len(base.classes)} classes: {known}", where=where)
    if base.classes and base.classes != tuple(range(len(base.classes))):
        raise UsageError(f"the model names its classes itself: {known}", where=where, remedy="leave them out")
    if any(file.classes.count(label) > 1 for label in file.classes):
        raise UsageError("a class is there twice", where=where)
    return file.classes


def _example(file: SignatureFile, signature: Signature) -> Any:  # noqa: ANN401 - JSON is anything
    where = f"{file.where}: example"
    if signature.form is not Form.COLUMNS:
        return file.example
    row = _row(file.example, signature, where)
    for field, value in zip(signature.fields, row, strict=True):
        if not fits(field, value):
            raise UsageError(f"{value!r} is no {expected(field)}", where=f"{where}.{field.name}")
    return row


def _row(example: Any, signature: Signature, where: str) -> list[Any]:  # noqa: ANN401
    names = [field.name for field in signature.fields]
    if isinstance(example, list | tuple):
        if len(example) != len(names):
            raise UsageError(f"{len(example)} values for {len(names)} inputs", where=where)
        return list(example)
    if not isinstance(example, Mapping):
        raise UsageError("expected values by name, or a list in the order of the inputs", where=where)
    for name in example:
        if name not in names:
            raise UsageError(f"there is no input {name}", where=where, remedy=closest(name, names))
    missing = [field.name for field in signature.fields if field.name not in example and not field.optional]
    if missing:
        raise UsageError(f"a value for {missing[0]} is missing", where=where)
    return [example.get(name) for name in names]
