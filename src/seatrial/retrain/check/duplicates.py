"""Rows that were there before: in the same batch, or in an earlier version of the dataset.

A key is looked for in all earlier rows, but where the time is a part of it in those segments alone whose times the batch
reaches. Rows that lack every part of the key can't be told from others and are not compared.
"""

# ruff: noqa: S608 - names are quoted by `name`, files by `text`

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, Segment
from seatrial.retrain.check.batch import Batch, Problem
from seatrial.retrain.check.before import Before
from seatrial.retrain.check.shown import shown
from seatrial.retrain.check.types import iso, typed, types_of
from seatrial.retrain.rows import ROW, moment, one
from seatrial.telemetry.log import name, text
from seatrial.wording.text import MISSING

DUPLICATES: Final = "duplicates"
IN_EARLIER: Final = "is in an earlier version"
_EXAMPLES: Final = 5


def check_keys(batch: Batch, spec: DataCheckSpec, before: Before) -> None:
    """Refuse the rows whose key an earlier version has, and of each key in the batch all rows but the first good one."""
    keys = [column for column in batch.columns if column.name in spec.key]
    known = "NOT (" + " AND ".join(f"{name(key.name)} IS NULL" for key in keys) + ")"
    words = f"the same {', '.join(spec.key)}"
    segments = _in_reach(batch, spec, before) if spec.time in spec.key else before.segments
    if segments:
        _view_earlier(batch, keys, before, segments)
        same = " AND ".join(f"new.{name(key.name)} IS NOT DISTINCT FROM earlier.{name(key.name)}" for key in keys)
        batch.refuse(
            Problem(check=DUPLICATES, words=f"{words} {IN_EARLIER}"),
            f"""SELECT {ROW} AS "row", NULL AS "value"
            FROM (SELECT * FROM clean WHERE {known}) AS new SEMI JOIN earlier ON {same} ORDER BY "row" """,
        )
    names = ", ".join(name(key.name) for key in keys)
    batch.refuse(
        Problem(check=DUPLICATES, words=f"{words} came before in the batch"),
        f"""SELECT {ROW} AS "row", NULL AS "value" FROM (SELECT * FROM clean WHERE {known}) AS new
        ANTI JOIN (SELECT min({ROW}) AS first FROM clean GROUP BY {names}) AS firsts ON new.{ROW} = firsts.first
        ORDER BY "row" """,
    )


def is_replay(batch: Batch, time: str, before: Before) -> bool:
    """Whether the clean rows are, all together, exactly those of an earlier version: for data that have a time and no key."""
    span = _span(batch, time)
    if span is None:
        return False
    alike = (batch.rows - batch.bad(), *span)
    return any(
        _same_rows(batch, before, segment)
        for segment in before.segments
        if alike == (segment.rows, segment.earliest, segment.latest)
    )


def examples(batch: Batch, problem: Problem, key: Sequence[str]) -> tuple[str, ...]:
    """Keys of the first rows that a problem was noted of."""
    keys = [column for column in batch.columns if column.name in key]
    times = {place for place, column in enumerate(keys) if column.kind is ColumnKind.TIME}
    shown_keys = ", ".join(iso(one.name) if place in times else name(one.name) for place, one in enumerate(keys))
    found = batch.connection.execute(
        f"""SELECT {shown_keys} FROM typed SEMI JOIN ({batch.rows_of(problem)}) AS bad ON typed.{ROW} = bad."row"
        ORDER BY {ROW} LIMIT {_EXAMPLES}"""
    )
    return tuple(
        ", ".join((value if place in times else shown(value)) or MISSING for place, value in enumerate(row))
        for row in found.fetchall()
    )


def _in_reach(batch: Batch, spec: DataCheckSpec, before: Before) -> Sequence[Segment]:
    span = _span(batch, spec.time)
    return [] if span is None else [segment for segment in before.segments if _overlaps(segment, *span)]


def _overlaps(segment: Segment, first: datetime, last: datetime) -> bool:
    if segment.earliest is None or segment.latest is None:
        return True
    return segment.earliest <= last and first <= segment.latest


def _span(batch: Batch, time: str) -> tuple[datetime, datetime] | None:
    found = batch.connection.execute(
        f"SELECT epoch_us(min({name(time)})), epoch_us(max({name(time)})) FROM clean"
    ).fetchall()
    first, last = found[0]
    return None if first is None else (moment(first), moment(last))


def _view_earlier(batch: Batch, columns: Sequence[ColumnSpec], before: Before, segments: Iterable[Segment]) -> None:
    files = ", ".join(text(str(before.file(segment))) for segment in segments)
    source = f"SELECT * FROM read_parquet([{files}], union_by_name = true)"
    selected = ", ".join(typed(columns, types_of(batch.connection, source)))
    batch.connection.execute(f"CREATE OR REPLACE VIEW earlier AS SELECT {selected} FROM ({source})")


def _same_rows(batch: Batch, before: Before, segment: Segment) -> bool:
    _view_earlier(batch, batch.columns, before, [segment])
    names = ", ".join(name(column.name) for column in batch.columns)
    left = f"SELECT {names} FROM clean EXCEPT ALL SELECT {names} FROM earlier"
    return not one(batch.connection, f"SELECT count(*) FROM ({left})")
