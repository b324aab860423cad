"""Retrainings as durable workflows, with the parts that this process has.

A retraining hands its version over to a promotion, which is a workflow of its own: it is shown, resumed and recorded as
any other, and its id follows from the retraining's, so that it is begun once.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from seatrial.notices.choose import receivers_of
from seatrial.promotion.step import LeftUnfinished
from seatrial.promotion.wish import Wish
from seatrial.records import (
    PermanentError,
    PromotionResult,
    Release,
    RetrainOutcome,
    RetrainPhase,
    RetrainResult,
    RetrainWish,
    TemporaryError,
    Verdict,
)
from seatrial.retrain.run import retrain
from seatrial.retrain.tools import Handover, RetrainTools
from seatrial.workflows.board import Board
from seatrial.workflows.durable import LIVE, Durable, durable_step, result_of
from seatrial.workflows.stories import Parts, Stories

if TYPE_CHECKING:
    from seatrial.wiring import RetrainMeans

_LOOK_SECONDS = 1.0
_FOLLOW_SECONDS = 2.0
_MARK = 4
GIVEN_UP = "given up"


class RetrainStories:
    """What the workflows of continuous training do in this process, each in a thread that the engine made.

    Args:
        parts: of all workflows of the project.
        stories: the other workflows, promotions among them.
        board: what runs here.
        means: gives the books, the store and the streams, opened by the first who asks.
    """

    def __init__(self, parts: Parts, stories: Stories, board: Board, means: Callable[[], "RetrainMeans"]) -> None:
        self._parts = parts
        self._stories = stories
        self._board = board
        self._means = means

    def open(self) -> None:
        """Open the books, so that what is wrong with them is said before anything begins."""
        self._means()

    def knows(self, runs: tuple[str, ...]) -> bool:
        """Whether one of these runs is of this project, on whatever machine."""
        found = [self._means().book.result(run) for run in runs]
        return any(result is not None and result.project == self._parts.project.name for result in found)

    def give_up(self, runs: tuple[str, ...]) -> None:
        """End these runs, which nobody goes on with, and give their models free."""
        book, now = self._means().book, self._parts.trial.clock.now()
        for run in runs:
            found = book.result(run)
            if found is not None and found.outcome is None:
                book.put(
                    replace(
                        found,
                        phase=RetrainPhase.ENDED,
                        outcome=RetrainOutcome.INTERRUPTED,
                        verdict=Verdict.INCONCLUSIVE,
                        headline=GIVEN_UP,
                        ended=now,
                    )
                )
            if found is not None:
                book.release(found.model, run)

    def retrain(self, durable: Durable, workflow: str, wish: RetrainWish) -> RetrainResult:
        """A retraining from its first step, or from wherever it stands."""
        with self._board.running(workflow):
            try:
                return retrain(wish, self._tools(durable, workflow, wish), durable_step)
            except TemporaryError as error:
                raise LeftUnfinished(error) from error

    def _tools(self, durable: Durable, workflow: str, wish: RetrainWish) -> RetrainTools:
        means, project = self._means(), self._parts.project
        return RetrainTools(
            mark=hashlib.sha256(workflow.encode()).hexdigest()[:_MARK],
            project=project,
            book=means.book,
            datasets=means.datasets,
            archive=means.archive,
            files=means.files,
            registry=self._parts.registry(),
            trial=self._parts.trial,
            environ=means.environ,
            stream=means.stream,
            promote=partial(self._promote, durable, workflow, wish),
            promoted=partial(self._promoted, durable, workflow),
            release=means.begin_release,
            follow=partial(self._follow, workflow),
            receivers=lambda notice: tuple(spec.name for spec in receivers_of(notice, project.notify)),
            tell=lambda notice, receiver, run: durable.deliver(
                self._stories.delivery_id(notice, receiver), notice, receiver, run
            ),
            interrupted=lambda: self._board.stop(workflow).is_set(),
            leave=self._leave,
            wait=self._wait,
            watch=self._board.tell_retraining,
        )

    def _promote(self, durable: Durable, workflow: str, wish: RetrainWish, over: Handover) -> None:
        """Begin the promotion, as a workflow of its own."""
        durable.promote(
            _child(workflow, over),
            Wish(
                project=self._parts.project.name,
                model=over.version.model,
                version=over.version.number,
                to=over.stage,
                actor=wish.actor,
                commit=wish.commit,
                branch=wish.branch,
                url=wish.url,
                trial_only=over.trial_only,
            ),
        )

    def _promoted(self, durable: Durable, workflow: str, over: Handover) -> PromotionResult:
        """Wait for its end. Whoever interrupts the retraining interrupts it."""
        child = _child(workflow, over)
        while True:
            found = durable.found([child]).get(child)
            if found is not None and found.status not in LIVE:
                break
            left = self._board.left(child)
            if left is not None:
                raise LeftUnfinished(left.cause)
            if self._board.stop(workflow).is_set():
                self._board.stop(child).set()
            self._wait(_LOOK_SECONDS)
        if found.status != "SUCCESS":
            raise PermanentError(f"the promotion ended as {found.status}", where=child)
        (result,) = result_of(found.output or {}, tuple[PromotionResult, ...])
        return result

    def _follow(self, workflow: str, release: str) -> Release:
        """Wait for the end of a release, which is the server's. Whoever interrupts that only ends the waiting."""
        means = self._means()
        means.ensure_server()
        while True:
            try:
                found = means.release_ended(release)
            except TemporaryError as error:
                raise LeftUnfinished(error) from error
            if found is not None:
                return found
            if self._board.stop(workflow).is_set():
                raise LeftUnfinished
            self._wait(_FOLLOW_SECONDS)

    def _leave(self) -> None:
        if self._board.closing.is_set():
            raise LeftUnfinished

    def _wait(self, seconds: float) -> None:
        if self._board.closing.wait(seconds):
            raise LeftUnfinished


def _child(workflow: str, over: Handover) -> str:
    """Id of the promotion that a retraining begins: the same on whichever machine the retraining is gone on with."""
    return f"{workflow.partition('/')[0]}/{over.key}"
