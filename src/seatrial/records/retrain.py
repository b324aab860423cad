"""Continuous training: what the configuration says of it, and what the steps of a retraining find."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from seatrial.records.compare import Comparison
from seatrial.records.dataset import ColumnSpec, DataPointer, Span
from seatrial.records.deployment import MetricSpec, Resources, Slice, StackSpec
from seatrial.records.registry import Actor
from seatrial.records.verdict import Verdict


class StreamKind(StrEnum):
    """Where events come from: a folder of JSON lines (or any lines), or Kafka."""

    FILES = "files"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """A stream of events.

    Attributes:
        folder: of FILES: relative to the project; each file in it is a partition, an offset counts bytes.
        servers: of KAFKA: `host:port,…`.
        topics: of KAFKA.
        group: of KAFKA: the consumer group.
        settings: of KAFKA: librdkafka's own (`security.protocol`, `sasl.password`…); `${NAME}` refers to the caller's
            environment.
        first: where a partition begins that no version has taken anything of.
    """

    kind: StreamKind = StreamKind.FILES
    folder: str = ""
    servers: str = ""
    topics: tuple[str, ...] = ()
    group: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    first: Literal["earliest", "latest"] = "earliest"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectSpec:
    """When a collection ends: with whichever comes first.

    Attributes:
        window: seconds.
        events: lines.
        to_end: at what was there when it began, if it has a window or not.
    """

    window: float | None = None
    events: int | None = None
    to_end: bool = True


class ParserKind(StrEnum):
    """How a line becomes a row: `module:function`, a regular expression, or paths into a JSON document."""

    FUNCTION = "function"
    REGEX = "regex"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserSpec:
    r"""How lines are read.

    Attributes:
        function: of FUNCTION: `module:function` in the project: gets a line (str), gives a row (a dict by column), several
            (a list), or None for a line that is none of its business; it raises ValueError with the reason for a broken one.
        pattern: of REGEX, searched for in each line: `GET /rate/(?P<movie>.*?)=(?P<rating>\d)`.
        fields: of REGEX: columns of the groups in their order, where these have no names.
        paths: of JSON: dotted path (`event.user.id`, `items.0`) by column.
        ignore: a line that this is found in (regular expression) is somebody else's: it is counted, and not dead; empty: none.
        separator, prefix: of REGEX: columns before the pattern's part of the line, split at `separator`
            (`prefix: [time, user]` of `time,userid,GET …`); empty: none.
        time_format: of TIME columns: `iso` (with or without a zone; without one it is UTC), `s`, `ms`, or strptime's.
        most_dead: largest share of the lines that may not parse; more stop the run.

    A column that no part of the line fills gets the message's own: `time` its time stamp, `key` its key, if the columns
    have such names.
    """

    kind: ParserKind = ParserKind.JSON
    function: str = ""
    pattern: str = ""
    fields: tuple[str, ...] = ()
    separator: str = ","
    prefix: tuple[str, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    ignore: str = ""
    time_format: str = "iso"
    most_dead: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheckSpec:
    """What is checked of new rows before they count.

    Attributes:
        time: the time column; empty: none.
        key: columns that tell an event from any other; a second row of the same key is a duplicate, also of older versions'.
        late: seconds before the collection began that a row's time may lie; None: any.
        future: seconds that a row's time may lie after the clock's.
        most_bad: largest share of the rows that may be bad; more refuse the whole batch.
        fewest: least number of good rows; fewer are inconclusive: nothing to train on.
        volume: how many times more or fewer rows than the median of earlier versions (per hour of stream) are usual; None: not checked.
        drift: largest population stability index per column against the last versions' rows; None: not judged, only shown.
        drift_columns: of which; empty: all but time and key columns.
        schema: `module:attribute` in the project, a pandera DataFrameSchema that holds beside the columns; empty: none.
    """

    time: str = ""
    key: tuple[str, ...] = ()
    late: float | None = None
    future: float = 300.0
    most_bad: float = 0.05
    fewest: int = 1
    volume: float | None = None
    drift: float | None = None
    drift_columns: tuple[str, ...] = ()
    schema: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DvcSpec:
    """The dataset kept by DVC too, in the project's repository.

    Attributes:
        path: of the data file, relative to the project.
        push: whether the data are pushed to DVC's remote; `remote` is its name, empty for the default.
        commit: whether the pointer is committed.
        git_push: whether that commit is pushed; a conflict is retried on what is there by then, nothing is ever forced.
        branch: that it is pushed to; empty: the one that is checked out.
    """

    path: str
    push: bool = True
    remote: str = ""
    commit: bool = True
    git_push: bool = False
    branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutSpec:
    """Which rows are kept from training.

    Attributes:
        by: `time`: the latest; `entity`: all rows of some values of `column`, chosen by a hash that never changes;
            `row`: some rows by the hash of their key.
        share: of the rows (`time`) or entities.
        column: of `entity`.
        history: seconds before the newest row that rows are used at all; None: all.
    """

    by: Literal["time", "entity", "row"] = "time"
    share: float = 0.2
    column: str = ""
    history: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A command of the project, without a shell. `timeout` in seconds."""

    run: str
    timeout: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """How a model is trained and asked, both in the project's folder and stack.

    Attributes:
        train: gets `SEATRIAL_DATA` (file of the rows to train on), `SEATRIAL_OUTPUT` (empty folder for the model) and
            `SEATRIAL_SEED`.
        predict: gets `SEATRIAL_DATA` (the held-out rows without the label), `SEATRIAL_MODEL` (the model's path) and
            `SEATRIAL_OUTPUT` (the file to write: one column `prediction`, a row for each row, in their order).
        artifact: name of the model in the output folder; empty: the only thing in it.
        format: of the files.
        label: column that is to be predicted.
        env: further environment; `${NAME}` refers to the caller's.
    """

    train: CommandSpec
    predict: CommandSpec
    label: str
    artifact: str = ""
    format: Literal["parquet", "csv"] = "parquet"
    stack: StackSpec = field(default_factory=StackSpec)
    resources: Resources = field(default_factory=Resources)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """What a trained model is held to on the held-out rows.

    Attributes:
        metrics: each with its limit (`rmse < 1`), its margin against Production's model, and its fairness gap, as in a trial.
        slices: columns by which they are computed as well.
        cluster: column of the independent unit (a user), for the intervals; empty: each row is its own.
        confidence: of the intervals.
    """

    metrics: tuple[MetricSpec, ...]
    slices: tuple[Slice, ...] = ()
    cluster: str = ""
    confidence: float = 0.95


