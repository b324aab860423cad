"""What the bot decided, done: every action may be done again, after a crash or an answer that got lost, without harm."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from seatrial.bot.book import BotBook
from seatrial.bot.decide import Action, Cancel, Explain, React, Reply, Start
from seatrial.bot.queue import TrialQueue
from seatrial.bot.target import target_of
from seatrial.forge.check import CheckMaker
from seatrial.forge.explain import explain
from seatrial.forge.publish import Publisher
from seatrial.ports import Clock, Forge
from seatrial.records import BotSpec, BotTrial, Hook, Report, SeatrialError, TrialState

_MARGIN: Final = 200
"""Bytes of a comment for its mark."""

ReadReport = Callable[[BotTrial], Report | None]
"""The report of a trial; None where it is kept no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What the bot acts with.

    Attributes:
        say: is told what a reader of the log should know.
    """

    book: BotBook
    forge: Forge
    spec: BotSpec
    queue: TrialQueue
    clock: Clock
    reports: ReadReport
    say: Callable[[str], None]


def act(action: Action, hook: Hook, hands: Hands) -> None:
    """Do one action. Raises SeatrialError if the forge or the queue does not."""
    match action:
        case Start():
            _start(action.trial, hands)
        case Cancel():
            hands.book.request_cancel(action.trial, action.why)
            hands.queue.cancel(action.trial, action.why)
        case Reply():
            _reply(hands.forge, hook, action.key, action.text)
        case Explain():
            _reply(hands.forge, hook, action.key, _explained(action, hands))
        case React():
            show = partial(hands.forge.acknowledge, hook.repository, hook.number, action.comment)
            _courtesy(show, hook.repository, hook.number, hands)


def _start(trial: BotTrial, hands: Hands) -> None:
    """Enter it, show that it waits, and only then let it run: a check must not fall back to `queued` once it runs."""
    hands.book.add(trial)
    entered = hands.book.trial(trial.id) or trial
    if entered.state is TrialState.QUEUED:
        _show_queued(entered, hands)
    hands.queue.enqueue(entered)
    hands.say(f"{trial.repository}#{trial.number}: trial {trial.id} of {trial.commit[:12]} in {trial.project}")


def _show_queued(trial: BotTrial, hands: Hands) -> None:
    """Where the project's name is not known yet the comment, and a check that is called after it, are the worker's."""
    target = target_of(trial, hands.spec, hands.book)
    if target.project:
        Publisher(hands.forge, target, clock=hands.clock, key=trial.id).queued()
    elif not target.several:
        maker = CheckMaker(target=target, key=trial.id, limits=hands.forge.limits, started=hands.clock.now())
        _courtesy(partial(hands.forge.set_check, maker.queued()), trial.repository, trial.number, hands)


def _courtesy(show: Callable[[], None], repository: str, number: int, hands: Hands) -> None:
    """That it can't be shown stops nothing."""
    try:
        show()
    except SeatrialError as error:
        hands.say(f"{repository}#{number}: {error.what}")


def _explained(action: Explain, hands: Hands) -> str:
    limit = hands.forge.limits.comment // len(action.trials) - _MARGIN
    texts = []
    for trial in action.trials:
        report = hands.reports(trial)
        texts.append(_GONE if report is None else explain(report, action.metric, limit=limit))
    return "\n\n".join(dict.fromkeys(texts))


def _reply(forge: Forge, hook: Hook, key: str, text: str) -> None:
    """A comment of ours, unless it is there: its mark tells for which key it was written."""
    mark = f"<!-- seatrial reply {hashlib.sha256(key.encode()).hexdigest()[:16]} -->"
    for posted in forge.comments(hook.repository, hook.number):
        if mark in posted.body and posted.own is not False:
            return
    forge.create_comment(hook.repository, hook.number, f"{text}\n\n{mark}\n")


_GONE = "The report of the last trial is not kept any more; `/seatrial run` makes a new one."
