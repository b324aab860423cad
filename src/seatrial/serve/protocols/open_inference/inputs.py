"""From tensors to what a model takes, by its form."""

from collections.abc import Callable
from typing import Any

import numpy as np

from seatrial.records.serving import Form, Signature, Tensor
from seatrial.serve.codec import Complaint, Limits, Refused
from seatrial.serve.model import Array, Batch
from seatrial.serve.protocols.open_inference.request import Received
from seatrial.serve.protocols.tensors import shape_words
from seatrial.serve.validation import (
    FAILURES,
    TOLD,
    Columns,
    Matrix,
    Reason,
    all_numbers,
    counted,
    decoders,
    invalid,
    parse,
    require_rows,
    short,
    shown,
    words,
)

Read = Callable[[list[Received]], tuple[Batch, int]]

_TABLE = 2  # axes: rows and fields
_QUICK = ("FP64", "FP32")


def reader(signature: Signature, limits: Limits) -> Read:
    """From the tensors of a request to a batch and its number of rows; raises Refused."""
    return _READERS[signature.form](signature, limits).read


class ColumnInputs:
    """For models of columns: one tensor (rows, fields) of any name, or a tensor for each column, (rows,) or (rows, 1)."""

    __slots__ = ("_columns", "_decoders", "_fields", "_limits", "_matrix", "_nulls")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._fields = signature.fields
        self._limits = limits
        self._columns = Columns(signature.fields, limits)
        self._matrix = Matrix(signature.fields, limits) if all_numbers(signature.fields) else None
        self._decoders = decoders(signature.fields, limits)
        self._nulls = any(field.optional for field in signature.fields)

    def read(self, tensors: list[Received]) -> tuple[Batch, int]:
        """Rows, or a matrix where everything is a number."""
        if len(tensors) == 1 and (len(tensors[0].shape) == _TABLE or tensors[0].name not in self._columns.names):
            batch = self._table(tensors[0])
        else:
            batch = self._by_column(tensors)
        return batch, len(batch)

    def _table(self, tensor: Received) -> Batch:
        width = len(self._fields)
        if len(tensor.shape) != _TABLE or tensor.shape[1] != width:
            raise _misshapen(tensor, f"[n, {width}], or a tensor for each of {counted(width, 'field')}")
        if tensor.binary is None and tensor.datatype in _QUICK and self._matrix is not None:
            try:
                return self._quickly(tensor)
            except FAILURES:
                pass
        require_rows(tensor.shape[0], self._limits)
        array = tensor.array(self._limits, nulls=self._nulls)
        if self._matrix is not None and array.dtype.kind in "fiu":
            return self._matrix.check(array)
        return self._columns.check(self._rows([column.tolist() for column in array.T]))

    def _quickly(self, tensor: Received) -> Batch:
        """JSON of floats, nested as the shape says or one flat row: what `POST /predict` takes by position."""
        body = bytes(tensor.raw)
        flat = tensor.shape[0] == 1 and not body[1:].lstrip().startswith(b"[")
        rows = (self._decoders.position if flat else self._decoders.positions)(body)
        if len(rows) != tensor.shape[0]:
            raise ValueError
        return rows if tensor.datatype == "FP64" else _single(rows)

    def _by_column(self, tensors: list[Received]) -> Batch:
        found = self._named(tensors)
        count = tensors[0].shape[0] if tensors[0].shape else 0
        for tensor in tensors:
            if tensor.shape not in ((count,), (count, 1)):
                raise _misshapen(tensor, f"[{count}] or [{count}, 1], as of {short(tensors[0].name)}")
        require_rows(count, self._limits)
        absent = [None] * count
        columns = [
            found[field.name].column(self._limits, nulls=field.optional) if field.name in found else absent
            for field in self._fields
        ]
        return self._columns.check(self._rows(columns))

    def _named(self, tensors: list[Received]) -> dict[str, Received]:
        found = {tensor.name: tensor for tensor in tensors}
        names = self._columns.names
        if len(found) < len(tensors):
            raise Refused(400, Reason.MALFORMED, "two tensors have the same name")
        complaints = [_complaint(name, "is not a field") for name in found if name not in names]
        complaints += [
            _complaint(field.name, "has no tensor")
            for field in self._fields
            if field.name not in found and not field.optional
        ]
        if complaints:
            raise invalid(tuple(complaints))
        return found

    def _rows(self, columns: list[list[Any]]) -> list[list[Any]]:
        """Rows of columns, with None for NaN in fields that may be left out."""
        clean = [
            [None if value != value else value for value in column] if field.optional else column  # noqa: PLR0124 - NaN
            for field, column in zip(self._fields, columns, strict=True)
        ]
        return [list(row) for row in zip(*clean, strict=True)]


def _single(rows: list[list[Any]]) -> Array:
    """Rows rounded to single precision, as the caller's datatype says."""
    with np.errstate(over="ignore"):
        made = np.array(rows, dtype=np.float32)
    if not np.isfinite(made).all():
        raise ValueError
    return made


