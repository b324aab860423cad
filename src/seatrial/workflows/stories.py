"""What the workflows do, with the parts that this process has: promotions by the room of that name, and deliveries."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from seatrial.notices.choose import receivers_of
from seatrial.ports import Notify
from seatrial.promotion.run import promote
from seatrial.promotion.step import LeftUnfinished
from seatrial.promotion.tools import PromotionTools
from seatrial.promotion.wish import Wish
from seatrial.records import Notice, NotifySpec, PermanentError, Project, PromotionResult, Undelivered
from seatrial.registry.tools import RegistryTools
from seatrial.trial.run import Outcome
from seatrial.trial.tools import Tools
from seatrial.trial.versions import VersionTrialRequest, run_version_trial
from seatrial.workflows.board import Board
from seatrial.workflows.deliver import Patience, deliver
from seatrial.workflows.durable import Durable, durable_step

_LOOK_SECONDS = 0.1
_MARK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the workflows work with.

    Attributes:
        scope: begins the id of every workflow of this project on this machine.
        registry: gives the registry, opened by the first who asks.
        notifier: gives what brings notices to a receiver.
        patience: how often a receiver is tried.
    """

    scope: str
    project: Project
    trial: Tools
    registry: Callable[[], RegistryTools]
    notifier: Callable[[NotifySpec], Notify]
    patience: Patience


class Stories:
    """The workflows of one process, each told in a thread that the engine made."""

    def __init__(self, parts: Parts, board: Board) -> None:
        self._parts = parts
        self._board = board
        self._one_trial = threading.Lock()

    def promote(self, durable: Durable, workflow: str, wish: Wish) -> tuple[PromotionResult, ...]:
        """A promotion from its first step, or from wherever it stands."""
        registry = self._parts.registry()
        tools = PromotionTools(
            mark=hashlib.sha256(workflow.encode()).hexdigest()[:_MARK],
            project=self._parts.project,
            registry=registry.registry,
            archive=registry.store,
            trial=self._parts.trial,
            attempt=partial(self._attempt, workflow),
            receivers=lambda notice: tuple(spec.name for spec in receivers_of(notice, self._parts.project.notify)),
            tell=lambda notice, receiver, run: durable.deliver(
                self.delivery_id(notice, receiver), notice, receiver, run
            ),
        )
        with self._board.running(workflow):
            return promote(wish, tools, durable_step)

    def deliver(self, _: Durable, workflow: str, notice: Notice, receiver: str, run: str) -> Undelivered | None:
        """A delivery from its first try, or from wherever it stands."""
        with self._board.running(workflow):
            return deliver(
                notice,
                receiver,
                send=partial(self._send, receiver),
                step=durable_step,
                wait=self._wait,
                report=lambda undelivered: self._report(undelivered, run),
                patience=self._parts.patience,
            )

    def delivery_id(self, notice: Notice, receiver: str) -> str:
        """Of the workflow that brings this notice to this receiver; there is one at most."""
        return f"{self._parts.scope}/{notice.key}/{receiver}"

    def _attempt(self, workflow: str, request: VersionTrialRequest) -> Outcome:
        """One trial; two at once in a process would disturb each other."""
        with self._one_trial:
            if self._board.closing.is_set():
                raise LeftUnfinished
            stop = self._board.stop(workflow)
            outcome = run_version_trial(request, self._parts.trial, self._board.tell, stop=stop)
        if outcome.interrupted and self._board.closing.is_set():
            raise LeftUnfinished
        return outcome

    def _wait(self, seconds: float) -> None:
        if self._board.closing.wait(seconds):
            raise LeftUnfinished

    def _send(self, receiver: str, notice: Notice) -> None:
        spec = next((spec for spec in self._parts.project.notify if spec.name == receiver), None)
        if spec is None:
            raise PermanentError(f"{receiver!r} is no longer under notify in seatrial.yaml")
        self._abandonable(lambda: self._parts.notifier(spec).send(notice))

    def _abandonable(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread that holds up nobody's end: a receiver that hangs must not keep the process alive."""
        done = threading.Event()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
                raised.append(error)
            finally:
                done.set()

        threading.Thread(target=run, name="notice", daemon=True).start()
        while not done.wait(_LOOK_SECONDS):
            if self._board.closing.is_set():
                raise LeftUnfinished
        if raised:
            raise raised[0]

    def _report(self, undelivered: Undelivered, run: str) -> None:
        self._board.lose(undelivered)
        if run:
            self._parts.trial.journal.append(run, undelivered)
