"""What is compared with the log: the training sample in a file, or another log.

Samples are kept as counts of distinct values, which is all that distances need, and little even of millions of rows.
"""

# ruff: noqa: S608 - names are quoted by `name`, files by `text`

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from seatrial.records import UsageError
from seatrial.records.telemetry import INPUT_PREFIX
from seatrial.telemetry.distances import Numbers, Sample, Texts
from seatrial.telemetry.files import is_file_of_rows, rows_of
from seatrial.telemetry.log import PredictionLog, first_line, name, open_log
from seatrial.telemetry.quality import class_of

ANSWERED = "(prediction IS NOT NULL OR answer IS NOT NULL)"
OUTPUT = "prediction"
_NUMBERS = ("INT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Samples of the columns of a reference.

    Attributes:
        source: as it was named.
        rows: how many.
        inputs: by name of the field.
        output: of the model's answers; None if the reference has none.
        warnings: one sentence for each file of a log that was left out.
    """

    source: str
    rows: int
    inputs: Mapping[str, Sample]
    output: Sample | None
    warnings: tuple[str, ...] = ()


def read_reference(source: str, *, output: str | None = None) -> Reference:
    """Read a training sample, or another log.

    Args:
        source: a CSV, TSV, JSON, JSON-lines or Parquet file with a column for each input (with or without the prefix
            `input_`); or the directory or `s3://bucket/prefix` of a log.
        output: the file's column to hold the model's answers against; by default `prediction`, where there is one.

    Raises:
        UsageError: it can't be read, or has no such column.
    """
    if is_file_of_rows(source):
        return _of_file(Path(source), output)
    if output is not None:
        raise UsageError("a log's answers are known", where="--output", remedy="leave --output out")
    with open_log(source) as log:
        return of_log(log, source)


def of_log(log: PredictionLog, source: str) -> Reference:
    """The samples of a log's answered rows, taken together."""
    inputs = {field: samples[0] for field, samples in input_samples(log, "NULL::BIGINT").items() if 0 in samples}
    outputs = output_samples(log, "NULL::BIGINT")
    rows = log.run(
        lambda connection: connection.execute(f"SELECT count(*) FROM predictions WHERE {ANSWERED}").fetchall()
    )
    if rows[0][0] == 0:
        raise UsageError("the reference has no answered row", where=source)
    return Reference(source=source, rows=rows[0][0], inputs=inputs, output=outputs.get(0), warnings=tuple(log.warnings))


def input_samples(log: PredictionLog, step: str) -> dict[str, dict[int, Sample]]:
    """Of each input column, by step of time (0 where there are none).

    Args:
        log: the selected predictions.
        step: SQL of the step of a row.
    """
    return {field: log.run(partial(_of_input, field=field, kind=kind, step=step)) for field, kind in log.inputs.items()}


def _of_input(connection: duckdb.DuckDBPyConnection, *, field: str, kind: str, step: str) -> dict[int, Sample]:
    source = f"predictions WHERE {ANSWERED}"
    return _samples(connection, source, name(INPUT_PREFIX + field), step, texts=not _is_number(kind))


def output_samples(log: PredictionLog, step: str) -> dict[int, Sample]:
    """Of the answers, by step of time: numbers if all are, else classes."""
    source = f"predictions WHERE {ANSWERED}"

    def question(connection: duckdb.DuckDBPyConnection) -> dict[int, Sample]:
        found = connection.execute(f"SELECT count(answer) > 0 FROM {source}").fetchone()
        if found and found[0]:
            return _samples(connection, source, class_of(OUTPUT, "answer"), step, texts=True)
        return _samples(connection, source, OUTPUT, step, texts=False)

    return log.run(question)


def as_texts(sample: Sample) -> Texts:
    """A sample of numbers as categories, whole ones without a decimal point."""
    if isinstance(sample, Texts):
        return sample
    names = [f"{value:.0f}" if value == round(value) else repr(float(value)) for value in sample.values]
    return Texts(dict(zip(names, map(float, sample.counts), strict=True)), sample.missing)


def of_one_kind(reference: Sample, current: Sample) -> tuple[Sample, Sample]:
    """Both as numbers if both are, else both as categories."""
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        return reference, current
    return as_texts(reference), as_texts(current)


def _of_file(path: Path, output: str | None) -> Reference:
    reader = rows_of(path, typed=True)
    with duckdb.connect() as connection:
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()
            connection.execute(f"CREATE TABLE reference AS SELECT * FROM {reader}")
            kinds = {row[0]: row[1] for row in described}
            samples = {column: _of_column(connection, column, kind) for column, kind in kinds.items()}
            rows = connection.execute("SELECT count(*) FROM reference").fetchall()[0][0]
        except duckdb.Error as error:
            raise UsageError(f"the reference can't be read: {first_line(error)}", where=str(path)) from error
    if rows == 0:
        raise UsageError("the reference has no row", where=str(path))
    if output is not None and output not in samples:
        raise UsageError(
            f"there is no column {output!r}", where=str(path), remedy=f"the columns are {', '.join(samples)}"
        )
    inputs = {column.removeprefix(INPUT_PREFIX): sample for column, sample in samples.items()}
    return Reference(source=str(path), rows=rows, inputs=inputs, output=samples.get(output or OUTPUT))


def _of_column(connection: duckdb.DuckDBPyConnection, column: str, kind: str) -> Sample:
    found = _samples(connection, "reference", name(column), "NULL::BIGINT", texts=not _is_number(kind))
    return found.get(0, Texts({}))


def _is_number(kind: str) -> bool:
    return any(kind.startswith(("U", "HUGE", "BIG", "SMALL", "TINY", one)) for one in _NUMBERS) and kind != "UUID"


def _samples(
    connection: duckdb.DuckDBPyConnection, source: str, column: str, step: str, *, texts: bool
) -> dict[int, Sample]:
    """Samples of one column by step; the step of rows without one is 0."""
    value = f"({column})::VARCHAR" if texts else f"coalesce(TRY_CAST({column} AS DOUBLE), 'nan'::DOUBLE)"
    rows = connection.execute(
        f"SELECT coalesce({step}, 0)::BIGINT AS step, {value} AS value, count(*)::DOUBLE AS rows FROM {source} GROUP BY ALL"
    )
    return _texts(rows.fetchall()) if texts else _numbers(rows.fetchnumpy())


def _numbers(found: Mapping[str, Any]) -> dict[int, Sample]:
    steps, values, counts = (np.asarray(found[column]) for column in ("step", "value", "rows"))
    return {int(step): Numbers.of(values[steps == step], counts[steps == step]) for step in np.unique(steps)}


def _texts(found: list[tuple[int, str | None, float]]) -> dict[int, Sample]:
    samples: dict[int, Texts] = {}
    for step, value, count in found:
        sample = samples.setdefault(step, Texts({}))
        if value is None:
            samples[step] = replace(sample, missing=sample.missing + count)
        else:
            sample.counts[value] = count
    return dict(samples)
