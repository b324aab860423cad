"""All loops of a project under one roof: each is looked at in turn, and trouble with one is no trouble for the others.

What is due is entered into the book as a wish, in one transaction with the note that it was; whoever begins runs takes it
from there. So a scheduler may be killed at any moment, and several may look at the same loops.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from seatrial.ports import Clock
from seatrial.records import RetrainSpec, RetrainWish
from seatrial.retrain.book import RetrainBook
from seatrial.retrain.schedule import Firing, due_by_clock, due_by_look, is_new
from seatrial.retrain.scheduler_looks import Looks, PatientLooks, Troubles

EVERY_SECONDS: Final = 5.0


def _nobody() -> None:
    """Tell nobody."""


class Scheduler:
    """A duty of the server: call it with the event that ends it, in a thread of its own.

    Args:
        book: where wishes go.
        specs: the loops.
        looks: at streams and alarms, by the loop's name.
        clock: by which loops are due.
        say: gets a line for everything that happens, and for every trouble.
        wish: what is asked for when something fires.
        arrived: told that one more wish is in the book.
    """

    def __init__(
        self,
        book: RetrainBook,
        specs: Sequence[RetrainSpec],
        looks: Mapping[str, Looks],
        clock: Clock,
        say: Callable[[str], None],
        *,
        wish: Callable[[RetrainSpec, Firing], RetrainWish],
        arrived: Callable[[], None] = _nobody,
    ) -> None:
        self._book = book
        self._specs = specs
        self._clock = clock
        self._say = say
        self._wish = wish
        self._arrived = arrived
        self._troubles = Troubles(say)
        self._probes = {
            spec.name: PatientLooks(
                spec, looks[spec.name], partial(book.busy, spec.name, spec.model), clock, self._troubles
            )
            for spec in specs
        }

    def __call__(self, stop: threading.Event) -> None:
        """Look until `stop` is set. Looks at streams and logs may be slow, and hold up no clock."""
        looks = threading.Thread(target=_again_and_again, args=(self.look, stop), name="looks", daemon=True)
        looks.start()
        _again_and_again(self.tick, stop)
        looks.join(EVERY_SECONDS)

    def round(self) -> Sequence[Firing]:
        """Look at everything once; what began a run."""
        return (*self.tick(), *self.look())

    def tick(self) -> Sequence[Firing]:
        """Look at the clock for each loop; what began a run."""
        return tuple(self._each(self._tick, "the schedule of {}"))

    def look(self) -> Sequence[Firing]:
        """Look at streams and alarms for each loop that has any; what began a run."""
        return tuple(self._each(self._look, "looking for what begins {}"))

    def _each(self, turn: Callable[[RetrainSpec], Firing | None], what: str) -> Iterator[Firing]:
        for spec in self._specs:
            try:
                firing = turn(spec)
            except Exception as error:  # noqa: BLE001 - trouble with one is none for the others
                self._troubles.error(what.format(spec.name), error)
                continue
            self._troubles.over(what.format(spec.name))
            if firing is not None:
                yield firing

    def _tick(self, spec: RetrainSpec) -> Firing | None:
        now, state = self._clock.now(), self._book.schedule(spec.name)
        if is_new(spec, state):
            self._book.consider(spec.name, spec.triggers.cron, now)
            return None
        firing = due_by_clock(spec, state, now)
        if firing is None or not self._book.fire(self._wish(spec, firing), state, firing.considered):
            return None
        return self._told(spec, firing)

    def _look(self, spec: RetrainSpec) -> Firing | None:
        state = self._book.schedule(spec.name)
        firing = due_by_look(spec, state, self._clock.now(), self._probes[spec.name])
        if firing is None or not self._book.fire(self._wish(spec, firing), state, None):
            return None
        return self._told(spec, firing)

    def _told(self, spec: RetrainSpec, firing: Firing) -> Firing:
        self._say(f"{spec.name} is due: {firing.why}")
        self._arrived()
        return firing


def _again_and_again(turn: Callable[[], object], stop: threading.Event) -> None:
    while not stop.is_set():
        turn()
        stop.wait(EVERY_SECONDS)
