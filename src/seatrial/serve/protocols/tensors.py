"""Arrays out of plain JSON, for `POST /predict` and KServe V1 of models that take tensors.

One row has the rank of the tensor without its batch axis, many rows have it: the nesting says which is meant. Models
with one tensor take it bare; those with several take an object by their names, and all tensors must agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from seatrial.records.serving import Signature, Tensor
from seatrial.serve.codec import JSON, Asked, Complaint, Limits, Refused
from seatrial.serve.model import Array
from seatrial.serve.protocols import schemas
from seatrial.serve.protocols.example import example_row
from seatrial.serve.protocols.operation import Operation
from seatrial.serve.protocols.predict import PredictAnswers
from seatrial.serve.validation import (
    GOOD_TYPES,
    TOLD,
    Json,
    Mistakes,
    Nested,
    Ragged,
    invalid,
    nested,
    parse,
    require_json,
    require_rows,
    shown,
    words,
)

_NAMES_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """A batch for a model of tensors."""

    batch: Mapping[str, Array]
    count: int
    many: bool


class TensorReader:
    """From JSON values to arrays by the tensors' names."""

    __slots__ = ("_limits", "_names", "_tensors")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._tensors = signature.tensors
        self._names = [tensor.name for tensor in signature.tensors]
        self._limits = limits

    def is_named(self, value: Json) -> bool:
        """Whether `value` is an object with at least one of the tensors' names."""
        return type(value) is dict and any(name in value for name in self._names)

    def read(self, value: Json) -> Arrays:
        """One row or many, bare or by name.

        Raises:
            Refused: what is wrong with which element.
        """
        found = {tensor.name: self._nested(tensor, one) for tensor, one in self._by_name(value)}
        first = self._tensors[0]
        many = len(found[first.name].shape) == len(first.shape)
        count = found[first.name].shape[0] if many else 1
        require_rows(count, self._limits)
        return Arrays(
            batch={tensor.name: self._array(tensor, found[tensor.name], count, many=many) for tensor in self._tensors},
            count=count,
            many=many,
        )

    def read_rows(self, rows: list[Any]) -> Arrays:
        """Many rows, each bare or by name."""
        require_rows(len(rows), self._limits)
        if len(self._tensors) == 1 and not self.is_named(rows[0]):
            return self.read(rows)
        mistakes = Mistakes()
        for number, row in enumerate(rows):
            if type(row) is not dict or row.keys() != set(self._names):
                mistakes.add([self._not_named(row, number)])
        mistakes.raise_any(len(rows))
        return self.read({name: [row[name] for row in rows] for name in self._names})

    def _by_name(self, value: Json) -> list[tuple[Tensor, Any]]:
        if len(self._tensors) == 1 and type(value) is not dict:
            return [(self._tensors[0], value)]
        if type(value) is not dict or value.keys() != set(self._names):
            raise invalid((self._not_named(value, 0),))
        return [(tensor, value[tensor.name]) for tensor in self._tensors]

    def _not_named(self, value: Json, row: int) -> Complaint:
        expected = f"an object with {', '.join(map(words, self._names))}"
        message = f"found {words(value)}, expected {expected}"
        if type(value) is dict:
            message = f"the fields are {', '.join(map(words, [*value][:_NAMES_TOLD])) or 'none'}, expected {expected}"
        return Complaint(message=message, row=row, value=shown(value), expected=expected)

    def _nested(self, tensor: Tensor, value: Json) -> Nested:
        try:
            return nested(value)
        except Ragged as ragged:
            raise self._misshapen(tensor, f"has arrays of different lengths at level {ragged.depth + 1}") from None

    def _array(self, tensor: Tensor, found: Nested, count: int, *, many: bool) -> Array:
        shape = found.shape if many else (1, *found.shape)
        if not _fits(shape, tensor, count):
            raise self._misshapen(tensor, f"has the shape {list(found.shape)}")
        made = found.array(tensor.dtype, shape)
        if made is None:
            complaints = islice(found.misfits(tensor.name, tensor.dtype, batch=many), TOLD)
            raise invalid(tuple(complaints))
        return made

    def _misshapen(self, tensor: Tensor, what: str) -> Refused:
        expected = f"the shape {shape_words(tensor.shape[1:])} for one row, {shape_words(tensor.shape)} for many"
        message = f"{tensor.name} {what}, expected {expected}"
        return invalid((Complaint(message=message, field=tensor.name, expected=expected),))


def _fits(shape: tuple[int, ...], tensor: Tensor, count: int) -> bool:
    return (
        len(shape) == len(tensor.shape)
        and shape[0] == count
        and 0 not in shape
        and all(size in (None, got) for size, got in zip(tensor.shape[1:], shape[1:], strict=True))
    )


def shape_words(shape: tuple[int | None, ...]) -> str:
    """`[n, 28, 28]`, with n where any length goes."""
    return f"[{', '.join('n' if size is None else str(size) for size in shape)}]"


class TensorsPredict(PredictAnswers):
    """The codec of `POST /predict` for `Form.TENSORS`."""

    __slots__ = ("_limits", "_names", "_reader", "_signature")

    def __init__(self, signature: Signature, limits: Limits) -> None:
        super().__init__(signature)
        self._signature = signature
        self._reader = TensorReader(signature, limits)
        self._names = {tensor.name for tensor in signature.tensors}
        self._limits = limits

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """Arrays, bare or by name; see `serve.codec.Codec`."""
        if headers.get(b"content-type", JSON) not in GOOD_TYPES or b"content-encoding" in headers:
            require_json(headers)
        parsed = parse(body, self._limits)
        arrays = self._read(parsed.value)
        parsed.require_strict()
        return Asked(arrays.batch, arrays.count, arrays.many)

    def _read(self, value: Json) -> Arrays:
        if type(value) is dict and len(value) == 1 and value.keys() != self._names:
            if "inputs" in value:
                return self._reader.read(value["inputs"])
            if type(value.get("instances")) is list:
                return self._reader.read_rows(value["instances"])
        return self._reader.read(value)

    def operation(self) -> Operation:
        """For the OpenAPI document."""
        row, batch = schemas.ref("Row"), schemas.ref("Batch")
        example = example_row(self._signature)
        return Operation(
            summary="Predict one row or many",
            description=(
                "Arrays by the names of the model's tensors; with the batch axis they are many rows. A model with one "
                'tensor takes its array bare as well. All of these may be wrapped as `{"inputs": …}`.'
            ),
            request={"anyOf": [row, batch, *(schemas.envelope(inputs=one) for one in (row, batch))]},
            examples={
                "one row": example,
                "many rows": {name: [array, array] for name, array in example.items()},
            },
            answer=schemas.predict_answer(self._signature),
        )
