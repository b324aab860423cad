"""All deployments of a project under one roof: each gets its turn, and trouble with one is no trouble for the others."""

import logging
import shutil

from seatrial.deployments.book import Wanted
from seatrial.deployments.means import Means
from seatrial.deployments.watch import Watch
from seatrial.records import SeatrialError

BUSY_SECONDS = 0.05
IDLE_SECONDS = 0.25
log = logging.getLogger("seatrial.server")


class Supervisor:
    """Makes the world match the book, and keeps it so."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._watched: dict[str, Watch] = {}
        self._troubles: dict[str, str] = {}

    def turn(self, *, stop_all: bool = False) -> float:
        """One round over all deployments; seconds until the next.

        Args:
            stop_all: as if all were stopped, without saying so in the book.
        """
        wishes = self._means.book.wishes()
        for wanted in wishes:
            self._guarded(wanted, stop_all=stop_all)
        for name in self._watched.keys() - {wanted.wish.name for wanted in wishes}:
            del self._watched[name]
        return BUSY_SECONDS if any(watch.busy for watch in self._watched.values()) else IDLE_SECONDS

    @property
    def empty(self) -> bool:
        """Whether nothing runs."""
        return all(watch.empty for watch in self._watched.values())

    def leave(self) -> None:
        """End; everything that was started runs on."""
        for watch in self._watched.values():
            watch.leave()

    def _guarded(self, wanted: Wanted, *, stop_all: bool) -> None:
        name = wanted.wish.name
        try:
            self._turn(wanted, stop_all=stop_all)
        except Exception as error:  # noqa: BLE001 - trouble with one is none for the others
            # Turns are many; the same trouble is told once.
            if self._troubles.get(name) != str(error):
                _tell(name, error)
            self._troubles[name] = str(error)
        else:
            self._troubles.pop(name, None)

    def _turn(self, wanted: Wanted, *, stop_all: bool) -> None:
        name = wanted.wish.name
        watch = self._watched.get(name)
        if watch is None:
            watch = self._watched[name] = Watch(wanted, self._means)
        watch.turn(wanted if not stop_all else _stopped(wanted))
        if wanted.removed and watch.empty:
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._watched.pop(name)
        self._means.tidy(self._means.folder / name, frozenset())
        shutil.rmtree(self._means.folder / name, ignore_errors=True)
        self._means.book.forget(name)
        log.info("%s was removed", name)


def _tell(name: str, error: Exception) -> None:
    trace = None if isinstance(error, SeatrialError) else error
    log.error("%s: %s", name, error, exc_info=trace)


def _stopped(wanted: Wanted) -> Wanted:
    return Wanted(wish=wanted.wish, generation=wanted.generation, stopped=True, removed=wanted.removed)
