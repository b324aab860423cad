"""What the workflows of this process are doing, for the thread that waits for them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from seatrial.promotion.step import LeftUnfinished
from seatrial.records import Undelivered
from seatrial.retrain import progress
from seatrial.retrain.progress import RetrainProgress, RetrainWatcher
from seatrial.trial.progress import Progress, Watcher, unwatched


class Board:
    """Which workflows run here, which were left unfinished, and what could not be delivered. Safe for many threads.

    Attributes:
        closing: set once this process is about to end, and what can be gone on with later is left.
        watch: told of the progress of trials; somebody may begin and end to watch while one runs.
        watch_retraining: the same of retrainings.
    """

    watch: Watcher
    watch_retraining: RetrainWatcher

    def __init__(self) -> None:
        self.closing = threading.Event()
        self.watch = unwatched
        self.watch_retraining = progress.unwatched
        self._changed = threading.Condition()
        self._active: list[str] = []
        self._left: dict[str, LeftUnfinished] = {}
        self._lost: list[Undelivered] = []
        self._stops: dict[str, threading.Event] = {}

    def tell(self, progress: Progress) -> None:
        """Tell whoever watches by now."""
        self.watch(progress)

    def tell_retraining(self, how_far: RetrainProgress) -> None:
        """Tell whoever watches retrainings by now."""
        self.watch_retraining(how_far)

    def stop(self, workflow: str) -> threading.Event:
        """Set once the trial of a workflow shall end as after Ctrl-C."""
        with self._changed:
            stop = self._stops.setdefault(workflow, threading.Event())
            if self.closing.is_set():
                stop.set()
            return stop

    def close(self, seconds: float) -> None:
        """End the trials that run here, leave what can be gone on with, and wait until that is done."""
        self.closing.set()
        with self._changed:
            for stop in self._stops.values():
                stop.set()
            self._changed.wait_for(lambda: not self._active, seconds)

    @contextmanager
    def running(self, workflow: str) -> Iterator[None]:
        """For the length of a workflow in one of this process's threads."""
        with self._changed:
            self._active.append(workflow)
            self._left.pop(workflow, None)
        try:
            yield
        except LeftUnfinished as left:
            with self._changed:
                self._left[workflow] = left
            raise
        finally:
            with self._changed:
                self._active.remove(workflow)
                self._changed.notify_all()

    def is_active(self, workflow: str) -> bool:
        """Whether it runs in a thread of this process."""
        with self._changed:
            return workflow in self._active

    def left(self, workflow: str) -> LeftUnfinished | None:
        """Why it was left unfinished here; None if it was not."""
        with self._changed:
            return self._left.get(workflow)

    def forget(self, workflow: str) -> None:
        """Forget that a workflow was left unfinished: it is gone on with."""
        with self._changed:
            self._left.pop(workflow, None)

    def lose(self, undelivered: Undelivered) -> None:
        """Note what could not be delivered."""
        with self._changed:
            self._lost.append(undelivered)

    def lost(self) -> tuple[Undelivered, ...]:
        """What could not be delivered, in order."""
        with self._changed:
            return tuple(self._lost)

    def wait(self, seconds: float) -> None:
        """Return when a workflow of this process has ended, or after `seconds`."""
        with self._changed:
            self._changed.wait(seconds)
