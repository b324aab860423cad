"""What the canary got when: which share was in force over a window, and whether anything changed meanwhile."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta

from seatrial.records import ReleaseEvent, ReleaseEventKind, Window

SETTLING = timedelta(seconds=2)
"""Requests that were dealt before a change may be answered so long after it."""


class Course:
    """The changes of a release's weight and replicas, from its timeline."""

    def __init__(self, events: Iterable[ReleaseEvent] = ()) -> None:
        self._changes: list[datetime] = []
        self._moments: list[datetime] = []
        self._weights: list[int] = []
        for event in events:
            self.note(event)

    @property
    def weight(self) -> int | None:
        """Thousandths that are in force as far as is known; None before anything was said."""
        return self._weights[-1] if self._weights else None

    def note(self, event: ReleaseEvent) -> None:
        """Take in a further line of the timeline."""
        if event.kind is ReleaseEventKind.REPLICA or event.weight is not None:
            self._changes.append(event.at)
        if event.weight is not None:
            self._moments.append(event.at)
            self._weights.append(event.weight)

    def weight_at(self, moment: datetime) -> int:
        """Thousandths that were in force."""
        place = bisect_right(self._moments, moment)
        return self._weights[place - 1] if place else 0

    def lay_on(self, window: Window) -> Window:
        """The window with the share that was in force at its end, and whether that held all through."""
        changed = any(window.start - SETTLING <= change < window.end for change in reversed(self._changes[-20:]))
        return Window(
            start=window.start,
            seconds=window.seconds,
            weight=self.weight_at(window.end) / 1000,
            stable=window.stable,
            canary=window.canary,
            steady=not changed,
            edges=window.edges,
            labels=window.labels,
            slices=window.slices,
        )
