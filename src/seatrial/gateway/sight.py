"""What runs, as the list of deployments tells it: the one place where the gateway reads that list.

A replica that no longer answers its health path is said to be silent, and so is one that a new server has not asked yet.
Only one that stays silent for some seconds is taken from the gateway; the proxy's own checks are quicker where it matters.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence

from seatrial.deployments.book import Book, Started, Wanted
from seatrial.deployments.state import DOOR
from seatrial.gateway.endpoints import Deployed, Replica
from seatrial.ports import Clock
from seatrial.records import DeployStatus

SILENT_SECONDS = 3.0


class Sight:
    """Looks at all deployments of a project; safe to use from many threads."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._silent_since: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self) -> Mapping[str, Deployed]:
        """All of them as they are now, by name."""
        started = self._book.everything_started()
        with self._lock:
            silent = self._silent(started, self._book.statuses())
        return deployed_of(self._book.wishes(), started, silent)

    def _silent(self, started: Sequence[Started], statuses: Iterable[DeployStatus]) -> frozenset[str]:
        """The cells that have been silent for long enough."""
        now = self._clock.monotonic()
        quiet = {
            (status.wish.name, replica.index, replica.since)
            for status in statuses
            for replica in status.replicas
            if not replica.ready
        }
        cells = [one.cell for one in started if one.ready and (one.name, one.index, one.started) in quiet]
        self._silent_since = {cell: self._silent_since.get(cell, now) for cell in cells}
        return frozenset(cell for cell, since in self._silent_since.items() if now - since >= SILENT_SECONDS)


def deployed_of(
    wishes: Iterable[Wanted], started: Iterable[Started], silent: frozenset[str] = frozenset()
) -> Mapping[str, Deployed]:
    """The deployments with their replicas, by name.

    Args:
        wishes: what shall run.
        started: what does, as far as is known.
        silent: cells that became ready and no longer answer.
    """
    running: dict[str, list[Started]] = {}
    for one in started:
        if one.index != DOOR:
            running.setdefault(one.name, []).append(one)
    return {
        wanted.wish.name: Deployed(
            name=wanted.wish.name,
            version=str(wanted.wish.number),
            wanted=not (wanted.stopped or wanted.removed),
            replicas=tuple(
                Replica(
                    cell=one.cell,
                    port=one.port,
                    version=str(one.number or wanted.wish.number),
                    ready=one.ready is not None,
                    silent=one.cell in silent,
                )
                for one in running.get(wanted.wish.name, [])
            ),
        )
        for wanted in wishes
    }
