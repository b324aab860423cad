"""What begins retrainings: schedules, looks at streams and prediction logs, and where wishes are kept."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seatrial.wiring.datasets import DatasetTools, open_datasets
from seatrial.wiring.registries import open_registry, registry_url, who_acts
from seatrial.wiring.streams import open_stream

if TYPE_CHECKING:
    from seatrial.ports import Clock
    from seatrial.records import Actor, AlarmSpec, ModelVersion, Project, RetrainSpec, RetrainWish
    from seatrial.retrain.book import RetrainBook
    from seatrial.retrain.schedule import Finding, Firing
    from seatrial.retrain.scheduler import Scheduler
    from seatrial.retrain.scheduler_looks import Looks


REFERENCES: Final = "references"
"""Folder of the workspace for what drift is told by, rebuilt from dataset versions."""
_MOST_RESULTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """What begins the retrainings of one project.

    Attributes:
        specs: the loops.
        book: wishes, runs and schedules.
        server: process id of the project's server on this machine; None if none runs.
        waiting: events in a loop's stream that no version has taken; raises TemporaryError or PermanentError.
        actor: for whom a run acts that nobody asked for by hand; takes what began it.
        tokens: of webhooks, by the loop's name; raises UsageError where `${NAME}` isn't set.
        scheduler: the server's duty; takes who gets a line for everything that happens, and what is told of a new wish.
    """

    specs: "tuple[RetrainSpec, ...]"
    book: "RetrainBook"
    clock: "Clock"
    server: Callable[[], int | None]
    waiting: "Callable[[RetrainSpec], int]"
    actor: "Callable[[str], Actor]"
    tokens: Callable[[], Mapping[str, str]]
    scheduler: "Callable[[Callable[[str], None], Callable[[], None]], Scheduler]"


@contextmanager
def open_scheduling(project: Path) -> "Iterator[Scheduling]":
    """What begins the retrainings of a project, and where they are kept.

    Raises:
        UsageError: the configuration is wrong, or the books are newer than this seatrial.
        PermanentError: the database does not answer.
    """
    from seatrial.config import load_project
    from seatrial.deployments.server import server_pid
    from seatrial.retrain.book import open_retrain_book
    from seatrial.trial.workspace import open_workspace

    found, root = load_project(project), open_workspace(project).root
    book = open_retrain_book(root, registry_url(found.registry, os.environ))
    try:
        with open_datasets(project) as datasets:
            parts = _Parts(project.resolve(), found, book, datasets)
            yield Scheduling(
                specs=found.retrainings,
                book=book,
                clock=datasets.clock,
                server=lambda: server_pid(root),
                waiting=parts.waiting,
                actor=parts.actor,
                tokens=parts.tokens,
                scheduler=parts.scheduler,
            )
    finally:
        book.close()


class _Parts:
    """How each is done."""

    def __init__(self, project: Path, found: "Project", book: "RetrainBook", datasets: "DatasetTools") -> None:
        self._project = project
        self._found = found
        self._book = book
        self._datasets = datasets
        self._clock = datasets.clock

    def scheduler(self, say: Callable[[str], None], arrived: Callable[[], None]) -> "Scheduler":
        from seatrial.retrain.scheduler import Scheduler

        specs = self._found.retrainings
        looks = {spec.name: self._looks(spec) for spec in specs}
        return Scheduler(self._book, specs, looks, self._clock, say, wish=self._wish, arrived=arrived)

    def waiting(self, spec: "RetrainSpec") -> int:
        from seatrial.retrain.probes import new_rows

        return new_rows(open_stream(spec.stream, self._project, os.environ), lambda: self._offsets(spec))

    def actor(self, via: str) -> "Actor":
        from dataclasses import replace

        from seatrial.records import Actor, ActorKind, UsageError

        try:
            return replace(who_acts(self._project), kind=ActorKind.RUN, via=via)
        except UsageError:  # a service's account may have no name
            return Actor(name="seatrial server", kind=ActorKind.RUN, via=via)

    def tokens(self) -> Mapping[str, str]:
        from seatrial.trial.build.environment import filled

        return {
            spec.name: filled(
                spec.triggers.webhook,
                os.environ,
                what="the token",
                where=f"seatrial.yaml: retrain.{spec.name}.on.webhook",
            )
            for spec in self._found.retrainings
            if spec.triggers.webhook
        }

    def _wish(self, spec: "RetrainSpec", firing: "Firing") -> "RetrainWish":
        from seatrial.records import RetrainWish
        from seatrial.trial.origin import find_code

        code = find_code(self._project, environ=os.environ)
        return RetrainWish(
            id=firing.id,
            name=spec.name,
            trigger=firing.trigger,
            why=firing.why,
            asked=self._clock.now(),
            actor=self.actor(firing.trigger.value),
            commit=code.commit,
            branch=code.branch,
        )

    def _looks(self, spec: "RetrainSpec") -> "Looks":
        from functools import partial

        from seatrial.retrain.scheduler_looks import Looks

        return Looks(new_rows=lambda: self.waiting(spec), alarm=partial(self._alarm, spec))

    def _alarm(self, spec: "RetrainSpec", alarm: "AlarmSpec") -> "Finding":
        from seatrial.retrain.probes import find_alarm

        held = self._held(spec)
        return find_alarm(
            alarm,
            self._clock.now(),
            target=alarm.log if "://" in alarm.log else str(self._project / alarm.log),
            version=None if held is None else str(held.number),
            reference=lambda: self._reference(spec, alarm, held),
        )

    def _offsets(self, spec: "RetrainSpec") -> Mapping[str, int]:
        head = self._datasets.book.head(spec.name)
        return {} if head is None else head.offsets

    def _held(self, spec: "RetrainSpec") -> "ModelVersion | None":
        """The newest version that holds the loop's stage."""
        from seatrial.registry.holder import newest_holder

        with open_registry(self._project) as tools:
            return newest_holder(tools.registry, spec.model, tools.rules.aimed_at(spec.stage).name)

    def _reference(self, spec: "RetrainSpec", alarm: "AlarmSpec", held: "ModelVersion | None") -> Path | None:
        """The rows that inputs are compared with; None where nobody knows what the stage's model was trained on."""
        if alarm.reference:
            return self._project / alarm.reference
        if held is None:
            return None
        results = self._book.results(name=spec.name, limit=_MOST_RESULTS)
        made = next((result for result in results if result.number == held.number), None)
        if made is None or made.dataset is None:
            return None
        trained_on = None if made.split is None else Path(made.folder, made.split.train_file)
        if trained_on is not None and trained_on.is_file():
            return trained_on
        return self._rebuilt(spec, made.dataset)

    def _rebuilt(self, spec: "RetrainSpec", number: int) -> Path:
        """All rows of a dataset version; kept, because it never changes."""
        from seatrial.datasets.build import build

        tools = self._datasets
        target = tools.folder / REFERENCES / f"{spec.name}@{number}.parquet"
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            columns = tools.book.version(spec.name, number).columns
            build(tools.book.segments(spec.name, number), tools.files, target, columns=columns)
        return target
