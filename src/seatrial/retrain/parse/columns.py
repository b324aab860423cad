"""Arrow columns of a column's kind from the values that were found in lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seatrial.records import ColumnKind, ColumnSpec
from seatrial.retrain.parse.parsed import OFFSET, Fault
from seatrial.retrain.parse.quick import quick_numbers, quick_times
from seatrial.retrain.parse.values import WrongValueError, converter, is_missing, shown

if TYPE_CHECKING:
    from arro3.core import Array, DataType, Schema


class Filled(NamedTuple):
    """A column, null where there is nothing or nothing right; and the faults by row."""

    array: "Array"
    faults: dict[int, Fault]


class ColumnMaker:
    """Makes one column of a dataset.

    Args:
        spec: the column.
        time_format: of its values, if it is one of times.
    """

    def __init__(self, spec: ColumnSpec, time_format: str) -> None:
        from arro3.core import Array  # noqa: PLC0415 - of the extra `retrain`

        self.name = spec.name
        self.kind = spec.kind
        self._array = Array
        self._optional = spec.optional
        self._time_format = time_format
        self._type = arrow_type(spec.kind)
        self._convert = converter(spec.kind, time_format)

    def fill(self, values: Sequence[Any]) -> Filled:
        """The column; values that are missing are a fault unless it is optional."""
        if self.kind is ColumnKind.TIME:
            return self._times(values)
        if self.kind is ColumnKind.TEXT:
            return self._texts(values)
        quick = quick_numbers(values, self.kind) if values else None
        return self._singly(values) if quick is None else Filled(self._array.from_numpy(quick), {})

    def moments(self, microseconds: NDArray[np.int64]) -> Filled:
        """A column of times that are known to be right."""
        return Filled(self._array.from_numpy(microseconds).cast(self._type), {})

    def _texts(self, values: Sequence[Any]) -> Filled:
        if set(map(type, values)) == {str}:
            try:
                return Filled(self._array(values, self._type), {})
            except UnicodeEncodeError:
                pass
        return self._singly(values)

    def _times(self, values: Sequence[Any]) -> Filled:
        found = quick_times(values, self._time_format)
        if found is None:
            return self._singly(values)
        moments, right = found
        if right.all():
            return self.moments(moments)
        single = self._one_by_one(values, np.flatnonzero(~right).tolist())
        whole: list[Any] = moments.tolist()
        for row, value in single.converted.items():
            whole[row] = value
        return Filled(self._of_list(whole), single.faults)

    def _singly(self, values: Sequence[Any]) -> Filled:
        single = self._one_by_one(values, range(len(values)))
        return Filled(self._of_list(list(single.converted.values())), single.faults)

    def _of_list(self, values: list[Any]) -> "Array":
        from arro3.core import DataType  # noqa: PLC0415 - of the extra `retrain`

        if self.kind is ColumnKind.TIME:
            return self._array(values, DataType.int64()).cast(self._type)
        return self._array(values, self._type)

    def _one_by_one(self, values: Sequence[Any], rows: Sequence[int]) -> "_Single":
        converted: dict[int, Any] = {}
        faults: dict[int, Fault] = {}
        for row in rows:
            value = values[row]
            converted[row] = None
            if is_missing(value, self.kind):
                if not self._optional:
                    faults[row] = self._missing(value)
                continue
            try:
                converted[row] = self._convert(value)
            except WrongValueError as error:
                faults[row] = Fault(f"{self.name}: {shown(value)} {error}", f"{self.name} {error}")
        return _Single(converted, faults)

    def _missing(self, value: object) -> Fault:
        reason = f"{self.name} is {'missing' if value is None else 'empty'}"
        return Fault(reason, reason)


class _Single(NamedTuple):
    converted: dict[int, Any]
    faults: dict[int, Fault]


def arrow_type(kind: ColumnKind) -> "DataType":
    """The type of a column in Arrow and Parquet."""
    from arro3.core import DataType  # noqa: PLC0415 - of the extra `retrain`

    return {
        ColumnKind.INTEGER: DataType.int64(),
        ColumnKind.NUMBER: DataType.float64(),
        ColumnKind.TEXT: DataType.string(),
        ColumnKind.TIME: DataType.timestamp("us", tz="UTC"),
        ColumnKind.BOOLEAN: DataType.bool(),
    }[kind]


def row_schema(columns: Sequence[ColumnSpec]) -> "Schema":
    """Of the rows of a parsed batch."""
    from arro3.core import DataType, Field, Schema  # noqa: PLC0415 - of the extra `retrain`

    own = [Field(column.name, arrow_type(column.kind), nullable=True) for column in columns]
    return Schema([*own, Field(OFFSET, DataType.int64(), nullable=True)])
