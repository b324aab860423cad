"""The workflows in a process that lives long: `seatrial server` goes on with what others left, and delivers its own notices."""

import threading
from collections.abc import Callable
from pathlib import Path

from seatrial.records import Notice, SeatrialError
from seatrial.workflows.engine import Engine, Finish, Unfinished
from seatrial.workflows.opening import open_workflows

LOOK_SECONDS = 10.0
Say = Callable[[str], None]


class Attendant:
    """A duty of a server: call it with the event that ends it, in a thread of its own.

    Args:
        project: folder with `seatrial.yaml`.
        say: gets a line for everything that happens.
        every: seconds between two looks for what was left.
    """

    def __init__(self, project: Path, say: Say, *, every: float = LOOK_SECONDS) -> None:
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
                with open_workflows(self._project) as engine:
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
            self._look_again_and_again(engine, stop)
        finally:
            with self._lock:
                self._engine = None

    def _look_again_and_again(self, engine: Engine, stop: threading.Event) -> None:
        taken: list[Unfinished] = []
        lost = 0
        while True:
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
