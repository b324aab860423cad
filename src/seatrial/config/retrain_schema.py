"""The shape of `retrain` in `seatrial.yaml`: continuous training, loop by loop."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from seatrial.config.quantities import parse_bound
from seatrial.config.schema import (
    Duration,
    DurationOrNone,
    MetricInput,
    Name,
    ResourcesInput,
    Share,
    SliceInput,
    StackInput,
    Strict,
    Text,
    widen,
)
from seatrial.records import After, ColumnKind


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    return value


Regex = Annotated[
    str, Field(min_length=1), BeforeValidator(lambda value: _regex(value) if isinstance(value, str) else value)
]


class StreamInput(Strict):
    """Where events come from: a folder, or topics of Kafka. A bare string is the folder."""

    files: Text | None = Field(
        None, description="Folder, relative to the project; each file in it is a partition, with a line an event."
    )
    kafka: Text | None = Field(None, description="Brokers, as `host:9092,host2:9092`.")
    topics: tuple[Text, ...] = Field((), description="Topics of Kafka.")
    group: Text | None = Field(None, description="Consumer group of Kafka. Default: `seatrial-PROJECT-LOOP`.")
    settings: dict[str, str | int | float | bool] = Field(
        {},
        description="librdkafka's own settings (`security.protocol`, `sasl.mechanism`, `sasl.username`, "
        "`ssl.ca.location`…); `${NAME}` refers to the caller's environment, which is where secrets belong.",
    )
    first: Literal["earliest", "latest"] = Field(
        "earliest", description="Where a partition begins that nothing was taken of yet."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.files is None) == (self.kafka is None):
            raise ValueError("a stream is exactly one of files and kafka")
        if self.kafka is not None and not self.topics:
            raise ValueError("a stream of Kafka needs topics")
        if self.files is not None and (self.topics or self.settings or self.group):
            raise ValueError("topics, group and settings are Kafka's; a folder has none")
        return self


class CollectInput(Strict):
    """When a collection ends: with whichever comes first. A bare duration is the window."""

    window: Duration | None = Field(None, description="For so long, waiting for what comes.")
    events: Annotated[int, Field(gt=0)] | None = Field(None, description="At so many lines.")
    to_end: bool | None = Field(
        None,
        description="At the end of what was there when it began. Default: yes, unless there is a window or a number.",
    )


class ColumnInput(Strict):
    """One column; a bare string is its type."""

    type: ColumnKind = Field(description="`integer`, `number`, `text`, `time` or `boolean`.")
    min: float | None = Field(None, description="Least value.")
    max: float | None = Field(None, description="Largest value.")
    values: tuple[str | int | float | bool, ...] = Field((), description="The only values that are allowed.")
    pattern: Regex | None = Field(None, description="Regular expression that the whole text has to match.")
    optional: bool = Field(False, description="Whether it may be missing.")  # noqa: FBT003


class ParseInput(Strict):
    r"""How a line becomes a row; exactly one of `regex`, `json` and `function`. A bare string is the function."""

    regex: Regex | None = Field(
        None,
        description=r"Searched for in the line: `GET /rate/(?P<movie>.*?)=(?P<rating>\d)`; its groups are columns.",
    )
    fields: tuple[Text, ...] = Field((), description="With `regex`: columns of groups without names, in their order.")
    prefix: tuple[Text, ...] = Field(
        (), description="With `regex`: columns of the line's first parts, split at `separator`: `[time, user]`."
    )
    separator: Text = Field(",", description="Between those.")
    json_paths: dict[Text, Text] | None = Field(
        None,
        alias="json",
        description="Dotted path in the document (`event.user.id`) by column; `{}`: fields of the columns' names.",
    )
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = Field(
        None,
        description="`module:function` of the project: gets the line, gives a dict, a list of them, or None for a line that "
        "is none of its business; raises ValueError with the reason for a broken one.",
    )
    ignore: Regex | None = Field(
        None, description="Lines that this is found in are somebody else's: counted, and not broken."
    )
    time_format: Text = Field("iso", description="Of time columns: `iso`, `s`, `ms` (since 1970), or as of strptime.")
    most_dead: Share = Field(
        0.01, description="Largest share of lines that may not parse. With more, the run stops and takes nothing."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if [self.regex, self.json_paths, self.function].count(None) != 2:  # noqa: PLR2004 - all but one
            raise ValueError("a parser is exactly one of regex, json and function")
        return self


class DataChecksInput(Strict):
    """What is checked of new rows before they count."""

    late: Duration | None = Field(None, description="How old a row may be when it comes. Default: any age.")
    future: DurationOrNone = Field(300.0, description="How far ahead of the clock its time may be.")
    most_bad: Share = Field(0.05, description="Largest share of bad rows; with more the whole batch is quarantined.")
    fewest: Annotated[int, Field(gt=0)] = Field(1, description="With fewer good rows nothing is trained.")
    volume: Annotated[float, Field(gt=1)] | None = Field(
        None, description="How many times more or fewer rows per hour than usual are all right. Default: any number."
    )
    drift: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Largest population stability index of a column against the versions before (0.1 is small, 0.25 is "
        "large). Default: shown and not judged.",
    )
    drift_columns: tuple[Text, ...] = Field((), description="Of which columns. Default: all but time and key.")
    pandera: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = Field(
        None, description="`module:attribute` of the project: a pandera schema that the rows have to meet as well."
    )


class DvcInput(Strict):
    """Keep the dataset by DVC too; a bare string is the path."""

    path: Text = Field(description="Of the data file, relative to the project, as `data/ratings.parquet`.")
    push: bool = Field(True, description="`dvc push`.")  # noqa: FBT003
    remote: Text | None = Field(None, description="DVC's remote. Default: its default.")
    commit: bool = Field(True, description="Commit the pointer.")  # noqa: FBT003
    git_push: bool = Field(False, description="Push that commit; never forced.")  # noqa: FBT003
    branch: Text | None = Field(None, description="Branch that it is pushed to. Default: the one that is checked out.")


class DataInput(Strict):
    """The dataset: its columns, what is checked of them, and where it is kept."""

    columns: dict[Name, Annotated[ColumnInput, BeforeValidator(widen("type"))]] = Field(
        min_length=1, description="Columns, by name."
    )
    time: Text | None = Field(None, description="Column of the event's time. Default: the only one of type time.")
    key: tuple[Text, ...] = Field((), description="Columns that tell an event from any other, to find duplicates by.")
    checks: DataChecksInput = Field(DataChecksInput(), description="Checks.")
    dvc: Annotated[DvcInput, BeforeValidator(widen("path"))] | None = Field(
        None, description="Keep every version by DVC too."
    )


class HoldoutInput(Strict):
    """Which rows are kept from training, to judge the model on."""

    by: Literal["time", "entity", "row"] = Field(
        "time", description="`time`: the latest rows; `entity`: all rows of some users, say; `row`: some rows."
    )
    share: Annotated[Share, Field(gt=0, lt=1)] = Field(0.2, description="How many of them.")
    entity: Text | None = Field(None, description="With `by: entity`: its column.")
    history: Duration | None = Field(None, description="Older rows are not used at all. Default: all are.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.by == "entity") != (self.entity is not None):
            raise ValueError("by: entity and entity: COLUMN go together")
        return self


class CommandInput(Strict):
    """A command; a bare string is the command."""

    run: Text = Field(description="Command, without a shell; `$NAME` is filled in from the environment.")
    timeout: Duration = Field(3600.0, description="It is stopped after this long.")


class TrainInput(Strict):
    """How a model is trained, and how it is asked."""

    train: Annotated[CommandInput, BeforeValidator(widen("run"))] = Field(
        description="Gets `SEATRIAL_DATA` (file of rows), `SEATRIAL_OUTPUT` (empty folder for the model) and `SEATRIAL_SEED`."
    )
    predict: Annotated[CommandInput, BeforeValidator(widen("run"))] = Field(
        description="Gets `SEATRIAL_MODEL`, `SEATRIAL_DATA` (held-out rows, without the label) and `SEATRIAL_OUTPUT`: a file to "
        "write, with a column `prediction` and a row for each, in their order."
    )
    label: Text = Field(description="Column that is predicted.")
    artifact: Text | None = Field(None, description="The model's name in the folder. Default: the only thing in it.")
    format: Literal["parquet", "csv"] = Field("parquet", description="Of the files.")
    stack: Annotated[StackInput, BeforeValidator(widen("file"))] = Field(
        StackInput(),
        description="Software stack.",
    )
    resources: ResourcesInput = Field(ResourcesInput(), description="Limits.")
    env: dict[str, str | int | float | bool] = Field({}, description="Environment; `${NAME}` refers to the caller's.")


def _limits(value: object) -> object:
    """Turn `[rmse < 1, …]` into `{rmse: {limit: 1}}`."""
    if not isinstance(value, list):
        return value
    found: dict[str, dict[str, str]] = {}
    for each in value:
        bound = parse_bound(each) if isinstance(each, str) else None
        if bound is None:
            raise ValueError(f"{each!r} is not a limit; write for example rmse < 1")
        metric, sign, figure = bound
        found[metric] = {"limit": figure, "direction": "lower" if sign == "<" else "higher"}
    return found


class GateInput(Strict):
    """What a trained model is held to on the held-out rows."""

    metrics: Annotated[dict[Text, MetricInput], BeforeValidator(_limits)] = Field(
        min_length=1,
        description="By name, as in a trial: `limit`, `margin` against the model in the stage, fairness `gap`. A list "
        "(`[rmse < 1]`) gives limits alone.",
    )
    slices: tuple[Annotated[SliceInput, BeforeValidator(widen("column"))], ...] = Field(
        (), description="Columns by which they are computed as well, with the gap between them."
    )
    cluster: Text | None = Field(None, description="Column of the independent unit (a user). Default: each row.")


class CronInput(Strict):
    """A schedule; a bare string is the cron expression."""

    cron: Text = Field(description="Five fields, as `0 20 */2 * *`.")
    zone: Text = Field("UTC", description="Time zone, as `Europe/Berlin`.")


class AlarmInput(Strict):
    """An alarm from the prediction log; exactly one of `drift` and `quality`."""

    log: Text = Field(description="Folder or URL of the prediction log.")
    drift: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Population stability index of an input, above which it is one."
    )
    reference: Text | None = Field(
        None,
        description="With `drift`: file of rows to compare with. Default: the rows that the model in the stage was trained on.",
    )
    quality: Text | None = Field(None, description="A bound that the metric crossed: `rmse > 1.1`.")
    window: Duration = Field(86_400.0, description="How far back is looked.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.drift is None) == (self.quality is None):
            raise ValueError("an alarm is exactly one of drift and quality")
        if self.quality is not None and parse_bound(self.quality) is None:
            raise ValueError(f"{self.quality!r} is not a bound; write for example rmse > 1.1")
        return self


class TriggersInput(Strict):
    """What begins a run beside a person; a bare string is a cron expression."""

    schedule: Annotated[CronInput, BeforeValidator(widen("cron"))] | None = Field(None, description="By the clock.")
    rows: Annotated[int, Field(gt=0)] | None = Field(None, description="So many new events in the stream.")
    alarms: tuple[AlarmInput, ...] = Field((), description="Drift or quality, by the prediction log.")
    webhook: Text | None = Field(None, description="Token that `POST /hooks/retrain/LOOP` has to bring, as `${NAME}`.")
    pause: DurationOrNone = Field(3600.0, description="Least time between two begins by `rows` or `alarms`.")


def _window(value: object) -> object:
    """A bare duration (`15m`, `900`) is the window."""
    return {"window": value} if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _metrics(value: object) -> object:
    """A bare list of limits is `{metrics: …}`."""
    return {"metrics": value} if isinstance(value, list) else value


class RetrainInput(Strict):
    """One loop of continuous training."""

    model: Name | None = Field(None, description="Its name in the registry. Default: the loop's name.")
    stream: Annotated[StreamInput, BeforeValidator(widen("files"))] = Field(description="Where events come from.")
    collect: Annotated[CollectInput, BeforeValidator(_window)] = Field(
        CollectInput(),
        description="When a collection ends.",
    )
    parse: Annotated[ParseInput, BeforeValidator(widen("function"))] = Field(description="How a line becomes a row.")
    data: DataInput = Field(description="The dataset.")
    holdout: HoldoutInput = Field(HoldoutInput(), description="What is kept from training.")
    train: TrainInput = Field(description="Training.")
    gate: Annotated[GateInput, BeforeValidator(_metrics)] = Field(description="What the model is held to.")
    then: After = Field(
        After.REGISTER,
        description="With a model that passed: `register` it, `promote` it (which tries it first), `release` it.",
    )
    on: Annotated[TriggersInput, BeforeValidator(widen("schedule"))] = Field(
        TriggersInput(),
        description="What begins a run.",
    )
    stage: Text | None = Field(None, description="Stage whose model it has to beat. Default: the project's last.")
    service: Name | None = Field(None, description="That it is released to. Default: the one of the model.")
    if_running: Literal["wait", "skip"] = Field(
        "wait", description="What a run does that finds another of the same model."
    )
    seed: int | None = Field(None, description="Of training. Default: the project's.")


class HooksInput(Strict):
    """Where the server takes webhooks of loops."""

    host: Text = Field("127.0.0.1", description="Address.")
    port: Annotated[int, Field(ge=0, lt=65536)] = Field(8301, description="Port.")
