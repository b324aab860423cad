"""A parser: events in, columns out, and every line accounted for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seatrial.ports import EventBatch
from seatrial.records import ColumnKind, ColumnSpec
from seatrial.retrain.parse.columns import ColumnMaker, Filled, row_schema
from seatrial.retrain.parse.extracted import Extractor
from seatrial.retrain.parse.lines import LineReader
from seatrial.retrain.parse.parsed import DeadLine, Fault, ParsedBatch
from seatrial.retrain.parse.times import LATEST, PER_MILLISECOND

if TYPE_CHECKING:
    from arro3.core import Array, Schema

_MESSAGE_TIME: Final = "time"
_MESSAGE_KEY: Final = "key"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Parser:
    """Makes rows of events; keeps nothing between two batches.

    Args:
        reader: makes lines of events.
        extractor: finds the values in lines.
        columns: of the rows.
        time_format: of time columns.
    """

    def __init__(
        self, reader: LineReader, extractor: Extractor, columns: tuple[ColumnSpec, ...], time_format: str
    ) -> None:
        self._reader = reader
        self._extractor = extractor
        self._makers = tuple(ColumnMaker(column, time_format) for column in columns)
        self._schema = row_schema(columns)

    @property
    def schema(self) -> "Schema":
        """Of the rows: the dataset's columns and `_offset`."""
        return self._schema

    def parse(self, batch: EventBatch) -> ParsedBatch:
        """Rows and dead lines of a batch. A line of several rows of which one is wrong is dead as a whole."""
        lines = self._reader.read(batch.values)
        found = self._extractor.extract(lines.texts)
        faults = {**lines.faults, **{lines.positions[line]: fault for line, fault in found.faults.items()}}
        events = np.asarray(lines.positions, np.int64)[np.asarray(found.origins, np.int64)]
        arrays = []
        for maker in self._makers:
            filled = self._fill(maker, found.values.get(maker.name), events, batch)
            arrays.append(filled.array)
            for row, fault in filled.faults.items():
                faults.setdefault(int(events[row]), fault)
        return ParsedBatch(
            partition=batch.partition,
            rows=self._rows(arrays, events, faults, batch.offsets),
            dead=tuple(_dead(batch, event, faults[event]) for event in sorted(faults)),
            lines=len(batch.values),
            ignored=lines.ignored + found.ignored,
            empty=lines.empty,
        )

    def _fill(
        self, maker: ColumnMaker, values: Sequence[Any] | None, events: NDArray[np.int64], batch: EventBatch
    ) -> Filled:
        """A column, with the message's own time or key where the lines have none."""
        if maker.name == _MESSAGE_TIME and maker.kind is ColumnKind.TIME and _has_gaps(values):
            return _with_times(maker, values, np.asarray(batch.times, np.int64)[events])
        if maker.name == _MESSAGE_KEY and batch.keys and _has_gaps(values):
            keys = [_key_text(batch.keys[event]) for event in events.tolist()]
            return maker.fill(_instead(values, keys))
        return maker.fill([None] * len(events) if values is None else values)

    def _rows(
        self, arrays: list["Array"], events: NDArray[np.int64], faults: Mapping[int, Fault], offsets: Sequence[int]
    ) -> Any:  # noqa: ANN401 - arro3's classes are only there with the extra
        from arro3.core import Array, RecordBatch  # noqa: PLC0415 - of the extra `retrain`

        own = np.asarray(offsets, np.int64)[events]
        batch = RecordBatch.from_arrays([*arrays, Array.from_numpy(own)], schema=self._schema)
        dead = np.isin(events, np.fromiter(faults, np.int64, len(faults))) if faults else np.zeros(0, np.bool_)
        return batch.take(Array.from_numpy(np.flatnonzero(~dead))) if dead.any() else batch


def _has_gaps(values: Sequence[Any] | None) -> bool:
    return values is None or type(None) in set(map(type, values))


def _with_times(maker: ColumnMaker, values: Sequence[Any] | None, milliseconds: NDArray[np.int64]) -> Filled:
    known = (milliseconds >= 0) & (milliseconds <= LATEST // PER_MILLISECOND)
    if values is None and known.all():
        return maker.moments(milliseconds * PER_MILLISECOND)
    times = [
        _EPOCH + timedelta(milliseconds=stamp) if there else None
        for stamp, there in zip(milliseconds.tolist(), known.tolist(), strict=True)
    ]
    return maker.fill(_instead(values, times))


def _instead(values: Sequence[Any] | None, others: Sequence[Any]) -> Sequence[Any]:
    """The values, with others where there are none."""
    if values is None:
        return others
    return [other if value is None else value for value, other in zip(values, others, strict=True)]


def _key_text(key: bytes | None) -> str | None:
    """A key as text; what is not UTF-8 becomes text that no column takes."""
    return None if key is None else key.decode(errors="surrogateescape")


def _dead(batch: EventBatch, event: int, fault: Fault) -> DeadLine:
    return DeadLine(offset=int(batch.offsets[event]), fault=fault, line=batch.values[event])