class TensorInputs:
    """For models of tensors: each by its name; the name of the only one is not looked at."""

    __slots__ = ("_limits", "_tensors")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._tensors = {tensor.name: tensor for tensor in signature.tensors}
        self._limits = limits

    def read(self, tensors: list[Received]) -> tuple[Batch, int]:
        """Arrays of the model's dtypes."""
        found = self._named(tensors)
        count = next(iter(found.values())).shape[0] if next(iter(found.values())).shape else 0
        for name, sent in found.items():
            if not _agrees(sent.shape, self._tensors[name], count):
                raise _misshapen(sent, f"{shape_words(self._tensors[name].shape)} with the same n in each tensor")
        require_rows(count, self._limits)
        return {name: self._converted(found[name], self._tensors[name]) for name in self._tensors}, count

    def _named(self, tensors: list[Received]) -> dict[str, Received]:
        if len(tensors) == len(self._tensors) == 1:
            return dict(zip(self._tensors, tensors, strict=True))
        found = {tensor.name: tensor for tensor in tensors}
        if len(found) < len(tensors) or found.keys() != self._tensors.keys():
            expected = ", ".join(map(words, self._tensors))
            given = ", ".join(words(tensor.name) for tensor in tensors[:8])
            raise Refused(400, Reason.MALFORMED, f"the tensors are {given}, expected {expected}")
        return found

    def _converted(self, sent: Received, tensor: Tensor) -> Array:
        array = sent.array(self._limits)
        wanted = np.dtype(tensor.dtype)
        if wanted.kind not in "fiub":
            wanted = np.dtype(object)
        if not np.can_cast(array.dtype, wanted, "same_kind") or (wanted.kind == "O") != (array.dtype.kind == "O"):
            message = f"{short(sent.name)} is {sent.datatype}, which is no {tensor.dtype}"
            raise invalid((Complaint(message=message, field=sent.name, value=sent.datatype, expected=tensor.dtype),))
        with np.errstate(over="ignore"):
            made = array.astype(wanted, copy=False)
        fits = np.isfinite(made) if wanted.kind == "f" else made == array
        if not fits.all():
            raise _unfit(sent, array, fits, f"a number that fits {tensor.dtype}")
        return made


def _unfit(sent: Received, array: Array, fits: Array, expected: str) -> Refused:
    complaints = []
    for place in np.argwhere(~fits)[:TOLD].tolist():
        value = array[tuple(place)].item()
        path = "".join(f"[{one}]" for one in place)
        message = f"{short(sent.name)}{path} is {words(value)}, expected {expected}"
        complaints.append(
            Complaint(message=message, row=place[0], field=sent.name, value=shown(value), expected=expected)
        )
    return invalid(tuple(complaints))


class AnyInputs:
    """For models of any JSON: row i is element i of the tensor, or an object of them by the tensors' names.

    Strings are JSON where their content type says so (`pd_json`, as MLServer has it, or `json`).
    """

    __slots__ = ("_limits",)

    def __init__(self, signature: Signature, limits: Limits) -> None:  # noqa: ARG002 - every signature is the same
        self._limits = limits

    def read(self, tensors: list[Received]) -> tuple[Batch, int]:
        """A list of JSON values."""
        count = tensors[0].shape[0] if tensors[0].shape else 0
        for tensor in tensors:
            if not tensor.shape or tensor.shape[0] != count or 0 in tensor.shape[1:]:
                raise _misshapen(tensor, "[n, …] with the same n in each tensor")
        require_rows(count, self._limits)
        columns = {tensor.name: self._values(tensor) for tensor in tensors}
        if len(columns) < len(tensors):
            raise Refused(400, Reason.MALFORMED, "two tensors have the same name")
        if len(columns) == 1:
            return next(iter(columns.values())), count
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], count

    def _values(self, tensor: Received) -> list[Any]:
        array = tensor.array(self._limits)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _unfit(tensor, array, np.isfinite(array), "a number")
        if tensor.shape[1:] == (1,):
            array = array.reshape(len(array))
        if tensor.datatype == "BYTES" and tensor.content_type in ("pd_json", "json") and array.ndim == 1:
            return [self._json(text) for text in array]
        values: list[Any] = array.tolist()
        return values

    def _json(self, text: str) -> Any:  # noqa: ANN401 - JSON is anything
        parsed = parse(text.encode(), self._limits)
        parsed.require_strict()
        return parsed.value


_READERS: dict[Form, Callable[[Signature, Limits], ColumnInputs | TensorInputs | AnyInputs]] = {
    Form.COLUMNS: ColumnInputs,
    Form.TENSORS: TensorInputs,
    Form.JSON: AnyInputs,
}


def _agrees(shape: tuple[int, ...], tensor: Tensor, count: int) -> bool:
    return (
        len(shape) == len(tensor.shape)
        and shape[0] == count
        and 0 not in shape[1:]
        and all(size in (None, got) for size, got in zip(tensor.shape[1:], shape[1:], strict=True))
    )


def _misshapen(tensor: Received, expected: str) -> Refused:
    message = f"{short(tensor.name)} has the shape {list(tensor.shape)}, expected {expected}"
    return invalid((Complaint(message=message, field=tensor.name, expected=expected),))


def _complaint(name: str, what: str) -> Complaint:
    return Complaint(message=f"{words(name)} {what}", field=short(name), expected="a tensor for each field")
