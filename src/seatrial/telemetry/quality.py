"""How right the answers were, per version over time, as far as labels have come in.

Whether a model gives numbers or classes is told from the answers and labels themselves: texts and probabilities mean
classes, and so do whole numbers of few values on both sides; the user may say otherwise.
"""

# ruff: noqa: S608 - what is filled in comes from our own tables of expressions

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np

from seatrial.records import UsageError
from seatrial.telemetry.labels import read_labels
from seatrial.telemetry.log import PredictionLog
from seatrial.telemetry.scores import CLASSIFICATION, REGRESSION, Confusion, Moments, Score, classification, regression
from seatrial.telemetry.window import Bucket

Key: TypeAlias = tuple[int | None, str]
"""A step of time (seconds since 1970, None for `all`) and a version."""

_MOST_CLASSES = 50
_BINARY = ({"0", "1"}, {"false", "true"})
_POSITIVE = ("1", "true")


class Task(StrEnum):
    """What a model gives."""

    REGRESSION = "regression"
    CLASSIFICATION = "classification"


_METRICS = {Task.REGRESSION: tuple(REGRESSION), Task.CLASSIFICATION: CLASSIFICATION}
_DEFAULT = {Task.REGRESSION: ("mae", "rmse", "r2"), Task.CLASSIFICATION: ("accuracy", "f1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityStep:
    """One version in one step of time.

    Attributes:
        time: when the step begins; None for one step over everything.
        version: of the model.
        rows: that were answered with a prediction.
        labelled: of them with a label.
        missing: of them without.
        coverage: labelled / rows.
        scores: by metric, over the labelled rows.
    """

    time: datetime | None
    version: str
    rows: int
    labelled: int
    missing: int
    coverage: float
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Steps by time, then version.

    Attributes:
        by: length of a step.
        task: None while there is no label.
        metrics: in the order that they were asked for.
        steps: by time, then version.
        unmatched: labels that belong to none of the selected predictions.
        notes: what a reader should know.
    """

    by: Bucket
    task: Task | None
    metrics: tuple[str, ...]
    steps: tuple[QualityStep, ...]
    unmatched: int
    notes: tuple[str, ...] = ()


def find_quality(
    log: PredictionLog,
    by: Bucket = Bucket.DAY,
    *,
    metrics: Sequence[str] = (),
    task: Task | None = None,
    labels: Path | None = None,
) -> QualityReport:
    """Quality of the selected predictions per version and step of time.

    Args:
        log: the predictions, and the labels that came in.
        by: length of a step.
        metrics: names; none: the usual ones of the task.
        task: None: as the data say.
        labels: a file with further labels, which win over those of the log.

    Raises:
        UsageError: a metric is unknown or of the other task, or the file can't be read.
    """
    asked = _checked(metrics, task)
    return log.run(lambda connection: _Question(connection, by, labels).answer(asked, metrics))


def _checked(metrics: Sequence[str], task: Task | None) -> Task | None:
    """The task that the metrics belong to."""
    for metric in metrics:
        owner = next((one for one, names in _METRICS.items() if metric in names), None)
        if owner is None:
            known = "; ".join(f"{one.value}: {', '.join(names)}" for one, names in _METRICS.items())
            raise UsageError(f"there is no metric {metric!r}", where="--metric", remedy=f"known are {known}")
        if task is not None and owner is not task:
            raise UsageError(
                f"{metric} is a metric of {owner.value}, not of {task.value}",
                where="--metric",
                remedy="ask for metrics of one kind",
            )
        task = owner
    return task


def class_of(number: str, json: str) -> str:
    """SQL: what an answer or label is called as a class; the same for `3`, `3.0` and `"3"`."""
    return f"""CASE WHEN {json} LIKE '"%' AND json_valid({json}) THEN {json} ->> '$'
                    WHEN {json} IS NOT NULL THEN {json}
                    WHEN {number} = floor({number}) AND abs({number}) < 1e15 THEN {number}::BIGINT::VARCHAR
                    ELSE {number}::VARCHAR END"""


_LABELLED = "(label IS NOT NULL OR label_text IS NOT NULL)"
_SCORED = "prediction IS NOT NULL AND label IS NOT NULL AND isfinite(prediction) AND isfinite(label)"
_MOMENTS = f"""
    WITH numbers AS (
        SELECT step, version, prediction - label AS e, abs(e) AS a, e * e AS q,
               a / greatest(abs(label), 2.220446049250313e-16) AS p,
               (label - avg(label) OVER (PARTITION BY step, version)) ** 2 AS s
        FROM matched WHERE {_SCORED}
    )
    SELECT step, version, count(*), avg(e), stddev_samp(e), avg(a), stddev_samp(a), avg(q), stddev_samp(q), avg(p),
           stddev_samp(p), avg(s), avg(s * s), avg(q * s)
    FROM numbers GROUP BY ALL
"""
_CONFUSION = f"""
    SELECT step, version, {class_of("label", "label_text")} AS truth, {class_of("prediction", "answer")} AS given_class,
           count(*)
    FROM matched WHERE {_LABELLED} GROUP BY ALL
"""


class _Question:
    """One look at the data: predictions with their latest labels as the table `matched`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, by: Bucket, labels: Path | None) -> None:
        self._connection = connection
        self._by = by
        newest = "SELECT request_id, row, label, label_text FROM latest"
        if labels is not None:
            read_labels(labels, connection, "given")
            newest = (
                "SELECT request_id, row, label, label_text FROM given UNION ALL "
                f"({newest} ANTI JOIN given USING (request_id, row))"
            )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE newest AS {newest}")
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE matched AS
            SELECT {by.expression} AS step, coalesce(version, '') AS version, prediction, answer, probability, label,
                   label_text
            FROM predictions LEFT JOIN newest USING (request_id, row)
            WHERE prediction IS NOT NULL OR answer IS NOT NULL
            """
        )

    def answer(self, task: Task | None, metrics: Sequence[str]) -> QualityReport:
        """Counts and scores of each step and version."""
        counts = self._rows(
            f"SELECT step, version, count(*), count(*) FILTER {_where(_LABELLED)} FROM matched GROUP BY ALL"
        )
        task = task or self._task()
        names = tuple(metrics) or (_DEFAULT[task] if task else ())
        scores, notes = self._scores(task, names)
        steps = tuple(
            QualityStep(
                time=self._by.begins(step),
                version=version,
                rows=rows,
                labelled=labelled,
                missing=rows - labelled,
                coverage=labelled / rows,
                scores=scores.get((step, version), {metric: Score() for metric in names}),
            )
            for step, version, rows, labelled in sorted(counts, key=lambda row: (row[0] or 0, row[1]))
        )
        ((unmatched,),) = self._rows(
            f"SELECT count(*) FROM newest ANTI JOIN predictions USING (request_id, row) WHERE {_LABELLED}"
        )
        if not any(step.labelled for step in steps):
            notes = ("no prediction has a label yet",)
        return QualityReport(by=self._by, task=task, metrics=names, steps=steps, unmatched=unmatched, notes=notes)

    def _rows(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()

    def _task(self) -> Task | None:
        """What the labelled rows look like; None if there are none."""
        ((rows, numbers, probabilities, whole, values),) = self._rows(
            f"""
            SELECT count(*), count(*) FILTER {_where("prediction IS NOT NULL AND label IS NOT NULL")}, count(probability),
                   coalesce(bool_and(prediction = floor(prediction) AND label = floor(label)), false),
                   approx_count_distinct(prediction)
            FROM matched WHERE {_LABELLED}
            """
        )
        if rows == 0:
            return None
        classes = numbers == 0 or probabilities > 0 or (whole and values <= _MOST_CLASSES)
        return Task.CLASSIFICATION if classes else Task.REGRESSION

    def _scores(
        self, task: Task | None, metrics: tuple[str, ...]
    ) -> tuple[dict[Key, dict[str, Score]], tuple[str, ...]]:
        if task is Task.REGRESSION:
            return self._regression(metrics)
        if task is Task.CLASSIFICATION:
            return self._classification(metrics)
        return {}, ()

    def _regression(self, metrics: tuple[str, ...]) -> tuple[dict[Key, dict[str, Score]], tuple[str, ...]]:
        found = {(row[0], row[1]): _moments(row[2:]) for row in self._rows(_MOMENTS)}
        ((unlike,),) = self._rows(f"SELECT count(*) FROM matched WHERE {_LABELLED} AND NOT coalesce({_SCORED}, false)")
        note = f"{unlike} labelled rows are left out: their answer or label is no number"
        return (
            {key: {metric: regression(one, metric) for metric in metrics} for key, one in found.items()},
            (note,) if unlike else (),
        )

    def _classification(self, metrics: tuple[str, ...]) -> tuple[dict[Key, dict[str, Score]], tuple[str, ...]]:
        cells: defaultdict[Key, list[tuple[str, str, int]]] = defaultdict(list)
        for step, version, truth, answered, count in self._rows(_CONFUSION):
            cells[step, version].append((truth, answered, count))
        every = [cell for found in cells.values() for cell in found]
        labels, answers = {cell[0] for cell in every}, {cell[1] for cell in every}
        codes = {name: code for code, name in enumerate(sorted(labels | answers))}
        positive = next((codes[one] for one in _POSITIVE if one in codes), None) if set(codes) in _BINARY else None
        scores = {
            key: {metric: classification(_confusion(found, codes, positive), metric) for metric in metrics}
            for key, found in cells.items()
        }
        return scores, _class_notes(labels, answers, metrics, binary=set(codes) in _BINARY)


def _confusion(cells: list[tuple[str, str, int]], codes: dict[str, int], positive: int | None) -> Confusion:
    return Confusion(
        labels=np.array([codes[truth] for truth, _, _ in cells], dtype=np.intp),
        answers=np.array([codes[answered] for _, answered, _ in cells], dtype=np.intp),
        counts=np.array([count for _, _, count in cells], dtype=np.float64),
        classes=len(codes),
        positive=positive,
    )


def _moments(sums: Sequence[Any]) -> Moments:
    rows, *means = sums
    error, error_sd, absolute, absolute_sd, square, square_sd, relative, relative_sd, *spread = (
        0.0 if value is None else float(value) for value in means
    )
    return Moments(
        rows=rows,
        error=error,
        error_sd=error_sd,
        absolute=absolute,
        absolute_sd=absolute_sd,
        square=square,
        square_sd=square_sd,
        relative=relative,
        relative_sd=relative_sd,
        spread2=spread[0],
        spread4=spread[1],
        square_spread2=spread[2],
    )


def _class_notes(labels: set[str], answers: set[str], metrics: tuple[str, ...], *, binary: bool) -> tuple[str, ...]:
    notes = []
    if labels and answers and not labels & answers:
        notes.append(
            f"answers and labels have no class in common: answers are {_few(answers)}; labels are {_few(labels)}"
        )
    averaged = [metric for metric in metrics if metric in {"precision", "recall", "f1"}]
    if averaged and not binary:
        notes.append(f"{', '.join(averaged)}: mean over the classes (macro)")
    return tuple(notes)


def _few(names: set[str]) -> str:
    shown = sorted(names)[:5]
    return ", ".join(shown) + (" …" if len(names) > len(shown) else "")


def _where(condition: str) -> str:
    return f"(WHERE {condition})"
