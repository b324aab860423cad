"""All releases of a project under one roof: each gets its turn, and trouble with one is no trouble for the others."""

import logging
import threading
from typing import Final

from seatrial.records import Release, ReleasePhase, SeatrialError
from seatrial.release.book import goes_first
from seatrial.release.run import ReleaseRun
from seatrial.release.state import Order
from seatrial.release.tools import ReleaseTools

EVERY_SECONDS: Final = 0.5
log = logging.getLogger("seatrial.server")


class ReleaseRunner:
    """Turns whatever is not at its end. One a project: it alone changes releases.

    It is a duty of `seatrial server`: call it with the event that ends it, in a thread of its own.
    """

    def __init__(self, tools: ReleaseTools) -> None:
        self._tools = tools
        self._runs: dict[str, ReleaseRun] = {}
        self._troubles: dict[str, str] = {}

    def __call__(self, stop: threading.Event) -> None:
        """Turn until `stop` is set. Nothing has to be said at the end: whoever comes next goes on."""
        said = ""
        while not stop.is_set():
            try:
                self.round()
            except Exception as error:
                # Rounds are many; the same trouble is told once.
                if said != str(error):
                    log.exception("releases could not be looked at; they are again in a moment")
                said = str(error)
            else:
                said = ""
            stop.wait(EVERY_SECONDS)

    def round(self) -> int:
        """Give each its turn; how many there are."""
        orders = _oldest(self._tools.book.open_orders())
        due = dict.fromkeys([*self._tools.book.unfinished(), *orders])
        for gone in self._runs.keys() - due.keys():
            del self._runs[gone]
        if not due:
            return 0
        self._tools.fleet.look()
        for release in due:
            self._guarded(release, orders.get(release))
        return len(due)

    def _guarded(self, release: str, order: Order | None) -> None:
        try:
            self._turn(release, order)
        except Exception as error:
            # Turns are many; the same trouble is told once. What it knew may be wrong: it begins from the disk.
            self._runs.pop(release, None)
            if self._troubles.get(release) != str(error):
                trace = None if isinstance(error, SeatrialError) else error
                log.error("release %s: %s", release, error, exc_info=trace)  # noqa: TRY400
            self._troubles[release] = str(error)
        else:
            self._troubles.pop(release, None)

    def _turn(self, release: str, order: Order | None) -> None:
        run = self._runs.get(release)
        if run is None:
            run = self._runs[release] = ReleaseRun(release, self._tools)
        run.turn(order, self._busy(run.story.release))

    def _busy(self, release: Release) -> str:
        """Why a release has to wait; asked only of those that do."""
        if release.phase not in {ReleasePhase.WAITING, ReleasePhase.ENDED}:
            return ""
        other = goes_first(release, self._tools.book.running(release.service))
        return "" if other is None else f"{other.model}@{other.number} goes first ({other.id})"


def _oldest(orders: list[Order]) -> dict[str, Order]:
    """The oldest order of each release."""
    found: dict[str, Order] = {}
    for order in orders:
        found.setdefault(order.release, order)
    return found
