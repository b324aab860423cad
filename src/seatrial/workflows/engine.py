"""Promotions and deliveries that survive their process, and how another one goes on with them.

One process at a time runs a workflow. It is kept under the name of its process (`executors`), and another process takes
it over only while it holds that name's lock, which proves that the first one is gone. What was taken over runs from a
queue that this process alone listens to, promotions one after the other, so that no other command finds itself with
somebody else's promotion, and no two trials disturb each other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Literal

import msgspec

from seatrial.notices.choose import receivers_of
from seatrial.promotion.step import LeftUnfinished
from seatrial.promotion.wish import Wish
from seatrial.records import (
    Notice,
    PermanentError,
    PromotionResult,
    Report,
    RetrainResult,
    RetrainWish,
    RunState,
    SeatrialError,
    Undelivered,
    UsageError,
)
from seatrial.retrain.progress import RetrainWatcher
from seatrial.retrain.progress import unwatched as unwatched_retraining
from seatrial.trial.progress import Watcher, unwatched
from seatrial.trial.report import load_report
from seatrial.workflows.board import Board
from seatrial.workflows.durable import DELIVERY, LIVE, PROMOTION, RETRAINING, STORIES, Durable, error_of, result_of
from seatrial.workflows.executors import Executors
from seatrial.workflows.retrainings import GIVEN_UP, RetrainStories
from seatrial.workflows.stories import Parts, Stories
from seatrial.workflows.trials import Trials

if TYPE_CHECKING:
    from dbos import WorkflowStatus

State = Literal["here", "elsewhere", "left", "foreign", "stranded"]
_CLOSING_SECONDS = 60.0
_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A workflow that has not ended.

    Attributes:
        id: of the workflow.
        kind: what it is.
        about: for people: `wine`, or the notice's subject and its receiver.
        runs: ids of the promotion runs that it began, in order.
        state: `here` it runs in this process, `elsewhere` in another one that lives; `left`: its process is gone, or
            something didn't answer; `foreign`: it was begun on another machine; `stranded`: by a seatrial whose steps
            are others, so that it can only be given up.
        wish: of a promotion; `retraining` of a retraining.
        executor: the process that has it.
    """

    id: str
    kind: str
    about: str
    state: State
    executor: str = ""
    runs: tuple[str, ...] = ()
    wish: Wish | None = None
    retraining: RetrainWish | None = None

    @property
    def name(self) -> str:
        """What `seatrial resume` knows it by: its latest run, or its id while it has none."""
        return self.runs[-1] if self.runs else self.id

    @property
    def handed_over(self) -> tuple[str, ...]:
        """How the ids of the workflows begin that a retraining handed its version over to."""
        scope = self.id.partition("/")[0]
        return tuple(f"{scope}/{run}/" for run in self.runs) if self.kind == RETRAINING else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a workflow ended: with results, with an error, or not at all.

    Attributes:
        results: of a promotion; `retraining` of a retraining.
        left: why it stands where it stands, to be gone on with; None if it ended.
        interrupted: whether it was by Ctrl-C.
    """

    results: tuple[PromotionResult, ...] = ()
    retraining: RetrainResult | None = None
    error: SeatrialError | None = None
    left: LeftUnfinished | None = None
    interrupted: bool = False


class Engine:
    """The workflows of one project in this process (`seatrial.workflows.opening.open_workflows`). Safe for many threads.

    Attributes:
        trials: the bot's, in a process that runs them.
    """

    def __init__(
        self,
        durable: Durable,
        stories: Stories,
        retrainings: RetrainStories,
        parts: Parts,
        board: Board,
        executors: Executors,
        executor: str,
    ) -> None:
        self._durable = durable
        self._stories = stories
        self._retrainings = retrainings
        self._parts = parts
        self._board = board
        self._executors = executors
        self._executor = executor
        self._counted = count(1)
        self.trials: Trials | None = None

    def start(self, wish: Wish) -> str:
        """Begin a promotion; the id of its workflow, to `wait` for.

        Raises:
            UsageError, PermanentError: the registry can't be opened.
        """
        self._parts.registry()
        stamp = self._parts.trial.clock.now().strftime("%Y%m%d-%H%M%S")
        workflow = f"{self._parts.scope}/{stamp}-{self._executor}-{next(self._counted)}"
        self._durable.promote(workflow, wish)
        return workflow

    def retrain(self, wish: RetrainWish) -> str:
        """Begin a retraining, unless one of the same wish was begun; the id of its workflow, to `wait` for.

        Raises:
            UsageError, PermanentError: the registry or the books can't be opened.
        """
        self._parts.registry()
        self._retrainings.open()
        workflow = f"{self._parts.scope}/retrain/{wish.id}"
        self._durable.retrain(workflow, wish)
        return workflow

    def notify(self, notice: Notice, run: str = "") -> None:
        """See to it that everyone who wants a notice gets it, and don't wait for that.

        Args:
            notice: the same key again reaches nobody twice.
            run: id of the run in the journal that is told of what could not be delivered.
        """
        for spec in receivers_of(notice, self._parts.project.notify):
            self._durable.deliver(self._stories.delivery_id(notice, spec.name), notice, spec.name, run)

    def unfinished(self) -> list[Unfinished]:
        """What has not ended, of this project on this machine, the oldest first."""
        return [self._described(row) for row in self._durable.live(f"{self._parts.scope}/")]

    def runs_of(self, workflow: str) -> tuple[str, ...]:
        """Ids of the runs that a workflow has begun, in order; steps of another seatrial may tell none."""
        begun = (given for name, given in self._durable.steps(workflow).items() if _begins(name))
        return tuple(str(given["run"]) for given in begun if isinstance(given, dict) and "run" in given)

    def find(self, run: str) -> Unfinished:
        """The unfinished promotion with this run (or one that ends so), also if it is another machine's.

        Raises:
            UsageError: there is none, or several.
        """
        rows = [self._described(row) for row in self._durable.live("") if row.name in {PROMOTION, DELIVERY, RETRAINING}]
        found = [
            each
            for each in rows
            if self._is_own(each) and run and any(own.endswith(run) for own in (*each.runs, each.id))
        ]
        if len(found) == 1:
            return found[0]
        raise UsageError(
            f"{run!r} could be any of {', '.join(each.name for each in found)}"
            if found
            else f"no run {run!r} is unfinished",
            remedy="seatrial resume --list shows those that are",
        )

    def take_over(self, wanted: Callable[[Unfinished], bool] = lambda _each: True) -> list[Unfinished]:
        """Go on with what was left and is wanted; what was really taken, the oldest first.

        Raises:
            UsageError, PermanentError: the registry can't be opened.
        """
        left = [each for each in self.unfinished() if each.state == "left" and wanted(each)]
        if any(each.kind in {PROMOTION, RETRAINING} for each in left):
            self._parts.registry()
        if any(each.kind == RETRAINING for each in left):
            self._retrainings.open()
        self._executors.sweep()
        return [
            taken for name in dict.fromkeys(each.executor for each in left) for taken in self._take_from(name, left)
        ]

    def adopt(self, promotion: Unfinished) -> None:
        """Go on with a promotion that another machine began and, as the caller says, no longer runs.

        Or with a retraining, and with what it handed its version over to.
        """
        self._parts.registry()
        if promotion.kind == RETRAINING:
            self._retrainings.open()
        for each in (promotion, *self._handed_over(promotion)):
            self._durable.take_over(each.id, each.kind)

    def cancel(self, promotion: Unfinished) -> None:
        """Give up a promotion for good. Raises UsageError if a living process runs it."""
        if promotion.state in {"here", "elsewhere"}:
            raise UsageError(
                f"{promotion.name} runs in another process",
                where=promotion.about,
                remedy="end it there: Ctrl-C, or SIGTERM",
            )
        for each in self._handed_over(promotion):
            self.cancel(each)
        self._durable.cancel(promotion.id)
        if promotion.kind == RETRAINING:
            self._retrainings.give_up(promotion.runs)
        journal = self._parts.trial.journal
        for run in journal.running():
            if run.id in promotion.runs:
                journal.end(replace(run, headline=GIVEN_UP), RunState.INTERRUPTED)

    def report_of(self, result: PromotionResult) -> Report | None:
        """The report of the trial in a promotion; None where it came to none, or where it is on another machine."""
        if not result.trial:
            return None
        run = self._parts.trial.journal.find(result.run)
        store = self._parts.trial.store
        return load_report(store.get(run.report)) if run.report and store.has(run.report) else None

    @contextmanager
    def watched(self, watch: Watcher, retraining: RetrainWatcher = unwatched_retraining) -> Iterator[None]:
        """Tell `watch` of the progress of the trials that run here, and `retraining` of retrainings, while the block runs."""
        self._board.watch, self._board.watch_retraining = watch, retraining
        try:
            yield
        finally:
            self._board.watch, self._board.watch_retraining = unwatched, unwatched_retraining

    def wait(self, workflow: str) -> Finish:
        """Wait for a promotion. Ctrl-C ends its trial, and with it the promotion; a second one ends the waiting."""
        try:
            return self._wait(workflow)
        except KeyboardInterrupt:
            self._board.stop(workflow).set()
            return replace(self._wait(workflow), interrupted=True)

    def finish_of(self, workflow: str) -> Finish | None:
        """How a workflow ended; None while it runs or waits to. That of a delivery has no results."""
        if self._board.is_active(workflow):
            return None
        left = self._board.left(workflow)
        if left is not None:
            return Finish(left=left)
        row = self._durable.found([workflow]).get(workflow)
        return None if row is None or row.status in LIVE else _finish(row)

    def settle(self, seconds: float | None = None) -> int:
        """Wait for the deliveries that run here, at most `seconds`; how many there are left."""
        clock = self._parts.trial.clock
        deadline = None if seconds is None else clock.monotonic() + seconds
        while left := self._open_deliveries():
            if deadline is not None and clock.monotonic() >= deadline:
                break
            self._board.wait(_POLL)
        return len(left)

    @property
    def lost(self) -> tuple[Undelivered, ...]:
        """What could not be delivered, of the deliveries that ran here."""
        return self._board.lost()

    def close(self) -> None:
        """Leave what runs here to whoever takes it over: trials are ended, and are begun again then."""
        self._board.close(_CLOSING_SECONDS)

    def _handed_over(self, retraining: Unfinished) -> list[Unfinished]:
        """What a retraining handed its version over to, and has not ended."""
        return [self._described(row) for prefix in retraining.handed_over for row in self._durable.live(prefix)]

    def _take_from(self, executor: str, left: Sequence[Unfinished]) -> list[Unfinished]:
        """Take over what a process left, if it is certain that it is gone; nobody else does at the same time."""
        own = [each for each in left if each.executor == executor]
        if executor == self._executor:
            return [self._taken(each) for each in own]
        with self._executors.bury(executor) as gone:
            if not gone:
                return []
            now = {row.workflow_id for row in self._durable.live(f"{self._parts.scope}/") if _owner(row) == executor}
            taken = [self._taken(each) for each in own if each.id in now]
            self._durable.forget_queues(executor)
        return taken

    def _taken(self, each: Unfinished) -> Unfinished:
        self._board.forget(each.id)
        self._durable.take_over(each.id, each.kind)
        return replace(each, state="here", executor=self._executor)

    def _wait(self, workflow: str) -> Finish:
        while (finish := self.finish_of(workflow)) is None:
            self._board.wait(_POLL)
        return finish

    def _open_deliveries(self) -> list[str]:
        """Those that run here, those of promotions that ran here included."""
        mine = [row for row in self._durable.live(f"{self._parts.scope}/") if row.name == DELIVERY]
        return [row.workflow_id for row in mine if _owner(row) == self._executor]

    def _described(self, row: "WorkflowStatus") -> Unfinished:
        owner = _owner(row)
        state = self._state(row, owner)
        if state == "stranded":
            runs = self.runs_of(row.workflow_id)
            return Unfinished(id=row.workflow_id, kind=row.name, about="", state=state, executor=owner, runs=runs)
        arguments = row.input["args"] if row.input else ()
        if row.name == DELIVERY:
            notice = msgspec.convert(arguments[0], Notice)
            about = f"{notice.subject} to {arguments[1]}"
            return Unfinished(id=row.workflow_id, kind=DELIVERY, about=about, state=state, executor=owner)
        if row.name == RETRAINING:
            asked = msgspec.convert(arguments[0], RetrainWish)
            return Unfinished(
                id=row.workflow_id,
                kind=RETRAINING,
                about=asked.name,
                state=state,
                executor=owner,
                runs=self.runs_of(row.workflow_id),
                retraining=asked,
            )
        wish = msgspec.convert(arguments[0], Wish)
        return Unfinished(
            id=row.workflow_id,
            kind=PROMOTION,
            about=wish.model if wish.version is None else f"{wish.model}@{wish.version}",
            state=state,
            executor=owner,
            runs=self.runs_of(row.workflow_id),
            wish=wish,
        )

    def _is_own(self, each: Unfinished) -> bool:
        """Whether it is a promotion or retraining of this project, by its name or its place."""
        if each.wish is not None:
            return each.wish.project == self._parts.project.name
        if each.retraining is not None and each.state == "foreign":
            return self._retrainings.knows(each.runs)
        return each.kind in {PROMOTION, RETRAINING} and each.id.startswith(f"{self._parts.scope}/")

    def _state(self, row: "WorkflowStatus", owner: str) -> State:
        if row.app_version != STORIES:
            return "stranded"
        if not row.workflow_id.startswith(f"{self._parts.scope}/"):
            return "foreign"
        if owner == self._executor:
            return "left" if self._board.left(row.workflow_id) else "here"
        return "elsewhere" if self._executors.lives(owner) else "left"


def _owner(row: "WorkflowStatus") -> str:
    """The process that has a workflow: the one whose queue it waits in, or the one that runs it."""
    if row.status == "ENQUEUED" and row.queue_name:
        return row.queue_name.partition("-")[2]
    return row.executor_id or ""


def _finish(row: "WorkflowStatus") -> Finish:
    """What a workflow that ended gave."""
    given = row.output or {}
    if row.status != "SUCCESS":
        remedy = "seatrial runs lists what became of it"
        return Finish(error=PermanentError(_why(row), where=row.workflow_id, remedy=remedy))
    if "error" in given:
        return Finish(error=error_of(given))
    if row.name == DELIVERY:
        return Finish()
    if row.name == RETRAINING:
        return Finish(retraining=result_of(given, RetrainResult))
    return Finish(results=result_of(given, tuple[PromotionResult, ...]))


def _why(row: "WorkflowStatus") -> str:
    if row.status == "CANCELLED":
        return f"the {row.name} was given up"
    return f"the {row.name} broke: {row.error}" if row.error else f"the {row.name} ended as {row.status}"


def _begins(step: str) -> bool:
    """Whether a step is the one that begins a run."""
    return step == "begin" or step.startswith("begin ")
