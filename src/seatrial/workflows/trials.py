"""The trials of the bot as durable workflows: one for a trial, one for each deployment in it, on queues that all share.

A workflow waits in a queue of the bot as a row and costs nothing else. Any worker takes it; its name is in the row then.
Where that worker is gone, which only the holder of its lock can say (`Deaths`), the row goes back into the queue, and
the story goes on from its last finished step wherever it is taken next.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from seatrial.bot.checkouts import Fetched
from seatrial.bot.part import PartEnd, try_part
from seatrial.bot.run import break_off, bring_to_end
from seatrial.bot.tools import BotTools
from seatrial.promotion.step import LeftUnfinished
from seatrial.records import BotTrial, PermanentError, SeatrialError, TemporaryError, TrialState
from seatrial.workflows.board import Board
from seatrial.workflows.durable import LIVE, PART, STORIES, TRIAL, Durable, durable_step, is_of_the_engine, result_of
from seatrial.workflows.leases import Deaths

if TYPE_CHECKING:
    from dbos import WorkflowStatus

WAITING = "ENQUEUED"
_ALL = 100_000
_LOOK_SECONDS = 1.0
_TIDY_SECONDS = 3600.0
_MOST_HASTY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialQueues:
    """The queues of one bot.

    Attributes:
        trials: whole trials wait here for a worker.
        hasty: those that only have to be told that they are cancelled.
        parts: deployments.
        concurrency: how many of `trials`, and how many of `parts`, one worker runs at once.
    """

    trials: str
    hasty: str
    parts: str
    concurrency: int

    def sizes(self) -> dict[str, int]:
        """Every queue, and how many of it one worker runs at once."""
        return {self.trials: self.concurrency, self.hasty: _MOST_HASTY, self.parts: self.concurrency}


def queues_of(tools: BotTools) -> TrialQueues:
    """The queues that all workers of a bot share."""
    return TrialQueues(
        trials=f"trials-{tools.key}",
        hasty=f"hasty-{tools.key}",
        parts=f"parts-{tools.key}",
        concurrency=tools.spec.concurrency,
    )


class TrialStories:
    """What the workflows of the bot do in this process, each in a thread that the engine made."""

    def __init__(self, tools: BotTools, board: Board) -> None:
        self.tools = tools
        self.queues = queues_of(tools)
        self._board = board

    def trial(self, durable: Durable, workflow: str, trial: str) -> TrialState:
        """A trial from its first step, or from wherever it stands."""
        with self._board.running(workflow):
            self._leave_if_closing()
            crew = _DurableCrew(durable, workflow, trial, self)
            try:
                return bring_to_end(trial, self.tools, durable_step, crew)
            except LeftUnfinished:
                self._back_to_the_queue(trial)
                raise
            except TemporaryError as error:
                raise LeftUnfinished(error) from error
            except Exception as error:
                if is_of_the_engine(error):  # another worker goes on with it, or somebody gave it up
                    raise
                return break_off(trial, self.tools, error)

    def part(self, _: Durable, workflow: str, trial: str, deployment: str, fetched: Fetched) -> PartEnd:
        """One deployment of a trial, as one step."""
        with self._board.running(workflow):
            self._leave_if_closing()
            found = self.tools.book.trial(trial)
            if found is None or not found.state.is_live:
                return PartEnd()
            return durable_step(
                "try", lambda: try_part(found, deployment, fetched, self.tools, self._board.closing), PartEnd
            )

    def wait(self, seconds: float) -> None:
        """Let seconds pass. Raises LeftUnfinished if the process is about to end."""
        if self._board.closing.wait(seconds):
            raise LeftUnfinished

    def _leave_if_closing(self) -> None:
        if self._board.closing.is_set():
            raise LeftUnfinished

    def _back_to_the_queue(self, trial: str) -> None:
        """In the book it waits again. Where that doesn't answer, whoever takes it next says so."""
        with suppress(SeatrialError):
            self.tools.book.change(trial, state=TrialState.QUEUED, worker="")


class _DurableCrew:
    """Tries the parts of one trial as workflows of their own (implements `seatrial.bot.run.Crew`)."""

    def __init__(self, durable: Durable, workflow: str, trial: str, stories: TrialStories) -> None:
        self._durable = durable
        self._workflow = workflow
        self._trial = trial
        self._stories = stories
        self._parts: tuple[str, ...] = ()

    def begin(self, deployments: Sequence[str], fetched: Fetched) -> None:
        """Put every part into the queue of parts."""
        self._parts = tuple(f"{self._workflow}/{name}" for name in deployments)
        for part, name in zip(self._parts, deployments, strict=True):
            self._durable.start_part(part, self._stories.queues.parts, self._trial, name, fetched)

    def wait(self, look: Callable[[], bool]) -> Sequence[PartEnd]:
        """Look about every second until all have ended."""
        while True:
            found = self._durable.found(self._parts)
            waiting = [each for each in found.values() if each.status in LIVE]
            if not waiting:
                return [_part_end(found[part]) for part in self._parts]
            if not look():
                for each in waiting:
                    if each.status == WAITING:
                        self._durable.cancel(each.workflow_id)
            self._stories.wait(_LOOK_SECONDS)


