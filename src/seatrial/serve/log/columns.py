"""Answered batches as Arrow record batches: whole columns at once, because a row at a time costs more than the model.

A batch of the model holds rows of many requests, and many batches (often of one row) are turned into columns together.
What belongs to a request is gathered once and then spread over its rows by index.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from seatrial.records.serving import Field, Form, Kind, ModelInfo, Signature
from seatrial.records.telemetry import INPUT_PREFIX, LABEL_COLUMNS, PREDICTION_COLUMNS
from seatrial.serve.log.answered import Answered, Label, Logged, Unanswered
from seatrial.serve.log.values import TEXT_LIMIT, bounded, json_text, number
from seatrial.serve.model import Array, Outputs

if TYPE_CHECKING:
    from arro3.core import Array as Column
    from arro3.core import RecordBatch, Schema

PIECE = 1024
"""Rows of one record batch at most: converting one holds the interpreter for about a millisecond."""

_MICROSECONDS = 1_000_000
_DAY = 86_400 * _MICROSECONDS
_EPOCH = date(1970, 1, 1).toordinal()
_KINDS = {Kind.NUMBER: "float64", Kind.INTEGER: "float64", Kind.BOOLEAN: "bool", Kind.STRING: "string"}
_TABLE = 2
_REPEATED = 64
_TIME = "timestamp[us, UTC]"

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dated:
    """Rows of one UTC date."""

    day: date
    batch: "RecordBatch"
    rows: int


def input_types(signature: Signature) -> dict[str, str]:
    """The input columns of a model and their types, in the manner of `records.telemetry.PREDICTION_COLUMNS`."""
    if signature.form is not Form.COLUMNS:
        return {}
    return {INPUT_PREFIX + field.name: _KINDS[field.kind] for field in signature.fields}


class PredictionColumns:
    """Makes record batches of `predictions`.

    Args:
        info: the model; its name and version stand in every row.
        signature: says which input columns there are, and the classes.
        redacted: names of fields, or keys at any depth of JSON, whose values are left out. The signature's output name
            leaves out the prediction itself.
        piece: rows of one record batch at most.
    """

    def __init__(self, info: ModelInfo, signature: Signature, redacted: frozenset[str], piece: int = PIECE) -> None:
        self._maker = _Maker(PREDICTION_COLUMNS | input_types(signature))
        self._constants = {"model": info.name, "version": info.version}
        self._form = signature.form
        self._fields = tuple((at, field) for at, field in enumerate(signature.fields) if field.name not in redacted)
        self._numeric = all(field.kind in {Kind.NUMBER, Kind.INTEGER} for _, field in self._fields)
        self._class_at = {value: at for at, value in enumerate(signature.classes)}
        self._redacted = redacted
        self._silent = signature.output in redacted
        self._piece = piece

    @property
    def schema(self) -> "Schema":
        """Of every record batch."""
        return self._maker.schema

    def of_unanswered(self, ones: Sequence[Unanswered]) -> Iterator[Dated]:
        """One row a request that was refused or failed, at most a piece's rows at a time."""
        for first in range(0, len(ones), self._piece):
            some = ones[first : first + self._piece]
            total = np.array([one.finished - one.received for one in some], np.float32)
            yield from self._maker.dated(
                np.array([one.time for one in some], np.float64),
                {
                    "request_id": self._maker.strings([one.request_id for one in some]),
                    "row": self._maker.numbers(np.zeros(len(some), np.int32)),
                    "route": self._maker.repeated([one.handler for one in some]),
                    "status": self._maker.numbers(np.array([one.status for one in some], np.int16)),
                    "total_seconds": self._maker.numbers(total),
                },
                self._constants,
            )

    def of_answered(self, ones: Sequence[Answered], keep: Callable[[str], bool] | None = None) -> Iterator[Dated]:
        """One row an answered row, at most a piece's rows at a time.

        Args:
            ones: batches of the model.
            keep: says by request id which requests are taken; None takes all.
        """
        chosen = _Rows.of(ones, keep)
        for first in range(0, chosen.total, self._piece):
            yield from self._rows(chosen, slice(first, first + self._piece))

    def _rows(self, chosen: "_Rows", piece: slice) -> Iterator[Dated]:
        maker, at = self._maker, chosen.value[piece]
        of_batch, of_request = chosen.batch[piece], chosen.request[piece]
        first, last = int(of_request[0]), int(of_request[-1]) + 1
        requests = chosen.requests[first:last]
        spread = None if last - first == len(at) else (of_request - first).astype(np.int32)
        received = np.array([one.received for one in requests], np.float64)
        if spread is not None:
            received = received[spread]
        columns = {
            "request_id": maker.strings([one.request_id for one in requests], spread),
            "row": maker.numbers(chosen.row[piece].astype(np.int32)),
            "route": maker.repeated([one.handler for one in requests], spread),
            "status": maker.numbers(_spread(np.array([one.status for one in requests], np.int16), spread)),
            "queue_seconds": maker.numbers((chosen.begun[of_batch] - received).astype(np.float32)),
            "model_seconds": maker.numbers(chosen.model_seconds[of_batch]),
            "total_seconds": maker.numbers((chosen.finished[of_batch] - received).astype(np.float32)),
            "batch_rows": maker.numbers(chosen.sizes[of_batch]),
        }
        low, high = int(of_batch[0]), int(of_batch[-1]) + 1
        before = int(chosen.offsets[low])
        beyond = int(chosen.offsets[high - 1] + chosen.sizes[high - 1]) - int(at[-1]) - 1
        batches = _without_ends(chosen.answered[low:high], int(at[0]) - before, beyond)
        columns |= self._outputs(batches, at - at[0]) | self._inputs(batches, at - at[0])
        yield from maker.dated(chosen.times[of_batch], columns, self._constants)

    def _outputs(self, ones: Sequence[Answered], at: Indices) -> "dict[str, Column]":
        if self._silent:
            return {}
        outputs = [one.outputs for one in ones]
        predictions = _joined([one.predictions for one in outputs], at)
        columns = self._answers(predictions, outputs, at)
        if any([one.probabilities is not None for one in outputs]):  # noqa: C419 - a generator takes twice the time
            chances = np.concatenate([_probabilities(one) for one in outputs])
            columns["probability"] = self._maker.nullable(self._predicted(chances[at], predictions))
        return columns

    def _answers(self, predictions: Array | list[Any], outputs: Sequence[Outputs], at: Indices) -> "dict[str, Column]":
        many = any([len(one.arrays) > 1 for one in outputs])  # noqa: C419 - a generator takes twice the time
        if isinstance(predictions, np.ndarray) and not many:
            values = predictions.astype(np.float64)
            if np.isfinite(values).all():
                return {"prediction": self._maker.numbers(values)}
        answers: list[Any] = predictions.tolist() if isinstance(predictions, np.ndarray) else predictions
        numbers = [number(value) for value in answers]
        known: dict[str, str | None] = {}
        texts = [
            None if found is not None else self._text(value, known)
            for found, value in zip(numbers, answers, strict=True)
        ]
        if many:
            texts = [json_text(row, self._redacted) for row in _tensor_rows([one.arrays for one in outputs], at)]
        return {"prediction": self._maker.values("float64", numbers), "answer": self._maker.values("string", texts)}

    def _text(self, value: object, known: dict[str, str | None]) -> str | None:
        if type(value) is not str:
            return json_text(value, self._redacted)
        if value not in known:
            known[value] = json_text(value)
        return known[value]

    def _predicted(self, chances: Array, predictions: Array | list[Any]) -> Floats:
        """The probability of the class that was predicted, which need not be the most probable one."""
        best = chances.argmax(axis=1)
        if self._class_at:
            values = predictions.tolist() if isinstance(predictions, np.ndarray) else predictions
            named = np.array([self._place(value) for value in values], np.int64)
            best = np.where((named >= 0) & (named < chances.shape[1]), named, best)
        return cast("Floats", chances[np.arange(len(best)), best].astype(np.float64))

    def _place(self, value: object) -> int:
        try:
            return self._class_at.get(value, -1)
        except TypeError:  # a list: the model answers several values at once
            return -1

    def _inputs(self, ones: Sequence[Answered], at: Indices) -> "dict[str, Column]":
        if self._form is Form.COLUMNS:
            return self._input_columns(ones, at)
        if self._form is Form.TENSORS:
            rows = _tensor_rows([cast("Mapping[str, Array]", one.batch) for one in ones], at, self._redacted)
        else:
            every = list(chain.from_iterable(cast("list[Any]", one.batch) for one in ones))
            rows = (every[index] for index in at.tolist())
        return {"inputs": self._maker.values("string", [json_text(row, self._redacted) for row in rows])}

    def _input_columns(self, ones: Sequence[Answered], at: Indices) -> "dict[str, Column]":
        if self._numeric:
            matrix = _matrix(ones, at)
            if matrix is not None:
                whole = not np.isnan(matrix).any()
                by_column = np.ascontiguousarray(matrix.T)
                make = self._maker.numbers if whole else self._maker.nullable
                return {INPUT_PREFIX + field.name: make(by_column[place]) for place, field in self._fields}
        rows = list(chain.from_iterable(_as_rows(one.batch) for one in ones))
        columns = list(zip(*(rows[index] for index in at.tolist()), strict=True))
        return {INPUT_PREFIX + field.name: self._cells(field, columns[place]) for place, field in self._fields}

    def _cells(self, field: Field, values: Sequence[Any]) -> "Column":
        if field.kind is Kind.STRING:
            return self._maker.values("string", [_string(value) for value in values])
        if field.kind is Kind.BOOLEAN:
            return self._maker.values("bool", [None if value is None else bool(value) for value in values])
        return self._maker.values("float64", [number(value) for value in values])


