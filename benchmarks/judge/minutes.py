"""Windows joined to minutes, as the peers' rules look at them: once a minute, at a histogram, a rate and a mean."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seatrial.records import ArmWindow, Window, bin_edge
from seatrial.records.window import HIGHEST_BIN

Floats = NDArray[np.float64]

BINS = HIGHEST_BIN + 1
MIDDLES: Floats = np.array([bin_edge(index) for index in range(BINS)]) / 1.1**0.05
"""The middle of each latency bin, in seconds."""


@dataclass(slots=True)
class Side:
    """One arm in some time: requests by latency bin, errors, Σ seconds, and labels (number, Σ loss, Σ loss²)."""

    latency: Floats = field(default_factory=lambda: np.zeros(BINS))
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    labels: Floats = field(default_factory=lambda: np.zeros(3))

    def take(self, arm: ArmWindow) -> None:
        """Add a window's requests."""
        self.latency[list(arm.latency)] += list(arm.latency.values())
        self.requests += arm.requests
        self.errors += arm.failed
        self.seconds += arm.seconds or 0.0

    def add(self, other: Self) -> None:
        """Add what was seen in another time."""
        self.latency += other.latency
        self.requests += other.requests
        self.errors += other.errors
        self.seconds += other.seconds
        self.labels += other.labels

    @property
    def error_rate(self) -> float:
        """Errors a request; NaN without requests."""
        return self.errors / self.requests if self.requests else float("nan")

    @property
    def mean(self) -> float:
        """Mean latency in seconds; NaN without requests."""
        return self.seconds / self.requests if self.requests else float("nan")

    @property
    def loss(self) -> float:
        """Mean loss of the labels; NaN without labels."""
        return float(self.labels[1] / self.labels[0]) if self.labels[0] else float("nan")

    def quantile(self, level: float) -> float:
        """A quantile of latency in seconds, to the width of a bin; NaN without requests."""
        if not self.requests:
            return float("nan")
        return float(MIDDLES[np.searchsorted(np.cumsum(self.latency), level * self.requests)])


@dataclass(slots=True)
class Minute:
    """Both arms in some time."""

    stable: Side = field(default_factory=Side)
    canary: Side = field(default_factory=Side)

    def take(self, window: Window) -> None:
        """Add a window, the labels that came in within it included."""
        self.stable.take(window.stable)
        self.canary.take(window.canary)
        for label in window.labels:
            for side, sums in ((self.stable, label.stable), (self.canary, label.canary)):
                side.labels += (sums.count, sums.total, sums.squares)

    def add(self, other: Self) -> None:
        """Add what was seen in another time."""
        self.stable.add(other.stable)
        self.canary.add(other.canary)


class Minutes:
    """Joins windows of ten seconds to minutes."""

    def __init__(self, windows: int = 6) -> None:
        self._windows = windows
        self._seen = 0
        self._minute = Minute()

    def take(self, window: Window) -> Minute | None:
        """Add a window; the minute that it completes, or None."""
        self._minute.take(window)
        self._seen += 1
        if self._seen % self._windows:
            return None
        whole, self._minute = self._minute, Minute()
        return whole
