"""The story of one retraining: from a stream of events to a version that has earned its place, or to the reason why not.

It is told in steps, each of which is done once however often the process dies (`seatrial.promotion.step`). Nothing is
taken from the stream before it is safe in a dataset version, and nothing is said to be so before it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from seatrial.promotion.step import Step
from seatrial.records import (
    After,
    Checked,
    Collected,
    DataPointer,
    Gated,
    PermanentError,
    RetrainOutcome,
    RetrainPhase,
    RetrainResult,
    RetrainWish,
    SeatrialError,
    SplitResult,
    TemporaryError,
    Trained,
    UsageError,
    Verdict,
)
from seatrial.retrain.after import check_ways, hand_over
from seatrial.retrain.collect import too_many_dead
from seatrial.retrain.entry import Entry
from seatrial.retrain.guard import INTERRUPTED, guarded
from seatrial.retrain.hands import Hands
from seatrial.retrain.notice import word
from seatrial.retrain.progress import RetrainProgress
from seatrial.retrain.steps import Begun, Claimed, Committed, HandedOver, Order, Registered, Standing, Stored, Told
from seatrial.retrain.tools import RetrainTools
from seatrial.trial.workspace import hold_run

ResultT = TypeVar("ResultT")


def retrain(wish: RetrainWish, tools: RetrainTools, step: Step) -> RetrainResult:
    """Everything that a wish asks for, as far as it comes.

    Raises:
        UsageError: there is no such loop.
        PermanentError: the workspace is broken.
    """
    order = step("choose", lambda: choose(wish, tools), Order)
    begun = step("begin", lambda: begin(tools), Begun)
    return _Retraining(wish, order, begun, tools, step).run()


def choose(wish: RetrainWish, tools: RetrainTools) -> Order:
    """The loop that is meant.

    Raises:
        UsageError: there is none of that name, or nothing says how its versions are tried or where they are released to.
    """
    known = {spec.name: spec for spec in tools.project.retrainings}
    if wish.name not in known:
        raise UsageError(
            f"there is no loop {wish.name!r}",
            where="seatrial.yaml: retrain",
            remedy=f"there are {', '.join(known)}" if known else "describe one under retrain",
        )
    spec = known[wish.name]
    check_ways(spec, tools.project)
    return Order(spec=spec, stage=tools.registry.rules.aimed_at(spec.stage).name)


def begin(tools: RetrainTools) -> Begun:
    """A folder and a name for the run."""
    from seatrial.trial.workspace import create_run  # noqa: PLC0415

    folder = create_run(tools.trial.workspace, tools.trial.clock, tools.mark)
    return Begun(run=folder.id, started=tools.trial.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How it ended: what is said of it."""

    outcome: RetrainOutcome
    headline: str
    verdict: Verdict | None = None


