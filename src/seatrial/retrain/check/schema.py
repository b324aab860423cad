"""What each value may be, as pandera's schemas: one made of the columns, and the project's own. Only here is pandera imported.

pandera finds all that is wrong at once (lazy validation). The columns' schema looks at one value at a time, so that a batch
can be looked at chunk by chunk. Nobody knows what the project's looks at (a mean, a uniqueness), so that it gets all rows
together.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors
from pandera.pandas import Check, Column, DataFrameModel, DataFrameSchema

from seatrial.records import ColumnKind, ColumnSpec, UsageError
from seatrial.retrain.check.shown import all_shown, figure, listed
from seatrial.wording.text import one_line

MISSING: Final = "is missing"
_DTYPES: Final = {
    ColumnKind.INTEGER: "Int64",
    ColumnKind.NUMBER: "float64",
    ColumnKind.TEXT: None,
    ColumnKind.TIME: "datetime64[us, UTC]",
    ColumnKind.BOOLEAN: "boolean",
}
_NUMERIC: Final = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})
_PROJECTS_FAULT: Final = frozenset(
    {
        SchemaErrorReason.CHECK_ERROR,
        SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME,
        SchemaErrorReason.COLUMN_NOT_IN_SCHEMA,
        SchemaErrorReason.COLUMN_NOT_ORDERED,
        SchemaErrorReason.WRONG_DATATYPE,
        SchemaErrorReason.ADD_MISSING_COLUMN_NO_DEFAULT,
        SchemaErrorReason.INVALID_COLUMN_NAME,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One check that rows failed, or the whole frame.

    Attributes:
        words: what is wrong with the value: `is above 5`.
        column: empty: the row as a whole.
        limit: that was broken, where it is a figure.
        rows: (n,) their numbers; none: the frame as a whole.
        values: n values as they are shown.
    """

    words: str
    rows: NDArray[np.int64]
    column: str = ""
    limit: float | None = None
    values: Sequence[str | None] = ()


class ColumnsSchema:
    """The columns' kinds, ranges, values and patterns."""

    def __init__(self, columns: Sequence[ColumnSpec]) -> None:
        self._columns = tuple(columns)
        self._limits = {(column.name, rule.words): rule.limit for column in columns for rule in _rules(column)}
        self._schema = DataFrameSchema(
            {
                column.name: Column(
                    _DTYPES[column.kind],
                    [Check(rule.holds, name=rule.words) for rule in _rules(column)],
                    nullable=column.optional,
                )
                for column in columns
            }
        )

    def failures(self, rows: NDArray[np.int64], values: Mapping[str, Any]) -> Iterator[Failure]:
        """What is wrong with some rows.

        Args:
            rows: (n,) their numbers.
            values: n of each column, masked where there is none; times in microseconds since 1970.
        """
        frame = frame_of(self._columns, rows, values)
        for error in _errors(self._schema, frame):
            column = str(error.schema.name)
            missing = error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS
            words = MISSING if missing else str(error.check.name)
            failed = _failed_rows(error, frame)
            yield Failure(
                words=words,
                column=column,
                limit=self._limits.get((column, words)),
                rows=failed,
                values=all_shown(frame.loc[failed, column].tolist()) if not missing else [None] * len(failed),
            )


class ProjectSchema:
    """The project's own schema."""

    def __init__(self, found: object, name: str) -> None:
        """Take what the project has under a name. Raises UsageError if it is no schema of pandera."""
        if isinstance(found, type) and issubclass(found, DataFrameModel):
            found = found.to_schema()
        if not isinstance(found, DataFrameSchema):
            raise UsageError(
                f"{name!r} is no schema of pandera",
                where="data.checks.pandera",
                remedy="name a pandera.pandas.DataFrameSchema or DataFrameModel",
            )
        self._name = name
        self._schema = _strict(found)

    def failures(
        self, columns: Sequence[ColumnSpec], rows: NDArray[np.int64], values: Mapping[str, Any]
    ) -> Iterator[Failure]:
        """What is wrong with all rows together; arguments as of ColumnsSchema. A failure without rows is the whole frame's.

        Raises:
            UsageError: the schema does not fit the columns, or one of its checks raises an error.
        """
        frame = _for_project(columns, frame_of(columns, rows, values))
        for error in _errors(self._schema, frame):
            if error.reason_code in _PROJECTS_FAULT:
                raise self._at_fault(error)
            yield self._failure(error, frame)

    def _failure(self, error: SchemaError, frame: pd.DataFrame) -> Failure:
        column = str(error.schema.name) if isinstance(error.schema, Column) else ""
        words = f"fails {one_line(_named(error), 80)} of {self._name}"
        failed = _failed_rows(error, frame)
        values = all_shown(frame.loc[failed, column].tolist()) if column else [None] * len(failed)
        return Failure(words=words, column=column, rows=failed, values=values)

    def _at_fault(self, error: SchemaError) -> UsageError:
        return UsageError(
            f"the project's schema {self._name!r} can't be applied: {one_line(_first_line(error))}",
            where="data.checks.pandera",
            remedy="mend it; nothing was quarantined, and nothing taken from the stream",
        )


def frame_of(columns: Sequence[ColumnSpec], rows: NDArray[np.int64], values: Mapping[str, Any]) -> pd.DataFrame:
    """Columns of arrays as a frame, with the rows' numbers as its index."""
    return pd.DataFrame(
        {column.name: _series(column.kind, np.ma.asarray(values[column.name]), rows) for column in columns},
        index=pd.Index(rows),
    )


