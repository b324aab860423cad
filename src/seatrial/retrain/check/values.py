"""Checks of each row by itself: its columns' kinds and ranges, the project's own schema, and its time."""

# ruff: noqa: S608 - names are quoted by `name`

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from seatrial.records import DataCheckSpec
from seatrial.retrain.check.batch import Batch, Problem
from seatrial.retrain.check.types import iso
from seatrial.retrain.rows import ROW, micros
from seatrial.telemetry.log import name
from seatrial.trial.own import load_own
from seatrial.wording.text import duration

SCHEMA: Final = "schema"
LATE: Final = "late"
FUTURE: Final = "future"


def check_columns(batch: Batch) -> None:
    """Refuse the rows with a value that its column may not have, chunk by chunk."""
    from seatrial.retrain.check.schema import ColumnsSchema  # noqa: PLC0415 - pandera takes half a second

    schema = ColumnsSchema(batch.columns)
    batch.refuse_wrong_kinds()
    for rows, values in batch.chunks():
        for failure in schema.failures(rows, values):
            problem = Problem(check=SCHEMA, column=failure.column, words=failure.words, limit=failure.limit)
            batch.refuse_rows(problem, failure.rows, failure.values)


def check_project(batch: Batch, named: str, project: Path) -> tuple[Problem, ...]:
    """Refuse the rows that the project's own schema refuses; gives what it says against all rows together.

    Raises:
        UsageError: there is no such schema, or it can't be applied.
    """
    from seatrial.retrain.check.schema import ProjectSchema  # noqa: PLC0415 - as above

    schema = ProjectSchema(load_own(named, project, what="the schema", where="data.checks.pandera"), named)
    together = []
    for failure in schema.failures(batch.columns, *batch.together()):
        problem = Problem(check=SCHEMA, column=failure.column, words=failure.words)
        if len(failure.rows):
            batch.refuse_rows(problem, failure.rows, failure.values)
        else:
            together.append(problem)
    return tuple(together)


def check_times(batch: Batch, spec: DataCheckSpec, began: datetime, ended: datetime) -> None:
    """Refuse the rows whose time is too long before the collection began, or too far ahead of the clock when it ended."""
    if spec.time and spec.late is not None:
        words = f"is more than {duration(spec.late)} before the collection began"
        bound = micros(began - timedelta(seconds=spec.late))
        _refuse_times(batch, Problem(check=LATE, column=spec.time, words=words), "<", bound)
    if spec.time:
        words = f"is more than {duration(spec.future)} ahead of the clock"
        bound = micros(ended + timedelta(seconds=spec.future))
        _refuse_times(batch, Problem(check=FUTURE, column=spec.time, words=words), ">", bound)


def _refuse_times(batch: Batch, problem: Problem, sign: str, bound: int) -> None:
    column = name(problem.column)
    batch.refuse(
        problem,
        f"""SELECT {ROW} AS "row", {iso(problem.column)} AS "value" FROM typed
        WHERE epoch_us({column}) {sign} ? ORDER BY "row" """,
        [bound],
    )
