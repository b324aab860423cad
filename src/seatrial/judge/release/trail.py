"""The last minutes of one arm: what thresholds of latency come from, and fixed bounds are held against.

A trail is kept in a few slots, so that it stays small whatever its length; it spans between its length and a slot less.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from seatrial.judge.release.intake import ArmCounts
from seatrial.judge.release.mixtures import Floats


@dataclass(slots=True, kw_only=True)
class Slot:
    """Requests of some consecutive windows."""

    start: float
    end: float
    requests: int
    failed: int
    answered: int
    seconds: float
    latency: Floats


@dataclass(slots=True, kw_only=True)
class Trail:
    """One arm's requests of the last `length` seconds.

    Attributes:
        length: seconds.
        slots: oldest first.
        latency: (bins,) of all slots together.
        requests, failed, answered: of all slots together; `answered` are those with a latency.
    """

    length: float
    step: float
    latency: Floats
    requests: int = 0
    failed: int = 0
    answered: int = 0
    slots: list[Slot] = field(default_factory=list)

    @classmethod
    def of(cls, length: float, bins: int, slots: int = 10) -> Self:
        """An empty trail."""
        return cls(length=length, step=length / slots, latency=np.zeros(bins))

    def add(self, start: float, end: float, counts: ArmCounts) -> None:
        """Take in one window, and forget what is too old."""
        last = self.slots[-1] if self.slots else None
        if last is not None and end - last.start <= self.step + 1e-6:
            last.end = end
            last.requests += counts.requests
            last.failed += counts.failed
            last.answered += counts.answered
            last.seconds += counts.seconds
            last.latency += counts.latency
        else:
            self.slots.append(
                Slot(
                    start=start,
                    end=end,
                    requests=counts.requests,
                    failed=counts.failed,
                    answered=counts.answered,
                    seconds=counts.seconds,
                    latency=counts.latency.copy(),
                )
            )
        self._count(counts.requests, counts.failed, counts.answered)
        self.latency += counts.latency
        while len(self.slots) > 1 and self.slots[0].end <= end - self.length + 1e-6:
            gone = self.slots.pop(0)
            self._count(-gone.requests, -gone.failed, -gone.answered)
            self.latency -= gone.latency

    @property
    def seconds(self) -> float:
        """Σ of the latencies."""
        return sum(slot.seconds for slot in self.slots)

    @property
    def span(self) -> float:
        """Seconds from its first window's begin to its last one's end."""
        return self.slots[-1].end - self.slots[0].start if self.slots else 0.0

    def _count(self, requests: int, failed: int, answered: int) -> None:
        self.requests += requests
        self.failed += failed
        self.answered += answered
