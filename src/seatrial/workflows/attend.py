"""The workflows in a process that lives long.

It goes on with what others left, delivers its own notices, runs the bot's trials, and begins the retrainings that are due.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.records import Notice, SeatrialError
from seatrial.workflows.durable import RETRAINING
from seatrial.workflows.engine import Engine, Finish, Unfinished
from seatrial.workflows.opening import open_workflows

if TYPE_CHECKING:
    from seatrial.wiring import BotParts, Scheduling

LOOK_SECONDS = 10.0
_SLICE_SECONDS = 0.5
Say = Callable[[str], None]


class Attendant:
    """A duty of a server: call it with the event that ends it, in a thread of its own.

    Args:
        project: folder with `seatrial.yaml`.
        say: gets a line for everything that happens.
        every: seconds between two looks for what was left.
        bot: the bot whose trials run here too, if there is one.
        scheduling: where wishes for retrainings come in, if the project has loops.
    """

    def __init__(
        self,
        project: Path,
        say: Say,
        *,
        every: float = LOOK_SECONDS,
        bot: "BotParts | None" = None,
        scheduling: "Scheduling | None" = None,
    ) -> None:
        self._bot = bot
        self._scheduling = scheduling
        self._project = project
        self._say = say
        self._every = every
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._waiting: list[Notice] = []
        self._woken = threading.Event()

    def wake(self) -> None:
        """Look again soon: something new came in. From any thread."""
        self._woken.set()

    def __call__(self, stop: threading.Event) -> None:
        """Attend until `stop` is set. What doesn't answer is told, and tried again at the next look."""
        while not stop.is_set():
            try:
                with open_workflows(self._project, bot=None if self._bot is None else self._bot.tools) as engine:
                    self._attend(engine, stop)
            except SeatrialError as error:
                self._say(str(error))
                stop.wait(self._every)

    def notify(self, notice: Notice) -> None:
        """See to it that those who want a notice get it; from any thread, also before the workflows are open."""
        with self._lock:
            if self._engine is None:
                self._waiting.append(notice)
            else:
                self._engine.notify(notice)

    def _attend(self, engine: Engine, stop: threading.Event) -> None:
        with self._lock:
            self._engine = engine
            for notice in self._waiting:
                engine.notify(notice)
            self._waiting.clear()
        try:
            if self._bot is not None and engine.trials is not None:
                self._bot.queue.attach(engine.trials)
                engine.trials.adopt()
            self._look_again_and_again(engine, stop)
        finally:
            if self._bot is not None:
                self._bot.queue.attach(None)
            with self._lock:
                self._engine = None

    def _look_again_and_again(self, engine: Engine, stop: threading.Event) -> None:
        taken: list[Unfinished] = []
        lost = 0
        while True:
            for line in engine.trials.look() if engine.trials is not None else ():
                self._say(line)
            for each in engine.take_over():
                self._say(f"going on with {_named(each)}, which was cut off")
                taken.append(each)
            known = {each.id for each in taken}
            taken += [each for each in self._begin_retrainings(engine) if each.id not in known]
            for each in list(taken):
                finish = engine.finish_of(each.id)
                if finish is not None:
                    taken.remove(each)
                    self._say(_ended(_known_now(each, engine), finish))
            for undelivered in engine.lost[lost:]:
                lost += 1
                self._say(f"{undelivered.receiver} did not get {undelivered.subject!r}: {undelivered.reason}")
            if self._pause(stop):
                return

    def _pause(self, stop: threading.Event) -> bool:
        """Wait until it is time to look again, or something new came in; whether it is time to end."""
        for _ in range(max(1, round(self._every / _SLICE_SECONDS))):
            if stop.wait(min(self._every, _SLICE_SECONDS)):
                return True
            if self._woken.is_set():
                self._woken.clear()
                return False
        return False

    def _begin_retrainings(self, engine: Engine) -> list[Unfinished]:
        """Begin what schedules, alarms, webhooks and people asked for; each wish once, however often it is taken."""
        if self._scheduling is None:
            return []
        begun = []
        for wish in self._scheduling.book.waiting_wishes():
            workflow = engine.retrain(wish)
            self._scheduling.book.wish_done(wish.id, self._scheduling.clock.now())
            self._say(f"retraining {wish.name}: {wish.why}")
            begun.append(Unfinished(id=workflow, kind=RETRAINING, about=wish.name, state="here", retraining=wish))
        return begun


def _known_now(each: Unfinished, engine: Engine) -> Unfinished:
    """The same with the runs that it has begun by now."""
    return replace(each, runs=engine.runs_of(each.id))


def _named(each: Unfinished) -> str:
    if each.retraining is not None:
        return f"the retraining of {each.about}{f' ({each.name})' if each.runs else ''}"
    return f"the promotion of {each.about} ({each.name})" if each.wish is not None else f"a notice: {each.about}"


def _ended(each: Unfinished, finish: Finish) -> str:
    if finish.left is not None:
        return f"{_named(each)} stands where it stands: {finish.left}"
    if finish.error is not None:
        return f"{_named(each)} ended: {finish.error.what}"
    if finish.retraining is not None:
        return f"{_named(each)} ended: {finish.retraining.outcome}: {finish.retraining.headline}"
    outcomes = "; ".join(
        f"{result.model}@{result.number} {'holds' if result.promoted else 'was not promoted to'} {result.stage}"
        for result in finish.results
    )
    return f"{_named(each)} ended: {outcomes}" if outcomes else f"{_named(each)} ended"
