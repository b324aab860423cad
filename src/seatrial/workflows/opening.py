"""Opens the workflows of a project: the database, a name for this process, and the parts that they work with."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from seatrial.bot.tools import BotTools
from seatrial.config import load_project
from seatrial.wiring import open_notifier, open_registry, open_retraining, open_trial, registry_url
from seatrial.workflows.board import Board
from seatrial.workflows.database import WorkflowDatabase, workflow_database
from seatrial.workflows.deliver import Patience
from seatrial.workflows.durable import Tellers, open_durable
from seatrial.workflows.engine import Engine
from seatrial.workflows.executors import Executors
from seatrial.workflows.leases import Deaths, Leases
from seatrial.workflows.retrainings import RetrainStories
from seatrial.workflows.stories import Parts, Stories
from seatrial.workflows.trials import Trials, TrialStories

PartT = TypeVar("PartT")


@contextmanager
def open_workflows(project: Path, *, patience: Patience | None = None, bot: BotTools | None = None) -> Iterator[Engine]:
    """The workflows of a project, until the block ends; one engine at a time in a process.

    What still runs at the end is left to whoever goes on with it: `seatrial resume`, `seatrial server`, or the next
    command that uses workflows.

    Args:
        project: folder with `seatrial.yaml`.
        patience: how often receivers of notices are tried.
        bot: what the bot's trials work with, in a process that runs them.

    Raises:
        UsageError: there is no project, or its file is wrong.
        PermanentError: the database does not answer.
    """
    with ExitStack() as stack:
        trial = stack.enter_context(open_trial(project))
        config = load_project(project)
        root = trial.workspace.root
        place = workflow_database(root, registry_url(config.registry, os.environ))
        parts = Parts(
            scope=place.scope,
            project=config,
            trial=trial,
            registry=_once(lambda: stack.enter_context(open_registry(project))),
            notifier=lambda spec: open_notifier(spec, os.environ),
            patience=patience or Patience(),
        )
        board = Board()
        stories = Stories(parts, board)
        executors = Executors(root / "executors")
        executor = stack.enter_context(executors.hold())
        log = root / "workflows.log"
        told = None if bot is None else TrialStories(bot, board)
        retraining = RetrainStories(parts, stories, board, _once(lambda: stack.enter_context(open_retraining(project))))
        tellers = Tellers(promote=stories.promote, deliver=stories.deliver, retrain=retraining.retrain, trials=told)
        durable = stack.enter_context(open_durable(place, executor, log, tellers))
        engine = Engine(durable, stories, retraining, parts, board, executors, executor)
        if told is not None:
            deaths = stack.enter_context(_deaths(place, executors, executor, engine, board))
            engine.trials = Trials(durable, told, board, deaths, executor)
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def _deaths(
    place: WorkflowDatabase, executors: Executors, executor: str, engine: Engine, board: Board
) -> Iterator[Deaths]:
    """What proves that another worker is gone: its lock file on one machine, its lock in the database on several."""
    if not place.is_shared:
        yield executors
        return

    def lost() -> None:
        board.closing.set()
        if engine.trials is not None:
            engine.trials.lost = True

    leases = Leases(place.url)
    try:
        with leases.hold(executor, lost):
            yield leases
    finally:
        leases.close()


def _once(make: Callable[[], PartT]) -> Callable[[], PartT]:
    """The same each time, made by the first of all threads that asks."""
    lock = threading.Lock()
    made: list[PartT] = []

    def get() -> PartT:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get