class After(StrEnum):
    """What is done with a model that passed its gate; each includes those before it."""

    REGISTER = "register"
    PROMOTE = "promote"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSpec:
    """A schedule: five fields of cron, in a time zone."""

    cron: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """An alarm from the prediction log of a deployment or service.

    Attributes:
        kind: `drift` of the inputs, or a quality metric.
        log: folder (relative to the project) or URL of the prediction log.
        reference: of `drift`: JSON lines or CSV of the rows to compare with; empty: what the model was trained on.
        metric: of `quality`: `rmse`, `mae`, `error_rate`, `accuracy`.
        above, below: bound that it has to cross (of the interval, not of the point).
        window: seconds that are looked at.
    """

    kind: Literal["drift", "quality"]
    log: str
    reference: str = ""
    metric: str = ""
    above: float | None = None
    below: float | None = None
    window: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSpec:
    """What begins a retraining beside a person.

    Attributes:
        rows: so many new events in the stream.
        webhook: token that a request has to bring, as `${NAME}`; empty: no webhook.
        pause: least seconds between the begins of two runs by `rows` or `alarms`.
    """

    cron: CronSpec | None = None
    rows: int | None = None
    alarms: tuple[AlarmSpec, ...] = ()
    webhook: str = ""
    pause: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainSpec:
    """One loop, from `retrain.NAME` of the configuration.

    Attributes:
        name: of the loop and of its dataset.
        model: in the registry.
        stage: whose version it is compared with, and that a promotion aims at; empty: the project's final one.
        if_running: what a run does that finds another of the same model.
        service: that a release goes to; empty: the one of the model.
        seed: of training and of everything random.
    """

    name: str
    model: str
    stream: StreamSpec
    columns: tuple[ColumnSpec, ...]
    parser: ParserSpec
    train: TrainSpec
    gate: GateSpec
    collect: CollectSpec = CollectSpec()
    checks: DataCheckSpec = DataCheckSpec()
    holdout: HoldoutSpec = HoldoutSpec()
    dvc: DvcSpec | None = None
    then: After = After.REGISTER
    triggers: TriggerSpec = TriggerSpec()
    stage: str = ""
    service: str = ""
    if_running: Literal["wait", "skip"] = "wait"
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection brought.

    Attributes:
        file: Parquet of the rows, in the run's folder; beside the columns it has `_partition` and `_offset`.
        dead_file: JSON lines of what did not parse (`partition`, `offset`, `reason`, `line`; `encoding` is `base64` where the
            line is no text, `length` in bytes where it is shortened); empty where all did.
        counts: `lines`, `parsed` (rows), `ignored`, `dead`, `lost` (offsets that the stream no longer had), `empty`.
        reasons: how many lines were dead for which reason, the most frequent first, 20 at most.
        spans: what was taken, by partition; `ended_by`: `window`, `events`, `end`, `offset`, or `dead lines`
            where so many were that it was ended early.
        notes: what people should know: lost offsets, a partition that went to another member of the group.
    """

    file: str
    counts: Mapping[str, int]
    spans: Mapping[str, Span]
    started: datetime
    ended: datetime
    ended_by: str
    dead_file: str = ""
    reasons: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFinding:
    """One check of the data.

    Attributes:
        check: `schema`, `duplicates`, `late`, `future`, `volume`, `drift`, `dead lines`, `bad rows`, `rows` (too few good ones).
        column: that it is about; empty: the rows as a whole.
        rows: how many rows it refused.
        value, limit: what was found and what was allowed, where those are figures.
        verdict: None where it is shown and not judged.
        reason: one sentence.
        examples: of values that it refused, five at most, shortened.
    """

    check: str
    column: str = ""
    rows: int = 0
    value: float | None = None
    limit: float | None = None
    verdict: Verdict | None = None
    reason: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """A column of the new rows beside the same of the last versions: for the picture.

    `labels` are the bins (ranges or values), `before` and `now` the share in each, 0 to 1; `before` is empty for the first.
    """

    column: str
    labels: tuple[str, ...]
    now: tuple[float, ...]
    before: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the data checks found.

    Attributes:
        verdict: PASS: the good rows count. FAIL: the whole batch is quarantined. INCONCLUSIVE: too few rows.
        good_file, bad_file: Parquet, in the run's folder; empty where there are none. The bad ones have `_why` as well.
        good, bad: how many rows.
        volume: good rows per hour of the stream's time (or of collecting, without a time column).
    """

    verdict: Verdict
    headline: str
    findings: tuple[DataFinding, ...]
    good: int
    bad: int
    good_file: str = ""
    bad_file: str = ""
    volume: float | None = None
    profiles: tuple[ColumnProfile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """The rows apart.

    Attributes:
        train_file, test_file: in the run's folder; `test_file` is without the label, `truth_file` (Parquet) has label,
            slice and cluster columns in the same order.
        boundary: of a split by time: the first held-out moment.
        sealed_from: rows before this moment the model of the stage may have seen, so that they are not held out; None: none.
        checks: sentences on what was made sure of: `no user is on both sides`.
        too_few: why there are too few rows to train and judge on: then there are no files. Empty where there are enough.
    """

    train_file: str
    test_file: str
    truth_file: str
    train_rows: int
    test_rows: int
    train_digest: str
    test_digest: str
    boundary: datetime | None = None
    sealed_from: datetime | None = None
    checks: tuple[str, ...] = ()
    too_few: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model as it came out of training, already in the store.

    Attributes:
        path: of the model in the run's folder.
        digest: of the artifact, as the registry and the model server compute it.
        stack: digest of the resolved environment.
        seconds, cpu_seconds, memory_peak: what it took; bytes; None where not measured.
        log: path of its log.
    """

    path: str
    digest: str
    stack: str
    seconds: float
    log: str
    cpu_seconds: float | None = None
    memory_peak: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the gate found.

    Attributes:
        artifact: digest of what was evaluated.
        baseline: number of the version that it was compared with; None: nobody held the stage, only limits were judged.
    """

    verdict: Verdict
    headline: str
    comparisons: tuple[Comparison, ...]
    artifact: str
    rows: int
    baseline: int | None = None


class RetrainPhase(StrEnum):
    """Where a retraining is."""

    WAITING = "waiting"
    COLLECTING = "collecting"
    CHECKING = "checking"
    STORING = "storing"
    SPLITTING = "splitting"
    TRAINING = "training"
    GATING = "gating"
    REGISTERING = "registering"
    PROMOTING = "promoting"
    RELEASING = "releasing"
    ENDED = "ended"


class RetrainOutcome(StrEnum):
    """How far it came: never more than what is so.

    SKIPPED: another run of the model was on. STOPPED: too many lines did not parse; nothing was taken from the stream.
    NOTHING: too few new rows. QUARANTINED: the data checks refused the batch. REFUSED: by the gate.
    REGISTERED: it has a number, and more was not asked for. NOT_PROMOTED: by its trial. PROMOTED: it holds the stage.
    RELEASED: it has all requests. NOT_RELEASED, ROLLED_BACK: by the release. INTERRUPTED: by a person. BROKEN: an error.
    """

    SKIPPED = "skipped"
    STOPPED = "stopped"
    NOTHING = "nothing new"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    REGISTERED = "registered"
    NOT_PROMOTED = "not promoted"
    PROMOTED = "promoted"
    NOT_RELEASED = "not released"
    ROLLED_BACK = "rolled back"
    RELEASED = "released"
    INTERRUPTED = "interrupted"
    BROKEN = "broken"


class TriggerKind(StrEnum):
    """What began a run."""

    HAND = "hand"
    CRON = "cron"
    ROWS = "rows"
    ALARM = "alarm"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainWish:
    """One retraining that was asked for.

    Attributes:
        id: unique; a second wish of the same id is the first (a firing of a schedule is `cron:…time`).
        name: of the loop.
        why: one sentence on what began it: `every 2 days at 20:00: due 2026-11-20T20:00:00Z`.
        collect: in place of the configured one; None: as configured.
        to: offsets to collect to, by partition; empty: as `collect` says.
        if_running: in place of the configured one; empty: as configured.
        anyway: train even if nothing new came in: because the code changed, say.
        commit, branch: of the project when it was asked; None where it has none.
        url: of the CI run; empty outside CI.
    """

    id: str
    name: str
    trigger: TriggerKind
    why: str
    asked: datetime
    actor: Actor
    collect: CollectSpec | None = None
    to: Mapping[str, int] = field(default_factory=dict)
    if_running: Literal["wait", "skip", ""] = ""
    anyway: bool = False
    commit: str | None = None
    branch: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainResult:
    """A retraining as far as it is: its report, and what notices and lists are made from.

    Attributes:
        run: id: sorts by start.
        verdict: of what judged it last; None while nothing did.
        headline: one sentence on where it stands or how it ended.
        dataset: number of the version that it made; `rows` of that version, `added` of them new.
        baseline: number of the version that held the stage when it began.
        number: in the registry.
        promotion, release: ids of the runs that it handed over to.
        page: path of its report.
    """

    run: str
    name: str
    model: str
    project: str
    trigger: TriggerKind
    why: str
    started: datetime
    phase: RetrainPhase = RetrainPhase.COLLECTING
    outcome: RetrainOutcome | None = None
    verdict: Verdict | None = None
    headline: str = ""
    ended: datetime | None = None
    folder: str = ""
    baseline: int | None = None
    collected: Collected | None = None
    checked: Checked | None = None
    dataset: int | None = None
    dataset_digest: str = ""
    rows: int = 0
    added: int = 0
    pointer: DataPointer | None = None
    split: SplitResult | None = None
    trained: Trained | None = None
    gated: Gated | None = None
    number: int | None = None
    promotion: str = ""
    release: str = ""
    page: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleState:
    """What is kept of a loop's triggers.

    Attributes:
        paused: by a person; `paused_by`, `paused_at` who and when.
        considered: up to when firings of cron were dealt with.
        cron: that `considered` is about: another one is considered from the moment that it is seen.
        last_fired: of whatever trigger.
    """

    name: str
    paused: bool = False
    paused_by: str = ""
    paused_at: datetime | None = None
    considered: datetime | None = None
    cron: CronSpec | None = None
    last_fired: datetime | None = None