def _series(kind: ColumnKind, values: Any, rows: NDArray[np.int64]) -> "pd.Series[Any]":  # noqa: ANN401 - a masked array of any kind
    missing, data = np.ma.getmaskarray(values), values.data
    index = pd.Index(rows)
    match kind:
        case ColumnKind.INTEGER:
            return pd.Series(pd.arrays.IntegerArray(data.astype(np.int64), missing.copy()), index=index)
        case ColumnKind.BOOLEAN:
            return pd.Series(pd.arrays.BooleanArray(data.astype(np.bool_), missing.copy()), index=index)
        case ColumnKind.NUMBER:
            return pd.Series(np.where(missing, np.nan, data).astype(np.float64), index=index)
        case ColumnKind.TIME:
            moments = np.where(missing, np.datetime64("NaT", "us"), data.astype("datetime64[us]"))
            return pd.Series(moments, index=index).dt.tz_localize("UTC")
        case ColumnKind.TEXT:
            return pd.Series(np.where(missing, None, data), index=index, dtype=object)


def _for_project(columns: Sequence[ColumnSpec], frame: pd.DataFrame) -> pd.DataFrame:
    """The types that people write schemas for: numpy's, and pandas' own where a whole number or a truth may be missing."""
    plain: dict[str, Any] = {column.name: str for column in columns if column.kind is ColumnKind.TEXT}
    for column in columns:
        if not column.optional and column.kind in {ColumnKind.INTEGER, ColumnKind.BOOLEAN}:
            plain[column.name] = "int64" if column.kind is ColumnKind.INTEGER else "bool"
    return frame.astype(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What a value may not be, and a function that tells of many whether they may."""

    words: str
    holds: Callable[["pd.Series[Any]"], Any]
    limit: float | None = None


def _rules(column: ColumnSpec) -> Iterator[_Rule]:
    if column.kind is ColumnKind.NUMBER:
        yield _Rule(words="is not finite", holds=np.isfinite)
    if column.kind in _NUMERIC and column.low is not None:
        yield _Rule(words=f"is below {figure(column.low)}", holds=_at_least(column.low), limit=column.low)
    if column.kind in _NUMERIC and column.high is not None:
        yield _Rule(words=f"is above {figure(column.high)}", holds=_at_most(column.high), limit=column.high)
    if column.values:  # noqa: PD011 - no frame's
        yield _Rule(words=f"is none of {listed(column.values)}", holds=_one_of(column))
    if column.pattern and column.kind is ColumnKind.TEXT:
        yield _Rule(words=f"does not match {one_line(column.pattern, 60)}", holds=_matching(column.pattern))


def _at_least(low: float) -> Callable[["pd.Series[Any]"], Any]:
    return lambda values: values >= low


def _at_most(high: float) -> Callable[["pd.Series[Any]"], Any]:
    return lambda values: values <= high


def _one_of(column: ColumnSpec) -> Callable[["pd.Series[Any]"], Any]:
    read: Callable[[str], Any] = str
    if column.kind in _NUMERIC:
        read = float
    if column.kind is ColumnKind.BOOLEAN:
        read = {"true": True, "false": False}.__getitem__
    try:
        allowed = list(map(read, column.values))
    except (ValueError, KeyError):
        raise UsageError(
            f"the values of {column.name!r} are not all of type {column.kind}",
            where="data.columns",
            remedy=f"write values of that type; they are {listed(column.values)}",
        ) from None
    return lambda values: values.isin(allowed)


def _matching(pattern: str) -> Callable[["pd.Series[Any]"], Any]:
    """Each different text is matched once."""
    whole = re.compile(pattern)

    def match(values: "pd.Series[Any]") -> "pd.Series[Any]":
        codes, different = pd.factorize(values)
        matched = np.array([whole.fullmatch(value) is not None for value in different], dtype=np.bool_)
        return pd.Series(matched[codes] if len(matched) else np.zeros(0, np.bool_), index=values.index)

    return match


def _errors(schema: DataFrameSchema, frame: pd.DataFrame) -> Sequence[SchemaError]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return errors.schema_errors
    return ()


def _failed_rows(error: SchemaError, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Numbers of the rows that failed, in their order; none if it is the whole frame that did."""
    answer = error.check_output
    if isinstance(answer, pd.Series) and answer.index.equals(frame.index):
        return np.asarray(frame.index[~answer.astype(bool)], np.int64)
    cases = error.failure_cases
    if not isinstance(cases, pd.DataFrame) or "index" not in cases or cases["index"].isna().any():
        return np.zeros(0, np.int64)
    return np.unique(cases["index"].to_numpy(np.int64))


def _strict(schema: DataFrameSchema) -> DataFrameSchema:
    """The schema without what would hide rows: dropping them, or telling of the first few alone."""
    whole = copy.deepcopy(schema)
    whole.drop_invalid_rows = False
    for part in (whole, *whole.columns.values()):
        for check in part.checks:
            check.n_failure_cases = None
    return whole


def _named(error: SchemaError) -> str:
    check = error.check
    return str(getattr(check, "name", None) or check or error.reason_code)


def _first_line(error: SchemaError) -> str:
    return str(error).partition("\n")[0]
