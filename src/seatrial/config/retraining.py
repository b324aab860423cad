"""The part of the file that is about continuous training: loops, with every default filled in."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from seatrial.config.invalid import InvalidError
from seatrial.config.parts import environment_text, to_metric, to_resources, to_stack
from seatrial.config.quantities import parse_bound, parse_figure
from seatrial.config.retrain_schema import (
    AlarmInput,
    ColumnInput,
    CronInput,
    DataInput,
    DvcInput,
    GateInput,
    ParseInput,
    RetrainInput,
    StreamInput,
    TrainInput,
    TriggersInput,
)
from seatrial.config.whole import ProjectInput
from seatrial.records import (
    AlarmSpec,
    CollectSpec,
    ColumnKind,
    ColumnSpec,
    CommandSpec,
    CronSpec,
    DataCheckSpec,
    DvcSpec,
    GateSpec,
    HoldoutSpec,
    ParserKind,
    ParserSpec,
    RetrainSpec,
    Slice,
    StreamKind,
    StreamSpec,
    TrainSpec,
    TriggerSpec,
)

_FIELDS_OF_CRON = 5


def to_retrainings(given: ProjectInput, default_name: str) -> tuple[RetrainSpec, ...]:
    """The loops. Raises InvalidError with the key that is wrong."""
    return tuple(_Loop(name, own, given.name or default_name, given.seed).spec() for name, own in given.retrain.items())


class _Loop:
    """One loop on its way into a record; its keys in messages begin with `retrain.NAME`."""

    def __init__(self, name: str, given: RetrainInput, project: str, seed: int) -> None:
        self._name = name
        self._given = given
        self._project = project
        self._seed = seed

    def spec(self) -> RetrainSpec:
        """The whole loop."""
        given = self._given
        columns = tuple(_column(name, own) for name, own in given.data.columns.items())
        return RetrainSpec(
            name=self._name,
            model=given.model or self._name,
            stream=self._stream(given.stream),
            columns=columns,
            parser=self._parser(given.parse),
            train=self._train(given.train),
            gate=self._gate(given.gate),
            collect=self._collect(),
            checks=self._checks(given.data, columns),
            holdout=self._holdout(columns),
            dvc=_dvc(given.data.dvc),
            then=given.then,
            triggers=self._triggers(given.on),
            stage=given.stage or "",
            service=given.service or "",
            if_running=given.if_running,
            seed=self._seed if given.seed is None else given.seed,
        )

    def _stream(self, given: StreamInput) -> StreamSpec:
        if given.files is not None:
            return StreamSpec(kind=StreamKind.FILES, folder=given.files, first=given.first)
        return StreamSpec(
            kind=StreamKind.KAFKA,
            servers=given.kafka or "",
            topics=given.topics,
            group=given.group or f"seatrial-{self._project}-{self._name}",
            settings={key: environment_text(value) for key, value in given.settings.items()},
            first=given.first,
        )

    def _collect(self) -> CollectSpec:
        given = self._given.collect
        bounded = given.window is not None or given.events is not None
        to_end = given.to_end if given.to_end is not None else not bounded
        if not bounded and not to_end:
            raise self._wrong(
                ("collect",), "nothing ends a collection", "add window: 15m, events: 100000 or to_end: true"
            )
        return CollectSpec(window=given.window, events=given.events, to_end=to_end)

    def _parser(self, given: ParseInput) -> ParserSpec:
        kind, columns = self._parser_kind(given)
        for column in columns:
            self._known(column, ("parse",))
        return ParserSpec(
            kind=kind,
            function=given.function or "",
            pattern=given.regex or "",
            fields=given.fields,
            separator=given.separator,
            prefix=given.prefix,
            paths=given.json_paths or {column: column for column in self._given.data.columns},
            ignore=given.ignore or "",
            time_format=given.time_format,
            most_dead=given.most_dead,
        )

    def _parser_kind(self, given: ParseInput) -> tuple[ParserKind, tuple[str, ...]]:
        """The kind, and the columns that it names."""
        if given.function is not None:
            return ParserKind.FUNCTION, ()
        if given.json_paths is not None:
            return ParserKind.JSON, tuple(given.json_paths)
        pattern = re.compile(given.regex or "")
        unnamed = pattern.groups - len(pattern.groupindex)
        if len(given.fields) != unnamed:
            raise self._wrong(
                ("parse", "fields"),
                f"the regular expression has {unnamed} groups without a name, and {len(given.fields)} fields are named",
                "name one column for each, or the groups themselves: (?P<movie>.*?)",
            )
        return ParserKind.REGEX, (*given.prefix, *given.fields, *pattern.groupindex)

    def _checks(self, data: DataInput, columns: tuple[ColumnSpec, ...]) -> DataCheckSpec:
        given = data.checks
        for column in (*data.key, *given.drift_columns):
            self._known(column, ("data",))
        times = [column.name for column in columns if column.kind is ColumnKind.TIME]
        if data.time is not None and data.time not in times:
            raise self._wrong(
                ("data", "time"), f"{data.time!r} is not a column of type time", f"columns of that type: {times}"
            )
        return DataCheckSpec(
            time=data.time or (times[0] if len(times) == 1 else ""),
            key=data.key,
            late=given.late,
            future=given.future,
            most_bad=given.most_bad,
            fewest=given.fewest,
            volume=given.volume,
            drift=given.drift,
            drift_columns=given.drift_columns,
            schema=given.pandera or "",
        )

    def _holdout(self, columns: tuple[ColumnSpec, ...]) -> HoldoutSpec:
        given = self._given.holdout
        if given.entity is not None:
            self._known(given.entity, ("holdout", "entity"))
        has_time = any(column.kind is ColumnKind.TIME for column in columns)
        if given.by == "time" and not has_time:
            raise self._wrong(
                ("holdout", "by"), "there is no column of type time to split by", "hold out by: row or entity"
            )
        return HoldoutSpec(by=given.by, share=given.share, column=given.entity or "", history=given.history)

    def _train(self, given: TrainInput) -> TrainSpec:
        self._known(given.label, ("train", "label"))
        return TrainSpec(
            train=CommandSpec(run=given.train.run, timeout=given.train.timeout),
            predict=CommandSpec(run=given.predict.run, timeout=given.predict.timeout),
            label=given.label,
            artifact=given.artifact or "",
            format=given.format,
            stack=to_stack(given.stack),
            resources=to_resources(given.resources),
            env={key: environment_text(value) for key, value in given.env.items()},
        )

    def _gate(self, given: GateInput) -> GateSpec:
        for column in (*(cut.column for cut in given.slices), *filter(None, [given.cluster])):
            self._known(column, ("gate",))
        return GateSpec(
            metrics=tuple(
                to_metric(name, own, ("retrain", self._name, "gate", "metrics", name))
                for name, own in given.metrics.items()
            ),
            slices=tuple(Slice(column=cut.column, bins=cut.bins) for cut in given.slices),
            cluster=given.cluster or "",
        )

    def _triggers(self, given: TriggersInput) -> TriggerSpec:
        return TriggerSpec(
            cron=None if given.schedule is None else self._cron(given.schedule),
            rows=given.rows,
            alarms=tuple(_alarm(alarm) for alarm in given.alarms),
            webhook=given.webhook or "",
            pause=given.pause,
        )

    def _cron(self, given: CronInput) -> CronSpec:
        key = ("on", "schedule")
        try:
            ZoneInfo(given.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise self._wrong(
                (*key, "zone"), f"there is no time zone {given.zone!r}", "write for example Europe/Berlin"
            ) from None
        if not _is_cron(given.cron):
            raise self._wrong((*key, "cron"), f"{given.cron!r} is no schedule", "write five fields: 0 20 */2 * *")
        return CronSpec(cron=given.cron, zone=given.zone)

    def _known(self, column: str, key: tuple[str, ...]) -> None:
        columns = self._given.data.columns
        if column not in columns:
            raise self._wrong(key, f"there is no column {column!r}", f"data.columns has {', '.join(columns)}")

    def _wrong(self, key: tuple[str, ...], what: str, remedy: str) -> InvalidError:
        return InvalidError(("retrain", self._name, *key), what, remedy)


def _column(name: str, given: ColumnInput) -> ColumnSpec:
    return ColumnSpec(
        name=name,
        kind=given.type,
        low=given.min,
        high=given.max,
        values=tuple(environment_text(value) for value in given.values),
        pattern=given.pattern or "",
        optional=given.optional,
    )


def _dvc(given: DvcInput | None) -> DvcSpec | None:
    if given is None:
        return None
    return DvcSpec(
        path=given.path,
        push=given.push,
        remote=given.remote or "",
        commit=given.commit,
        git_push=given.git_push,
        branch=given.branch or "",
    )


def _alarm(given: AlarmInput) -> AlarmSpec:
    quality = None if given.quality is None else parse_bound(given.quality)
    if quality is None:
        return AlarmSpec(
            kind="drift", log=given.log, reference=given.reference or "", above=given.drift, window=given.window
        )
    metric, sign, value = quality
    bound = parse_figure(value)
    return AlarmSpec(
        kind="quality",
        log=given.log,
        metric=metric,
        above=bound if sign == ">" else None,
        below=bound if sign == "<" else None,
        window=given.window,
    )


def _is_cron(text: str) -> bool:
    """Whether it is one; where the package that reads them isn't installed, whether it has five fields."""
    if len(text.split()) != _FIELDS_OF_CRON:
        return False
    try:
        from croniter import croniter  # noqa: PLC0415 - only files that have a schedule need it
    except ModuleNotFoundError:
        return True
    return bool(croniter.is_valid(text))