def _part_end(row: "WorkflowStatus") -> PartEnd:
    """What a part that ended gave. Raises the error that it ended with."""
    if row.status == "SUCCESS":
        return result_of(row.output or {}, PartEnd)
    if row.status == "CANCELLED":
        return PartEnd()
    raise PermanentError(f"a part of the trial ended as {row.status}", where=row.workflow_id)


class Trials:
    """The bot's queue while the workflows are open (implements `seatrial.bot.queue.TrialQueue`). Safe for many threads.

    Args:
        durable: the engine.
        stories: what its workflows do.
        board: what runs here.
        deaths: tells which other workers are gone.
        executor: name of this process.
    """

    def __init__(self, durable: Durable, stories: TrialStories, board: Board, deaths: Deaths, executor: str) -> None:
        self._durable = durable
        self._tools = stories.tools
        self._queues = stories.queues
        self._board = board
        self._deaths = deaths
        self._executor = executor
        self._tidied = float("-inf")
        self.lost = False

    def enqueue(self, trial: BotTrial) -> None:
        """Have a trial run when its turn comes."""
        now = self._tools.book.trial(trial.id)
        if now is not None and now.state.is_live:
            self._durable.start_trial(self._id(trial.id), self._queues.trials, trial.id)

    def cancel(self, trial: str, why: str) -> None:
        """Bring a trial to its end. One that runs sees the wish itself; one that waits doesn't wait for its turn."""
        if self._tools.book.trial(trial) is None:
            return
        self._tools.book.request_cancel(trial, why)
        workflow = self._id(trial)
        row = self._durable.found([workflow]).get(workflow)
        if row is not None and row.status == WAITING and row.queue_name != self._queues.hasty:
            self._durable.put_back(workflow, self._queues.hasty)

    def adopt(self) -> None:
        """Enqueue what the book holds and nobody has: entered by a server that died, or begun by another version."""
        for row in self._rows():
            if row.app_version != STORIES and self._is_nobodys(row):
                self._durable.cancel(row.workflow_id)
        live = self._tools.book.trials(live=True, limit=_ALL)
        known = {row.workflow_id for row in self._rows()}
        for trial in reversed(live):
            if self._tools.spec.watched(trial.repository) is None:
                continue
            if self._id(trial.id) not in known and not self._runs_elsewhere(trial.id):
                self._again(trial)
            if trial.cancelling:
                self.cancel(trial.id, trial.cancelling)

    def look(self) -> list[str]:
        """Put back into the queue what dead workers had, or what this one left; sentences on what was done.

        Raises:
            TemporaryError: this process may no longer run trials: others take it for dead.
        """
        if self.lost:
            raise TemporaryError("the lock in the workflows' database was lost", remedy="it is opened again")
        rows = self._running()
        said = [self._put_back(row) for row in rows if row.executor_id == self._executor and self._was_left(row)]
        for owner in sorted({row.executor_id or "" for row in rows} - {self._executor}):
            with self._deaths.bury(owner) as gone:
                if gone:
                    # Somebody may have put them back in the meantime; who is asked now has the lock.
                    said += [self._put_back(row) for row in self._running() if row.executor_id == owner]
        self._tidy()
        return said

    def _tidy(self) -> None:
        """Once an hour: forget what is older than the bot keeps, and remove what dead trials left on this disk."""
        now = time.monotonic()
        if now - self._tidied < _TIDY_SECONDS:
            return
        self._tidied = now
        tools = self._tools
        for trial in tools.book.prune(tools.clock.now() - timedelta(seconds=tools.spec.keep)):
            self._durable.forget(self._id(trial.id))
        for left in tools.checkouts.trials():
            found = tools.book.trial(left)
            if found is None or not found.state.is_live:
                tools.checkouts.forget(left)

    def _again(self, trial: BotTrial) -> None:
        """Enqueue a trial that no live workflow brings to its end."""
        workflow = self._id(trial.id)
        if self._durable.found([workflow]):
            # It ended, and the book doesn't know: the story is told again, and every step is the same done twice.
            self._durable.forget(workflow)
        self._durable.start_trial(workflow, self._queues.trials, trial.id)

    def _rows(self) -> list["WorkflowStatus"]:
        return self._durable.live(f"{TRIAL}/{self._tools.key}/")

    def _running(self) -> list["WorkflowStatus"]:
        """What some worker has, of this version's."""
        rows = self._durable.running(f"{TRIAL}/{self._tools.key}/")
        return [row for row in rows if row.app_version == STORIES]

    def _is_nobodys(self, row: "WorkflowStatus") -> bool:
        return row.status == WAITING or not self._deaths.lives(row.executor_id or "")

    def _runs_elsewhere(self, trial: str) -> bool:
        """Whether another version's worker, which lives, has it."""
        return any(row.app_version != STORIES and row.workflow_id.split("/")[3] == trial for row in self._rows())

    def _was_left(self, row: "WorkflowStatus") -> bool:
        return self._board.left(row.workflow_id) is not None and not self._board.is_active(row.workflow_id)

    def _put_back(self, row: "WorkflowStatus") -> str:
        own = self._queues.parts if row.name == PART else self._queues.trials
        self._board.forget(row.workflow_id)
        self._durable.put_back(row.workflow_id, row.queue_name or own)
        return f"trial {row.workflow_id.split('/', 3)[3]} was cut off and waits again"

    def _id(self, trial: str) -> str:
        return f"{TRIAL}/{self._tools.key}/{STORIES}/{trial}"
