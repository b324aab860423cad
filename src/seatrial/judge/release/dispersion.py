"""By how much variances are larger than those of independent requests: sessions, noisy replicas, bursts.

Stable alone tells: its groups of users and its replicas get the same version, so whatever they differ by, beyond what the
block's level explains and chance allows, is not an effect of a version. The judge pays for it by dividing log likelihood
ratios by the factor, and multiplying variances (Rao and Scott 1981 for counts of clustered data).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from seatrial.judge.release.intake import Parts
from seatrial.judge.release.mixtures import Floats, Integers

KINDS: Final = 4
"""Errors, and requests above p50, p90 and p99."""
GROUP_SECONDS: Final = 900.0
REPLICA_SECONDS: Final = 300.0
RENEW_SECONDS: Final = 60.0
FOREVER: Final = 1e12
_FEWEST_PARTS: Final = 2


@dataclass(slots=True, kw_only=True)
class Clusters:
    """How far parts of stable stray from its whole, over stretches of time.

    Attributes:
        seconds: length of a stretch.
        strayed, expected: (parts, 4) Σ of residuals, and the variance of that sum if requests were independent.
        squares, variances: (4,) Σ over finished stretches and parts of strayed² and expected.
        until: when the current stretch ends.
    """

    seconds: float
    strayed: Floats = field(default_factory=lambda: np.zeros((0, KINDS)))
    expected: Floats = field(default_factory=lambda: np.zeros((0, KINDS)))
    squares: Floats = field(default_factory=lambda: np.zeros(KINDS))
    variances: Floats = field(default_factory=lambda: np.zeros(KINDS))
    until: float | None = None

    @classmethod
    def over(cls, seconds: float) -> Self:
        """Nothing seen yet."""
        return cls(seconds=seconds)

    def advance(self, start: float) -> bool:
        """Finish the stretch that is over when a window begins; whether a new one begins with it."""
        if self.until is not None and start < self.until:
            return False
        self.squares = self.squares + (self.strayed * self.strayed).sum(axis=0)
        self.variances = self.variances + self.expected.sum(axis=0)
        self.strayed, self.expected = np.zeros((0, KINDS)), np.zeros((0, KINDS))
        self.until = start + self.seconds
        return True

    def add(self, rows: Integers, strayed: Floats, expected: Floats) -> None:
        """Take in one window, whose parts have these rows."""
        missing = int(rows.max()) + 1 - len(self.strayed)
        if missing > 0:
            more = np.zeros((missing, KINDS))
            self.strayed = np.concatenate([self.strayed, more])
            self.expected = np.concatenate([self.expected, more])
        self.strayed[rows] += strayed
        self.expected[rows] += expected

    def factor(self) -> Floats:
        """(4,) variance factors; one where nothing is known."""
        squares = self.squares + (self.strayed * self.strayed).sum(axis=0)
        variances = self.variances + self.expected.sum(axis=0)
        return np.where(variances > 0, squares / np.maximum(variances, 1e-300), 1.0)


@dataclass(slots=True, kw_only=True)
class Dispersion:
    """Variance factors, from stable's groups and replicas.

    Attributes:
        groups, whole: of groups of users, by quarters of an hour and over all the time.
        replicas: of replicas, by five minutes; `rows` has the row of each that was seen in the current five.
        factors: (4,) of errors, and of requests above p50, p90 and p99; at least one. Renewed every minute.
        balance: Σ over blocks of the canary's requests, times how many more replicas there are than the canary has, and of
            all requests: noise between replicas weighs more for an arm that has few of them for its traffic.
    """

    groups: Clusters = field(default_factory=lambda: Clusters.over(GROUP_SECONDS))
    whole: Clusters = field(default_factory=lambda: Clusters.over(FOREVER))
    replicas: Clusters = field(default_factory=lambda: Clusters.over(REPLICA_SECONDS))
    rows: dict[str, int] = field(default_factory=dict)
    balance: Floats = field(default_factory=lambda: np.zeros(2))
    factors: Floats = field(default_factory=lambda: np.ones(KINDS))
    renewed: float = 0.0

    def add(self, start: float, levels: Sequence[int], replicas: Parts | None, groups: Parts | None) -> None:
        """Take in one window of stable."""
        if replicas is not None and len(replicas.names) >= _FEWEST_PARTS:
            if self.replicas.advance(start):
                self.rows = {}
            rows = [self.rows.setdefault(name, len(self.rows)) for name in replicas.names]
            self.replicas.add(np.array(rows), *_residuals(replicas, levels))
        if groups is not None and len(groups.names) >= _FEWEST_PARTS:
            numbers = np.array([int(name) for name in groups.names])
            residuals = _residuals(groups, levels)
            for clusters in (self.groups, self.whole):
                clusters.advance(start)
                clusters.add(numbers, *residuals)

    def weigh(self, canary: int, stable: int, canary_replicas: int, stable_replicas: int) -> None:
        """Note how many replicas carry the requests of a block."""
        if canary_replicas and stable_replicas:
            self.balance += canary * (canary_replicas + stable_replicas) / canary_replicas, canary + stable

    @property
    def known(self) -> bool:
        """Whether stable's requests can be told apart by group or replica."""
        return self.whole.until is not None or self.replicas.until is not None

    def renew(self, now: float) -> None:
        """Estimate the factors anew, if a minute has passed."""
        if now < self.renewed + RENEW_SECONDS:
            return
        self.renewed = now
        clustered = np.maximum(self.groups.factor(), self.whole.factor())
        noisy = np.maximum(self.replicas.factor() - 1, 0.0)
        if self.balance[1]:
            noisy = noisy * (self.balance[0] / self.balance[1])
        self.factors = np.maximum(clustered, 1.0) + noisy


def _residuals(parts: Parts, levels: Sequence[int]) -> tuple[Floats, Floats]:
    """(parts, 4) events beyond the window's own rate, and their variance if any request could have been of any part."""
    size = len(parts.names)
    heights = np.array(levels).searchsorted(parts.bins)
    counted = np.bincount(parts.owner * KINDS + heights, weights=parts.counts, minlength=size * KINDS)
    # From the right: requests above all thresholds, above two of them, above one, all.
    above = counted.reshape(size, KINDS)[:, ::-1].cumsum(axis=1)[:, ::-1]
    events, sizes = above.copy(), np.repeat(above[:, :1], KINDS, axis=1)
    events[:, 0], sizes[:, 0] = parts.failed, parts.requests
    all_sizes, all_events = sizes.sum(axis=0), events.sum(axis=0)
    rate = all_events / np.maximum(all_sizes, 1.0)
    expected = sizes * (all_sizes - sizes) * (rate * (1 - rate) / np.maximum(all_sizes - 1, 1.0))
    return events - sizes * rate, expected
