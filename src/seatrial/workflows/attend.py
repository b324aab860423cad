"""The workflows in a process that lives long: it goes on with what others left, delivers its own notices, runs the bot's trials."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.records import Notice, SeatrialError
from seatrial.workflows.engine import Engine, Finish, Unfinished
from seatrial.workflows.opening import open_workflows

if TYPE_CHECKING:
    from seatrial.wiring import BotParts

LOOK_SECONDS = 10.0
Say = Callable[[str], None]


class Attendant:
    """A duty of a server: call it with the event that ends it, in a thread of its own.

    Args:
        project: folder with `seatrial.yaml`.
        say: gets a line for everything that happens.
        every: seconds between two looks for what was left.
        bot: the bot whose trials run here too, if there is one.
    """

    def __init__(self, project: Path, say: Say, *, every: float = LOOK_SECONDS, bot: "BotParts | None" = None) -> None:
        self._bot = bot
        self._project = project
        self._say = say
        self._every = every
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._waiting: list[Notice] = []

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
            for each in list(taken):
                finish = engine.finish_of(each.id)
                if finish is not None:
                    taken.remove(each)
                    self._say(_ended(each, finish))
            for undelivered in engine.lost[lost:]:
                lost += 1
                self._say(f"{undelivered.receiver} did not get {undelivered.subject!r}: {undelivered.reason}")
            if stop.wait(self._every):
                return


def _named(each: Unfinished) -> str:
    return f"the promotion of {each.about} ({each.name})" if each.wish is not None else f"a notice: {each.about}"


def _ended(each: Unfinished, finish: Finish) -> str:
    if finish.left is not None:
        return f"{_named(each)} stands where it stands: {finish.left}"
    if finish.error is not None:
        return f"{_named(each)} ended: {finish.error.what}"
    outcomes = "; ".join(
        f"{result.model}@{result.number} {'holds' if result.promoted else 'was not promoted to'} {result.stage}"
        for result in finish.results
    )
    return f"{_named(each)} ended: {outcomes}" if outcomes else f"{_named(each)} ended"
