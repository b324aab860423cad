"""The work of each step of a retraining. Every piece may be begun again after a crash: done twice it is as done once."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from seatrial.datasets.build import build
from seatrial.records import (
    Checked,
    Collected,
    DataPointer,
    Gated,
    ModelVersion,
    PermanentError,
    RetrainOutcome,
    RetrainPhase,
    RetrainResult,
    RetrainSpec,
    RetrainWish,
    SplitResult,
    TemporaryError,
    Trained,
)
from seatrial.registry.holder import newest_holder
from seatrial.retrain.check import before_versions, check
from seatrial.retrain.collect import CollectProgress, Stopped, collect
from seatrial.retrain.commands import Place
from seatrial.retrain.evaluate import evaluate
from seatrial.retrain.guard import INTERRUPTED
from seatrial.retrain.parse import open_parser
from seatrial.retrain.pointer import point
from seatrial.retrain.progress import RetrainProgress
from seatrial.retrain.registering import draft_of, examined, register
from seatrial.retrain.split import split
from seatrial.retrain.steps import Begun, Claimed, Committed, Order, Registered, Standing, Stored
from seatrial.retrain.storing import store
from seatrial.retrain.tidy import clear_away
from seatrial.retrain.tools import RetrainTools
from seatrial.retrain.train import train
from seatrial.trial.origin import find_code
from seatrial.wording.text import count

CLAIM_SECONDS: Final = 1.0
_KNOWN: Final = 1000


class Hands:
    """Does the work of one run.

    Attributes:
        folder: of the run.
    """

    def __init__(self, wish: RetrainWish, order: Order, begun: Begun, tools: RetrainTools) -> None:
        self._wish = wish
        self._order = order
        self._begun = begun
        self._tools = tools
        self.folder: Path = tools.trial.workspace.run(begun.run).root

    @property
    def _spec(self) -> RetrainSpec:
        return self._order.spec

    def first(self) -> RetrainResult:
        """What is known of the run before anything was done."""
        return RetrainResult(
            run=self._begun.run,
            name=self._spec.name,
            model=self._spec.model,
            project=self._tools.project.name,
            trigger=self._wish.trigger,
            why=self._wish.why,
            started=self._begun.started,
            phase=RetrainPhase.WAITING,
            folder=str(self.folder),
            url=self._wish.url,
        )

    def claim(self) -> Claimed:
        """Have the model for this run alone, or say who has it; waits where the wish or the loop says so."""
        twin = self._tools.book.begun_for(self._wish.id, self._begun.run, self._tools.trial.clock.now())
        if twin not in {None, self._begun.run}:
            return Claimed(held_by=str(twin))
        patient = (self._wish.if_running or self._spec.if_running) == "wait"
        while True:
            holder = self._tools.book.claim(self._spec.model, self._begun.run, self._tools.trial.clock.now())
            if holder is None:
                return Claimed()
            if not patient:
                return Claimed(held_by=holder)
            self._say(RetrainPhase.WAITING, f"for run {holder} of {self._spec.model}")
            self._tools.wait(CLAIM_SECONDS)
            if self._tools.interrupted():
                raise PermanentError(INTERRUPTED)

    def look(self) -> Standing:
        """What there is: the newest dataset version, and who holds the stage."""
        head = self._tools.datasets.head(self._spec.name)
        baseline = newest_holder(self._tools.registry.registry, self._spec.model, self._order.stage)
        made = self._made(baseline)
        return Standing(
            dataset=None if head is None else head.number,
            offsets={} if head is None else dict(head.offsets),
            baseline=None if baseline is None else baseline.number,
            sealed_from=None if made is None or made.split is None else made.split.boundary,
            tried_rows=self._tried_rows(),
            note=_unknown(baseline) if baseline is not None and made is None else "",
        )

    def collect(self, standing: Standing) -> Collected:
        """What has come into the stream. Raises PermanentError if somebody interrupted it."""
        spec = self._spec
        try:
            return collect(
                self._tools.stream(spec.stream),
                standing.offsets,
                self._wish.collect or spec.collect,
                open_parser(spec.parser, spec.columns, self._tools.trial.project),
                folder=self.folder,
                clock=self._tools.trial.clock,
                most_dead=spec.parser.most_dead,
                to=self._wish.to,
                stop=self._should_stop,
                watch=self._tell_collected,
            )
        except Stopped:
            raise PermanentError(INTERRUPTED) from None

    def check(self, collected: Collected) -> Checked:
        """What the new rows are worth, beside those of earlier versions."""
        versions = self._tools.datasets.versions(self._spec.name)
        return check(
            collected,
            self._spec.checks,
            self._spec.columns,
            before=before_versions(versions, self._tools.files.file),
            folder=self.folder,
            clock=self._tools.trial.clock,
            project=self._tools.trial.project,
        )

    def store(self, standing: Standing, collected: Collected, checked: Checked) -> Stored:
        """The good rows as a new dataset version."""
        return store(self._begun.run, self._spec, standing, collected, checked, self._tools)

    def commit(self, stored: Stored) -> Committed:
        """Tell the stream how far this group is. The dataset says so already: trouble with that is a note."""
        if not stored.offsets:
            return Committed()
        try:
            self._tools.stream(self._spec.stream).commit(stored.offsets)
        except TemporaryError as error:
            return Committed(note=f"the stream was not told how far this group is: {error.what}; the next run tells it")
        return Committed()

    def too_few(self, standing: Standing, stored: Stored) -> str:
        """Why there is nothing to train on; empty if there is."""
        fresh = stored.rows - standing.tried_rows
        if stored.rows and (self._wish.anyway or fresh >= self._spec.checks.fewest):
            return ""
        return f"{count(fresh, 'new row')}; {self._spec.checks.fewest} are needed before {self._spec.model} is trained again"

    def point(self, stored: Stored) -> DataPointer:
        """The version in the project's repository, by DVC."""
        if self._spec.dvc is None:
            raise PermanentError("the loop names no place for DVC", where=self._spec.name)
        return point(
            self._spec.dvc,
            self._dataset(stored),
            self._tools.datasets.version(self._spec.name, stored.number),
            project=self._tools.trial.project,
            environ=self._tools.environ,
            log=self.folder / "dvc.log",
            clock=self._tools.trial.clock,
            stop=self._should_stop,
        )

    def split(self, standing: Standing, stored: Stored) -> SplitResult:
        """What is trained on, and what is held out."""
        spec = self._spec
        return split(
            self._dataset(stored),
            spec.holdout,
            spec.train,
            spec.gate,
            spec.columns,
            spec.checks,
            folder=self.folder,
            sealed_from=standing.sealed_from,
        )

    def train(self, apart: SplitResult) -> Trained:
        """A model, in the store."""
        return train(self._spec.train, apart, self._place(RetrainPhase.TRAINING))

    def gate(self, standing: Standing, apart: SplitResult, trained: Trained) -> Gated:
        """What the model is worth on the held-out rows, beside the one in the stage."""
        return evaluate(
            self._spec,
            apart,
            trained,
            self._place(RetrainPhase.GATING),
            registry=self._tools.registry.registry,
            baseline=None if standing.baseline is None else self._version(standing.baseline),
            stage=self._order.stage,
        )

    def register(self, stored: Stored, trained: Trained, gated: Gated) -> Registered:
        """A number in the registry, once."""
        registry, project = self._tools.registry.registry, self._tools.trial.project
        draft = draft_of(
            self._spec,
            run=self._begun.run,
            dataset=self._tools.datasets.version(self._spec.name, stored.number),
            trained=trained,
            gated=gated,
            code=find_code(project, environ=self._tools.environ),
            about=examined(trained, project),
            creator=self._wish.actor,
            now=self._tools.trial.clock.now(),
        )
        return Registered(number=register(draft, trained, registry).number)

    def _version(self, number: int) -> ModelVersion:
        return self._tools.registry.registry.version(self._spec.model, number)

    def conclude(self, result: RetrainResult) -> RetrainResult:
        """Write the report, give the model free, and take away what was only on the way."""
        if result.outcome is not RetrainOutcome.BROKEN:
            clear_away(result, self.folder)
        final = self._reported(result)
        self._tools.book.put(final)
        self._tools.book.release(self._spec.model, self._begun.run)
        return final

    def _reported(self, result: RetrainResult) -> RetrainResult:
        """The result with its report. What can't be written changes nothing of the run: it is noted."""
        from seatrial.retrain.report import write_report  # noqa: PLC0415

        final = replace(result, page=str(self.folder / "report.html"))
        try:
            write_report(final, self.folder)
        except Exception as error:  # noqa: BLE001 - what became of the model is true without a page, and has to be said
            note = f"its report could not be written: {type(error).__name__}: {error}"
            return replace(result, notes=(*result.notes, " ".join(note.split())))
        return final

    def _dataset(self, stored: Stored) -> Path:
        """All rows of the version in one file."""
        target = self.folder / "dataset.parquet"
        if not target.is_file():
            build(
                self._tools.datasets.segments(self._spec.name, stored.number),
                self._tools.files,
                target,
                columns=self._spec.columns,
            )
        return target

    def _place(self, phase: RetrainPhase) -> Place:
        return Place(
            tools=self._tools.trial,
            store=self._tools.archive,
            environ=self._tools.environ,
            folder=self.folder,
            seed=self._spec.seed,
            stop=self._should_stop,
            watch=lambda line: self._say(phase, line),
        )

    def _should_stop(self) -> bool:
        self._tools.leave()
        return self._tools.interrupted()

    def _tell_collected(self, progress: CollectProgress) -> None:
        text = f"{progress.lines:,} lines, {progress.dead:,} dead"
        self._say(RetrainPhase.COLLECTING, text)

    def _tried_rows(self) -> int:
        """Rows of the newest version that a model was judged on, of those that are still known."""
        known = self._tools.book.results(name=self._spec.name, limit=_KNOWN)
        return max((result.rows for result in known if result.gated is not None), default=0)

    def _made(self, baseline: ModelVersion | None) -> RetrainResult | None:
        """The retraining that made the version in the stage, if one did."""
        if baseline is None or baseline.lineage.run is None:
            return None
        return self._tools.book.result(baseline.lineage.run)

    def _say(self, phase: RetrainPhase, text: str) -> None:
        self._tools.watch(RetrainProgress(run=self._begun.run, name=self._spec.name, phase=phase, text=text))


def _unknown(baseline: ModelVersion) -> str:
    return (
        f"nothing tells what {baseline.id} was trained on: it may have seen held-out rows, and then it looks better here "
        "than it is"
    )
