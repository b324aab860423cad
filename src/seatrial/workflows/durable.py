"""The workflows as the engine knows them; nothing else of ours imports DBOS.

DBOS is one per process and finds workflows by functions that are decorated before it is started, so they are declared
anew each time that it is opened, around whatever they are to do. What it keeps is JSON: arguments and results are
records of ours, and errors are results too, so that a story that is told again fails as it did.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, StepOptions, WorkflowStatus

from seatrial.bot.checkouts import Fetched
from seatrial.promotion.step import LeftUnfinished
from seatrial.promotion.wish import Wish
from seatrial.records import Notice, PermanentError, RetrainWish, SeatrialError, TemporaryError, UsageError
from seatrial.workflows.database import SCHEMA, WorkflowDatabase, sqlite_pool

PROMOTION, DELIVERY, RETRAINING, TRIAL, PART = "promotion", "delivery", "retraining", "trial", "part"
# Of the stories: which steps there are, and in which order. What another version of them began is not gone on with.
STORIES = "3"
LIVE = ("PENDING", "ENQUEUED")
_NAME = "seatrial"
_TRIES = 3
_MOST_RECOVERIES = 1000
_QUEUE_POLL = 0.3
_SHARED_POLL = 0.5
_LISTENER_POLL = 0.1
_ERRORS = {kind.__name__: kind for kind in (UsageError, PermanentError)}
# DBOS itself is one per process; a second one would silently be the first.
_ONLY = threading.Lock()
ResultT = TypeVar("ResultT")
Json = dict[str, Any]
Promote = Callable[["Durable", str, Wish], object]
Deliver = Callable[["Durable", str, Notice, str, str], object]
Retrain = Callable[["Durable", str, RetrainWish], object]


class Queues(Protocol):
    """Queues that several processes take workflows from."""

    def sizes(self) -> Mapping[str, int]:
        """Their names, and how many of each one process runs at once."""
        ...


class TrialTellers(Protocol):
    """What the workflows of the bot do, each in a thread of its own."""

    @property
    def queues(self) -> Queues:
        """Where they wait until then."""
        ...

    def trial(self, durable: "Durable", workflow: str, trial: str) -> object:
        """A whole trial, by its id."""
        ...

    def part(self, durable: "Durable", workflow: str, trial: str, deployment: str, fetched: Fetched) -> object:
        """One deployment of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tellers:
    """What the workflows do, each in a thread of its own; every one gets the engine and the workflow's id first.

    Attributes:
        promote: gets the wish.
        deliver: gets the notice, the receiver and the run.
        retrain: gets the wish.
        trials: what the bot's trials do; None where this process runs none.
    """

    promote: Promote
    deliver: Deliver
    retrain: Retrain
    trials: TrialTellers | None = None