class LabelColumns:
    """Makes record batches of `labels`."""

    def __init__(self, redacted: frozenset[str], piece: int = PIECE) -> None:
        self._maker = _Maker(dict(LABEL_COLUMNS))
        self._redacted = redacted
        self._piece = piece

    @property
    def schema(self) -> "Schema":
        """Of every record batch."""
        return self._maker.schema

    def of_labels(self, ones: Sequence[tuple[float, Label]]) -> Iterator[Dated]:
        """One row a label; each comes with the unix seconds of its coming in."""
        for first in range(0, len(ones), self._piece):
            some = ones[first : first + self._piece]
            numbers = [number(one.label) for _, one in some]
            texts = [
                None if found is not None else json_text(one.label, self._redacted)
                for found, (_, one) in zip(numbers, some, strict=True)
            ]
            columns = {
                "request_id": self._maker.strings([one.request_id for _, one in some]),
                "row": self._maker.numbers(np.array([one.row for _, one in some], np.int32)),
                "label": self._maker.values("float64", numbers),
                "label_text": self._maker.values("string", texts),
            }
            yield from self._maker.dated(np.array([time for time, _ in some], np.float64), columns, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The rows of many batches in one order, and for each of them where its parts stand.

    Attributes:
        answered: the batches.
        requests: all requests of all batches that were taken.
        total: how many rows.
        value, row, request, batch: for each row: its number among the rows of all batches, its number in its request,
            and the places of its request in `requests` and of its batch in `answered`.
        offsets, sizes, times, begun, finished, model_seconds: for each batch; offsets are of its first row.
    """

    answered: Sequence[Answered]
    requests: Sequence[Logged]
    total: int
    value: Indices
    row: Indices
    request: Indices
    batch: Indices
    offsets: Indices
    sizes: NDArray[np.int32]
    times: Floats
    begun: Floats
    finished: Floats
    model_seconds: NDArray[np.float32]

    @classmethod
    def of(cls, ones: Sequence[Answered], keep: Callable[[str], bool] | None) -> "_Rows":
        asked = [one.requests for one in ones]
        if keep is not None:
            asked = [[each for each in some if keep(each.request_id)] for some in asked]
        requests = list(chain.from_iterable(asked))
        sizes = np.array([rows_of(one) for one in ones], np.int64)
        offsets = np.cumsum(sizes) - sizes
        counts = np.array([each.count for each in requests], np.int64)
        starts = np.array([each.start for each in requests], np.int64)
        batch_of_request = np.repeat(np.arange(len(ones)), [len(some) for some in asked])
        total = int(counts.sum())
        request = np.repeat(np.arange(len(requests)), counts)
        row = np.arange(total) - (np.cumsum(counts) - counts)[request]
        return cls(
            answered=ones,
            requests=requests,
            total=total,
            value=row + (starts + offsets[batch_of_request])[request],
            row=row,
            request=request,
            batch=batch_of_request[request],
            offsets=offsets,
            sizes=sizes.astype(np.int32),
            times=np.array([one.time for one in ones], np.float64),
            begun=np.array([one.begun for one in ones], np.float64),
            finished=np.array([one.finished for one in ones], np.float64),
            model_seconds=np.array([one.model_seconds for one in ones], np.float32),
        )


def rows_of(one: Answered) -> int:
    """How many rows a batch has."""
    batch = one.batch
    if type(batch) is list or isinstance(batch, np.ndarray):
        return len(batch)
    return len(next(iter(cast("Mapping[str, Array]", batch).values())))


class _Maker:
    """Arrow columns of the types that the log has, and record batches of them, each of a PIECE's rows at most."""

    def __init__(self, types: Mapping[str, str]) -> None:
        from arro3.core import Array as Column  # noqa: PLC0415 - of the extra `log`
        from arro3.core import DataType, RecordBatch, Schema  # noqa: PLC0415
        from arro3.core import Field as ArrowField  # noqa: PLC0415

        self._column, self._record_batch = Column, RecordBatch
        self._types: dict[str, DataType] = {
            _TIME: DataType.timestamp("us", tz="UTC"),
            "string": DataType.string(),
            "int16": DataType.int16(),
            "int32": DataType.int32(),
            "float32": DataType.float32(),
            "float64": DataType.float64(),
            "bool": DataType.bool(),
        }
        self._names = dict(types)
        self._repeated: dict[str, Column] = {}
        self._nulls = {kind: Column([None] * PIECE, self._types[kind]) for kind in set(types.values()) - {_TIME}}
        self.schema = Schema([ArrowField(name, self._types[kind], nullable=True) for name, kind in types.items()])

    def numbers(self, values: NDArray[Any]) -> "Column":
        """A column of a contiguous array, without a copy."""
        return self._column.from_numpy(values)

    def nullable(self, values: Floats) -> "Column":
        """Like `numbers`, with null for NaN."""
        missing = np.isnan(values)
        if not missing.any():
            return self.numbers(np.ascontiguousarray(values))
        return self.values("float64", [None if value != value else value for value in values.tolist()])  # noqa: PLR0124 - NaN

    def values(self, kind: str, values: Sequence[Any]) -> "Column":
        """A column of Python values; None is null."""
        return self._column(values, self._types[kind])

    def strings(self, values: list[str], spread: NDArray[np.int32] | None = None) -> "Column":
        """A column of texts, which may be repeated by index."""
        try:
            column = self.values("string", values)
        except UnicodeEncodeError:
            column = self.values("string", [bounded(value) for value in values])
        return column if spread is None else column.take(self.numbers(spread))

    def repeated(self, values: list[str], spread: NDArray[np.int32] | None = None) -> "Column":
        """Like `strings`, for texts of which there are few."""
        if len(set(values)) == 1:
            return self._same(values[0], len(values) if spread is None else len(spread))
        return self.strings(values, spread)

    def dated(self, times: Floats, columns: "Mapping[str, Column]", constants: Mapping[str, str]) -> Iterator[Dated]:
        """Record batches of one date each; columns that aren't given are constant or null."""
        stamps = np.round(times * _MICROSECONDS).astype(np.int64)
        rows = len(stamps)
        given = {"time": self.numbers(stamps).cast(self._types[_TIME]), **columns}
        arrays = [
            given[name] if name in given else self._filled(kind, constants.get(name), rows)
            for name, kind in self._names.items()
        ]
        batch = self._record_batch.from_arrays(arrays, schema=self.schema)
        if stamps.min() // _DAY == stamps.max() // _DAY:
            yield Dated(_day(stamps[0] // _DAY), batch, rows)
            return
        days = stamps // _DAY
        edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), rows]
        for first, last in pairwise(edges):
            yield Dated(_day(days[first]), batch.slice(first, last - first), last - first)

    def _filled(self, kind: str, value: str | None, rows: int) -> "Column":
        return self._nulls[kind].slice(0, rows) if value is None else self._same(value, rows)

    def _same(self, value: str, rows: int) -> "Column":
        known = self._repeated.get(value)
        if known is None:
            if len(self._repeated) >= _REPEATED:
                self._repeated.clear()
            known = self._repeated[value] = self.strings([value], np.zeros(PIECE, np.int32))
        return known.slice(0, rows)


def _without_ends(ones: Sequence[Answered], before: int, beyond: int) -> Sequence[Answered]:
    """The batches without some rows of the first and of the last one, so that of a large batch only a piece is read."""
    if not (before or beyond):
        return ones
    cut = list(ones)
    cut[-1] = _part(cut[-1], 0, rows_of(cut[-1]) - beyond)
    cut[0] = _part(cut[0], before, rows_of(cut[0]))
    return cut


def _part(one: Answered, first: int, last: int) -> Answered:
    rows = slice(first, last)
    outputs = Outputs(
        predictions=one.outputs.predictions[rows],
        probabilities=None if one.outputs.probabilities is None else one.outputs.probabilities[rows],
        arrays={name: array[rows] for name, array in one.outputs.arrays.items()},
    )
    batch = one.batch
    kept = {name: array[rows] for name, array in batch.items()} if isinstance(batch, Mapping) else batch[rows]
    return replace(one, batch=kept, outputs=outputs)


def _day(number: np.int64) -> date:
    return date.fromordinal(_EPOCH + int(number))


def _spread(values: NDArray[Any], spread: NDArray[np.int32] | None) -> NDArray[Any]:
    return values if spread is None else values[spread]


def _joined(parts: Sequence[Array | Sequence[Any]], at: Indices) -> Array | list[Any]:
    """The predictions of many batches, rows `at` of them: an array where all are plain numbers, else a list."""
    if {type(part) for part in parts} == {np.ndarray}:
        arrays = cast("Sequence[Array]", parts)
        if {part.dtype.kind for part in arrays} <= {"i", "u", "f"} and {part.ndim for part in arrays} == {1}:
            every: Array = np.concatenate(arrays)
            return every if len(every) == len(at) else every[at]
    listed = list(chain.from_iterable(_items(part) for part in parts))
    return [listed[index] for index in at.tolist()]


def _items(part: Array | Sequence[Any]) -> Sequence[Any]:
    """The rows of one batch's predictions; rows of many values stay arrays, so that their size is known unread."""
    if isinstance(part, np.ndarray):
        return cast("list[Any]", part.tolist()) if part.ndim == 1 else list(part)
    return part


def _probabilities(one: Outputs) -> Array:
    chances, rows = one.probabilities, len(one.predictions)
    if chances is None or chances.ndim != _TABLE:
        return np.full((rows, 1), np.nan)
    return chances


def _tensor_rows(
    parts: Sequence[Mapping[str, Array]], at: Indices, redacted: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Rows `at` of batches of named arrays, one mapping a row; what is too large to be written is not read."""
    ends = np.cumsum([len(next(iter(part.values()))) for part in parts])
    for index, part in zip(at.tolist(), np.searchsorted(ends, at, side="right").tolist(), strict=True):
        arrays = parts[part]
        within = index - int(ends[part]) + len(next(iter(arrays.values())))
        yield {name: None if name in redacted else _small(array[within]) for name, array in arrays.items()}


def _small(value: object) -> object:
    if isinstance(value, np.ndarray) and value.size * 2 > TEXT_LIMIT:
        return {"omitted_shape": list(value.shape)}
    return value


def _matrix(ones: Sequence[Answered], at: Indices) -> Floats | None:
    """Rows `at` of batches of numbers; None where a value is none."""
    batches = [one.batch for one in ones]
    try:
        if {type(batch) for batch in batches} == {list}:
            matrix = _floats(list(chain.from_iterable(cast("Sequence[list[list[Any]]]", batches))))
        else:
            matrix = np.concatenate([np.asarray(batch, np.float64) for batch in batches])
    except (TypeError, ValueError, OverflowError):
        return None
    return matrix if len(matrix) == len(at) else matrix[at]


def _floats(rows: list[list[Any]]) -> Floats:
    try:
        values = np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * len(rows[0]))
    except TypeError:  # a None, which only `array` takes for NaN
        return np.array(rows, np.float64)
    return values.reshape(len(rows), -1)


def _as_rows(batch: object) -> list[list[Any]]:
    return cast("list[list[Any]]", batch.tolist() if isinstance(batch, np.ndarray) else batch)


def _string(value: object) -> str | None:
    if value is None:
        return None
    return bounded(value if isinstance(value, str) else str(value))
