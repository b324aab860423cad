"""`seatrial telemetry`: questions to the prediction log of a served model."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seatrial.cli.options import Form
from seatrial.cli.output import Format, print_csv, print_grid, print_json, print_verdict, print_warnings

if TYPE_CHECKING:
    from seatrial.telemetry.log import PredictionLog
    from seatrial.telemetry.sql import Answer
    from seatrial.telemetry.window import Bucket, Selection

app = typer.Typer(
    help="Questions to the prediction log that `seatrial serve --log` writes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_MOST_ROWS = 200


class RowsFormat(StrEnum):
    """Of standard output, for rows."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class Step(StrEnum):
    """As `telemetry.window.Bucket`, which is not imported for a help text."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    ALL = "all"


class Task(StrEnum):
    """As `telemetry.quality.Task`."""

    REGRESSION = "regression"
    CLASSIFICATION = "classification"


Target = Annotated[str, typer.Argument(help="Directory or s3://bucket/prefix of the log.", show_default=False)]
By = Annotated[Step, typer.Option(help="Length of a step of time (UTC).")]
Since = Annotated[
    str | None, typer.Option(help="Only what was answered since: 30m, 1h, 7d ago, or 2026-11-20, or 2026-11-20T14:30.")
]
Until = Annotated[str | None, typer.Option(help="Only what was answered before; written as --since.")]
OfVersion = Annotated[str | None, typer.Option("--version", help="Only this model version.")]
Route = Annotated[str | None, typer.Option(help="Only this route (path template).")]
RowsForm = Annotated[RowsFormat, typer.Option("--format", help="Of what is printed on standard output.")]


@app.command()
def latency(
    target: Target,
    by: By = Step.MINUTE,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    route: Route = None,
    form: Form = Format.TEXT,
) -> None:
    """Requests, errors and latency percentiles per version over time."""
    from seatrial.telemetry.latency import find_latency
    from seatrial.telemetry.text import latency_grid

    with _opened(target, _selection(since, until, version, route)) as log:
        report = find_latency(log, _bucket(by))
    if form is Format.JSON:
        print_json(report)
    else:
        print_grid(latency_grid(report), "no request was logged in this time")


@app.command()
def quality(
    target: Target,
    by: By = Step.DAY,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="mae, rmse, mse, mape, bias, r2, or accuracy, balanced_accuracy, precision, recall, f1; comma or repeated."
        ),
    ] = None,
    task: Annotated[Task | None, typer.Option(help="What the model gives. [default: as the data say]")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File with further labels: request_id, label and perhaps row.")
    ] = None,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    route: Route = None,
    form: Form = Format.TEXT,
) -> None:
    """How right the answers were, per version over time, as far as labels have come in."""
    from seatrial.telemetry.quality import Task as Kind
    from seatrial.telemetry.quality import find_quality
    from seatrial.telemetry.text import quality_grid

    metrics = [name.strip() for entry in metric or () for name in entry.split(",") if name.strip()]
    with _opened(target, _selection(since, until, version, route)) as log:
        report = find_quality(log, _bucket(by), metrics=metrics, task=Kind(task.value) if task else None, labels=labels)
    if form is Format.JSON:
        print_json(report)
    else:
        print_grid(quality_grid(report), "no prediction was logged in this time")


@app.command()
def drift(
    target: Target,
    reference: Annotated[
        str, typer.Option(help="Training sample (csv, tsv, jsonl, json, parquet), or another log.", show_default=False)
    ],
    by: By = Step.ALL,
    output: Annotated[
        str | None,
        typer.Option(help="Column of the sample to hold the answers against. [default: prediction, if it is there]"),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Leave this column out; may be repeated.")] = None,
    limit: Annotated[
        float, typer.Option(min=0.01, help="Of the population stability index; half of it is a moderate change.")
    ] = 0.2,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    route: Route = None,
    form: Form = Format.TEXT,
) -> None:
    """Whether inputs and answers still look as they did in training.

    Exit code: 0 they do, 1 a column drifted, 3 too few rows to tell, 2 usage, 4 something broke.
    """
    from seatrial.telemetry.drift import find_drift
    from seatrial.telemetry.reference import read_reference
    from seatrial.telemetry.text import drift_grid, drift_sentence, drift_steps_grid

    selection = _selection(since, until, version, route)
    sample = read_reference(reference, output=output)
    with _opened(target, selection) as log:
        report = find_drift(log, sample, _bucket(by), limit=limit, ignore=ignore or ())
    print_warnings(f"of the reference: {warning}" for warning in sample.warnings)
    if form is Format.JSON:
        print_json(report)
    else:
        print_grid(drift_grid(report), "no answered row was logged in this time")
        if report.steps:
            print_grid(drift_steps_grid(report))
        print_verdict(report.verdict, drift_sentence(report))
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def sql(
    target: Target,
    query: Annotated[
        str, typer.Argument(help="One SELECT over predictions, labels, labelled and requests.", show_default=False)
    ],
    form: RowsForm = RowsFormat.TEXT,
) -> None:
    """Your own question, in DuckDB's SQL; it can read the log and nothing else."""
    from seatrial.telemetry.sql import ask

    with _opened(target) as log:
        answer = ask(log, query, most=_MOST_ROWS if form is RowsFormat.TEXT else None)
    _print_answer(answer, form)