class _Retraining:
    """One run of one loop."""

    def __init__(self, wish: RetrainWish, order: Order, begun: Begun, tools: RetrainTools, step: Step) -> None:
        self._wish = wish
        self._order = order
        self._begun = begun
        self._tools = tools
        self._step = step
        self._hands = Hands(wish, order, begun, tools)
        self._so_far = self._hands.first()

    def run(self) -> RetrainResult:
        """All of it. Whoever wants a notice is told at the end."""
        with hold_run(self._tools.trial.workspace.run(self._begun.run)), self._entered() as entry:
            end = self._as_far_as_it_comes()
            told = self._step("conclude", lambda: self._conclude(end), Told)
            entry.end(told.result)
        for receiver in told.receivers:
            self._tools.tell(told.notice, receiver, self._begun.run)
        return told.result

    def _as_far_as_it_comes(self) -> _End:
        try:
            return self._claimed() or self._collected_and_trained()
        except TemporaryError:
            raise
        except SeatrialError as error:
            return self._broken(error)

    def _claimed(self) -> _End | None:
        """Have the model for this run alone; None once it has it."""
        claimed = self._do("claim", RetrainPhase.WAITING, self._hands.claim, Claimed)
        if not claimed.held_by:
            return None
        return _End(
            outcome=RetrainOutcome.SKIPPED, headline=f"run {claimed.held_by} of {self._order.spec.model} was on"
        )

    def _collected_and_trained(self) -> _End:
        standing = self._do("look", RetrainPhase.COLLECTING, self._hands.look, Standing)
        self._note(baseline=standing.baseline, notes=tuple(filter(None, [standing.note])))
        collected = self._do("collect", RetrainPhase.COLLECTING, lambda: self._hands.collect(standing), Collected)
        self._note(collected=collected)
        why = too_many_dead(collected, self._order.spec.parser.most_dead)
        if why:
            return _End(outcome=RetrainOutcome.STOPPED, headline=why, verdict=Verdict.FAIL)
        checked = self._do("check", RetrainPhase.CHECKING, lambda: self._hands.check(collected), Checked)
        self._note(checked=checked)
        stored = self._stored(standing, collected, checked)
        if checked.verdict in {Verdict.FAIL, Verdict.ERROR}:
            return _End(outcome=RetrainOutcome.QUARANTINED, headline=checked.headline, verdict=checked.verdict)
        few = self._hands.too_few(standing, stored)
        if few:
            return _End(outcome=RetrainOutcome.NOTHING, headline=few, verdict=Verdict.INCONCLUSIVE)
        return self._trained(standing, stored)

    def _stored(self, standing: Standing, collected: Collected, checked: Checked) -> Stored:
        """The rows as a dataset version; only then others are told that they were taken."""
        store = lambda: self._hands.store(standing, collected, checked)  # noqa: E731
        stored = self._do("store", RetrainPhase.STORING, store, Stored)
        self._note(dataset=stored.number or None, dataset_digest=stored.digest, rows=stored.rows, added=stored.added)
        committed = self._do("commit", RetrainPhase.STORING, lambda: self._hands.commit(stored), Committed)
        self._note(notes=tuple(filter(None, [*self._so_far.notes, committed.note])))
        if self._order.spec.dvc is not None and stored.added:
            pointer = self._do("dvc", RetrainPhase.STORING, lambda: self._hands.point(stored), DataPointer)
            self._note(pointer=pointer)
        return stored

    def _trained(self, standing: Standing, stored: Stored) -> _End:
        split = self._do("split", RetrainPhase.SPLITTING, lambda: self._hands.split(standing, stored), SplitResult)
        self._note(split=split)
        if split.too_few:
            return _End(outcome=RetrainOutcome.NOTHING, headline=split.too_few, verdict=Verdict.INCONCLUSIVE)
        trained = self._do("train", RetrainPhase.TRAINING, lambda: self._hands.train(split), Trained)
        self._note(trained=trained)
        gated = self._do("gate", RetrainPhase.GATING, lambda: self._hands.gate(standing, split, trained), Gated)
        self._note(gated=gated, verdict=gated.verdict)
        if gated.verdict is not Verdict.PASS:
            return _End(outcome=RetrainOutcome.REFUSED, headline=gated.headline, verdict=gated.verdict)
        register = lambda: self._hands.register(stored, trained, gated)  # noqa: E731
        registered = self._do("register", RetrainPhase.REGISTERING, register, Registered)
        self._note(number=registered.number)
        if self._order.spec.then is After.REGISTER:
            return _End(outcome=RetrainOutcome.REGISTERED, headline=gated.headline, verdict=gated.verdict)
        return self._handed_over(registered)

    def _handed_over(self, registered: Registered) -> _End:
        version = self._tools.registry.registry.version(self._order.spec.model, registered.number)
        over: HandedOver = hand_over(version, self._order, self._begun, self._tools, self._do, self._note)
        return _End(outcome=over.outcome, headline=over.headline, verdict=over.verdict)

    def _do(self, name: str, phase: RetrainPhase, work: Callable[[], ResultT], kind: type[ResultT]) -> ResultT:
        """One step, unless somebody has ended the run."""
        self._note(phase=phase)
        progress = RetrainProgress(run=self._begun.run, name=self._order.spec.name, phase=phase)

        def worked() -> ResultT:
            self._tools.watch(progress)
            return guarded(work, name, self._tools, self._hands.folder)

        return self._step(name, worked, kind)

    def _note(self, **found: Any) -> None:  # noqa: ANN401 - fields of the record
        """Add to what is known of the run, for everybody who looks at it."""
        self._so_far = replace(self._so_far, **found)
        self._tools.book.put(self._so_far)

    def _broken(self, error: SeatrialError) -> _End:
        if isinstance(error, PermanentError) and error.what == INTERRUPTED:
            return _End(outcome=RetrainOutcome.INTERRUPTED, headline=INTERRUPTED, verdict=Verdict.INCONCLUSIVE)
        told = " ".join(str(error).split())
        return _End(outcome=RetrainOutcome.BROKEN, headline=told, verdict=Verdict.ERROR)

    def _conclude(self, end: _End) -> Told:
        """Give the model free, write the report, and say what is so."""
        return word(self._hands.conclude(self._ended(end)), self._tools)

    def _ended(self, end: _End) -> RetrainResult:
        return replace(
            self._so_far,
            phase=RetrainPhase.ENDED,
            outcome=end.outcome,
            verdict=end.verdict,
            headline=end.headline,
            ended=self._tools.trial.clock.now(),
        )

    @contextmanager
    def _entered(self) -> Iterator[Entry]:
        """The run in the journal and in the book."""
        entry = Entry(self._so_far, self._tools)
        self._tools.book.put(self._so_far)
        try:
            yield entry
        except TemporaryError:  # it is left unfinished, and gone on with
            raise
        except Exception as error:
            entry.fail(error)
            headline = " ".join(f"{type(error).__name__}: {error}".split())
            end = _End(outcome=RetrainOutcome.BROKEN, headline=headline, verdict=Verdict.ERROR)
            self._tools.book.put(self._ended(end))
            self._tools.book.release(self._order.spec.model, self._begun.run)
            raise