class Durable:
    """DBOS while it runs (`open_durable`). Ids of workflows are the caller's; the same id again starts nothing."""

    def __init__(self, executor: str, tellers: "Tellers") -> None:
        trials = tellers.trials
        self._shared = {} if trials is None else dict(trials.queues.sizes())
        self._queues = {kind: f"{kind}-{executor}" for kind in (PROMOTION, DELIVERY, RETRAINING)}
        self._listening: set[str] = set()

        @DBOS.workflow(name=PROMOTION, max_recovery_attempts=_MOST_RECOVERIES)
        def promotion(wish: Json) -> Json:
            return _answer(lambda: tellers.promote(self, _own_id(), msgspec.convert(wish, Wish)))

        @DBOS.workflow(name=DELIVERY, max_recovery_attempts=_MOST_RECOVERIES)
        def delivery(notice: Json, receiver: str, run: str) -> Json:
            return _answer(lambda: tellers.deliver(self, _own_id(), msgspec.convert(notice, Notice), receiver, run))

        @DBOS.workflow(name=RETRAINING, max_recovery_attempts=_MOST_RECOVERIES)
        def retraining(wish: Json) -> Json:
            return _answer(lambda: tellers.retrain(self, _own_id(), msgspec.convert(wish, RetrainWish)))

        @DBOS.workflow(name=TRIAL, max_recovery_attempts=_MOST_RECOVERIES)
        def trial(told: str) -> Json:
            return _answer(lambda: _there(trials).trial(self, _own_id(), told))

        @DBOS.workflow(name=PART, max_recovery_attempts=_MOST_RECOVERIES)
        def part(told: str, deployment: str, fetched: Json) -> Json:
            compared = msgspec.convert(fetched, Fetched)
            return _answer(lambda: _there(trials).part(self, _own_id(), told, deployment, compared))

        self._promotion, self._delivery, self._retraining = promotion, delivery, retraining
        self._trial, self._part = trial, part

    @property
    def queues(self) -> Sequence[str]:
        """Those that this process takes workflows from: its own, and those of the bot if it runs its trials."""
        return (*self._queues.values(), *self._shared)

    def open_shared(self) -> None:
        """Make the queues that several processes share; where they differ on their sizes, the last one counts."""
        for name, size in self._shared.items():
            DBOS.register_queue(
                name, worker_concurrency=size, polling_interval_sec=_SHARED_POLL, on_conflict="always_update"
            )

    def start_trial(self, workflow: str, queue: str, trial: str) -> None:
        """Put a trial of the bot into a queue; one of the same id that is known is left alone."""
        with SetWorkflowID(workflow):
            DBOS.enqueue_workflow(queue, self._trial, trial)

    def start_part(self, workflow: str, queue: str, trial: str, deployment: str, fetched: Fetched) -> None:
        """Put a deployment of a trial into a queue, from within the trial's workflow."""
        with SetWorkflowID(workflow):
            DBOS.enqueue_workflow(queue, self._part, trial, deployment, msgspec.to_builtins(fetched))

    def put_back(self, workflow: str, queue: str) -> None:
        """Have a workflow wait in a queue, from its last finished step. No process may be running it."""
        DBOS.resume_workflow(workflow, queue_name=queue)

    def forget(self, workflow: str) -> None:
        """Remove a workflow that has ended, with those that it started."""
        DBOS.delete_workflow(workflow, delete_children=True)

    def promote(self, workflow: str, wish: Wish) -> None:
        """Start a promotion in a thread of its own."""
        with SetWorkflowID(workflow):
            DBOS.start_workflow(self._promotion, msgspec.to_builtins(wish))

    def deliver(self, workflow: str, notice: Notice, receiver: str, run: str) -> None:
        """Start a delivery in a thread of its own; also as part of a promotion."""
        with SetWorkflowID(workflow):
            DBOS.start_workflow(self._delivery, msgspec.to_builtins(notice), receiver, run)

    def retrain(self, workflow: str, wish: RetrainWish) -> None:
        """Start a retraining in a thread of its own."""
        with SetWorkflowID(workflow):
            DBOS.start_workflow(self._retraining, msgspec.to_builtins(wish))

    def take_over(self, workflow: str, kind: str) -> None:
        """Go on with a workflow whose process is gone, which the caller has made sure of, from its last finished step.

        Args:
            workflow: its id.
            kind: `PROMOTION`, of which this process runs one after the other, `DELIVERY` or `RETRAINING`.
        """
        queue = self._queues[kind]
        if queue not in self._listening:
            only_one = 1 if kind == PROMOTION else None
            DBOS.register_queue(queue, worker_concurrency=only_one, polling_interval_sec=_QUEUE_POLL)
            self._listening.add(queue)
        DBOS.resume_workflow(workflow, queue_name=queue)

    def cancel(self, workflow: str) -> None:
        """End a workflow for good, where it stands."""
        DBOS.cancel_workflow(workflow)

    def live(self, prefix: str) -> list[WorkflowStatus]:
        """The workflows that have not ended and whose ids begin so, the oldest first."""
        return DBOS.list_workflows(status=list(LIVE), workflow_id_prefix=prefix, load_output=False)

    def running(self, prefix: str) -> list[WorkflowStatus]:
        """Those of them that a process took and has not ended; what waits in a queue is not looked at."""
        return DBOS.list_workflows(status=LIVE[0], workflow_id_prefix=prefix, load_input=False, load_output=False)

    def found(self, workflows: Sequence[str]) -> dict[str, WorkflowStatus]:
        """What is known of these workflows, by id."""
        if not workflows:
            return {}
        return {each.workflow_id: each for each in DBOS.list_workflows(workflow_ids=list(workflows), load_input=False)}

    def steps(self, workflow: str) -> Mapping[str, Json]:
        """What the finished steps of a workflow gave, by their names."""
        return {
            step["function_name"]: step["output"]["value"]
            for step in DBOS.list_workflow_steps(workflow)
            if isinstance(step["output"], dict) and "value" in step["output"]
        }

    def forget_queues(self, executor: str | None = None) -> None:
        """Remove the queues of this process, or of another that is gone."""
        names = [f"{kind}-{executor}" for kind in (PROMOTION, DELIVERY, RETRAINING)] if executor else self._listening
        for name in names:
            DBOS.delete_queue(name)