@app.command()
def show(
    target: Target,
    last: Annotated[int, typer.Option(min=1, help="How many rows.")] = 20,
    since: Since = None,
    until: Until = None,
    version: OfVersion = None,
    route: Route = None,
    form: RowsForm = RowsFormat.TEXT,
) -> None:
    """The latest answered rows, the newest last; all their columns with --format json or csv."""
    from seatrial.telemetry.sql import last_rows

    with _opened(target, _selection(since, until, version, route)) as log:
        answer = last_rows(log, last, every=form is not RowsFormat.TEXT)
    _print_answer(answer, form)


@app.command()
def segments(target: Target, form: Form = Format.TEXT) -> None:
    """The files of the log: how many, how large, which rows, and which can't be read."""
    from seatrial.telemetry.segments import list_segments
    from seatrial.telemetry.text import segments_grid

    report = list_segments(target)
    if form is Format.JSON:
        print_json(report)
    else:
        print_grid(segments_grid(report), "no file is here")


@app.command()
def label(
    target: Target,
    file: Annotated[
        Path,
        typer.Argument(
            help="csv, tsv, jsonl, json or parquet with request_id, label and perhaps row.", show_default=False
        ),
    ],
    form: Form = Format.TEXT,
) -> None:
    """Import the labels of a file into the log."""
    from seatrial.telemetry.labels import import_labels

    count = import_labels(target, file, now=datetime.now(UTC))
    if form is Format.JSON:
        print_json({"labels": count})
    else:
        typer.echo(f"{count:,} labels imported")


@app.command()
def compact(target: Target, form: Form = Format.TEXT) -> None:
    """Join small segments into large ones, beside a server that is writing."""
    from seatrial.serve.log.compaction import compact as join

    done = join(target)
    print_warnings(f"{path} is left alone: it is no whole segment" for path in done.broken)
    if form is Format.JSON:
        print_json(done)
    else:
        typer.echo(f"{done.merged:,} segments became {done.written:,} ({done.rows:,} rows)")


def _bucket(by: Step) -> "Bucket":
    from seatrial.telemetry.window import Bucket

    return Bucket(by.value)


def _selection(since: str | None, until: str | None, version: str | None, route: str | None) -> "Selection":
    from seatrial.telemetry.window import Selection, parse_moment

    now = datetime.now(UTC)
    return Selection(
        since=parse_moment(since, now=now, where="--since") if since else None,
        until=parse_moment(until, now=now, where="--until") if until else None,
        version=version,
        route=route,
    )


@contextmanager
def _opened(target: str, selection: "Selection | None" = None) -> "Iterator[PredictionLog]":
    """The log; when the question is answered, what had to be left out is said on standard error."""
    from seatrial.telemetry.log import open_log

    with open_log(target, selection) as log:
        try:
            yield log
        finally:
            print_warnings(log.warnings)


def _print_answer(answer: "Answer", form: RowsFormat) -> None:
    from seatrial.telemetry.text import answer_grid

    if form is RowsFormat.JSON:
        print_json(answer.records())
    elif form is RowsFormat.CSV:
        print_csv(answer.columns, answer.rows)
    else:
        print_grid(answer_grid(answer), "no rows")