@contextmanager
def open_durable(
    database: WorkflowDatabase,
    executor: str,
    log: Path,
    tellers: Tellers,
) -> Iterator[Durable]:
    """Run DBOS until the block ends; whatever is under way then stays as it is, to be gone on with.

    Args:
        database: where it keeps what is done.
        executor: name of this process, like no other's.
        log: file that gets DBOS's warnings.
        tellers: what the workflows do.

    Raises:
        PermanentError: the database does not answer, or there is an engine in this process already.
    """
    if not _ONLY.acquire(blocking=False):
        raise PermanentError("workflows are open in this process already")
    pool = None if database.is_shared else sqlite_pool(database.url)
    handler = _quiet(log)
    try:
        DBOS(config=_config(database, executor, pool))
        durable = Durable(executor, tellers)
        DBOS.listen_queues(durable.queues)
        _launch(database)
        durable.open_shared()
        yield durable
        durable.forget_queues()
    finally:
        DBOS.destroy(destroy_registry=True)
        logging.getLogger(_DBOS_LOG).removeHandler(handler)
        handler.close()
        if pool is not None:
            pool.dispose()
        _ONLY.release()


def _config(database: WorkflowDatabase, executor: str, pool: Any) -> DBOSConfig:  # noqa: ANN401 - sa.Engine | None
    return DBOSConfig(
        name=_NAME,
        system_database_url=database.url,
        system_database_engine=pool,
        dbos_system_schema=SCHEMA,
        application_version=STORIES,
        executor_id=executor,
        serializer=DBOSPortableJSONSerializer(),
        use_listen_notify=False,
        enable_otlp=False,
        log_level="WARNING",
        notification_listener_polling_interval_sec=_LISTENER_POLL,
    )


def _launch(database: WorkflowDatabase) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - only for the name of its error

    try:
        DBOS.launch()
    except sa.exc.DBAPIError as error:
        raise PermanentError(
            f"the workflows' database does not answer: {str(error.orig).strip().splitlines()[0]}",
            where=sa.make_url(database.url).render_as_string(hide_password=True),
            remedy="start it, or correct its URL",
        ) from error


_DBOS_LOG = "dbos"


def _quiet(log: Path) -> logging.Handler:
    """DBOS writes to standard error unless its logger has a handler already."""
    logger = logging.getLogger(_DBOS_LOG)
    logger.propagate = False
    handler = logging.FileHandler(log, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    return handler


def durable_step(name: str, work: Callable[[], ResultT], kind: type[ResultT]) -> ResultT:
    """A step of the workflow that this thread is in (`seatrial.promotion.step.Step`).

    What doesn't answer is tried again after one and two seconds; then the story is left unfinished.
    """
    tries = 0

    def attempt() -> Json:
        nonlocal tries
        tries += 1
        try:
            return _answer(work)
        except TemporaryError as error:
            if tries == _TRIES:
                raise LeftUnfinished(error) from error
            raise

    options = StepOptions(
        name=name,
        retries_allowed=True,
        max_attempts=_TRIES,
        should_retry=lambda error: isinstance(error, TemporaryError),
    )
    return result_of(DBOS.run_step(options, attempt), kind)


def _answer(work: Callable[[], object]) -> Json:
    """What `work` gives, or the error that it ends with, as JSON; a TemporaryError is raised."""
    try:
        return {"value": msgspec.to_builtins(work())}
    except (UsageError, PermanentError) as error:
        return {"error": type(error).__name__, "what": error.what, "where": error.where, "remedy": error.remedy}


def result_of(answer: Json, kind: type[ResultT]) -> ResultT:
    """The record in what a workflow or step gave. Raises the error in it."""
    if "error" in answer:
        raise error_of(answer)
    return msgspec.convert(answer["value"], kind)


def error_of(answer: Json) -> SeatrialError:
    """The error in what a workflow or step gave."""
    return _ERRORS[answer["error"]](answer["what"], where=answer["where"], remedy=answer["remedy"])


def _there(trials: TrialTellers | None) -> TrialTellers:
    """Raises LeftUnfinished where this process runs no trials: another one does."""
    if trials is None:
        raise LeftUnfinished
    return trials


def is_of_the_engine(error: Exception) -> bool:
    """Whether an error is DBOS's own, about who runs the workflow and whether it goes on."""
    return type(error).__module__.partition(".")[0] == "dbos"


def _own_id() -> str:
    """Id of the workflow that this thread is in."""
    return DBOS.workflow_id or ""
