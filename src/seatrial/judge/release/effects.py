"""How large the differences are, with confidence sequences: intervals that hold at every look at once.

A quantile's ratio is found by moving the canary's distribution along the bins: for each of some shifts, the canary's
requests above the shifted threshold are compared with stable's above the threshold, block by block, and the shifts that are not
refuted are the confidence sequence. So it agrees with what the judge decides by, and a level common to both arms cancels.
"""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from seatrial.judge.release import ranks
from seatrial.judge.release.blocks import QUANTILES, Tally
from seatrial.judge.release.mixtures import Floats, Integers, radius, radius_now
from seatrial.judge.release.scale import Scale

METHOD: Final = "conditional confidence sequence"
_RHO: Final = 100.0 * QUANTILES * (1 - QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An effect and the ends of its confidence sequence; None where it is not bounded on both sides yet."""

    value: float | None
    ends: tuple[float, float] | None


@dataclass(slots=True, kw_only=True)
class Effects:
    """Sums over all judged blocks.

    Attributes:
        excess, spread: (3, shifts) canary's requests above each shifted p50, p90 and p99 beyond what stable's let expect,
            and the variance of that.
        bins: of p50, p90 and p99: thresholds of the last block.
        rank: Σ of P(canary slower) + ½ P(equal) − ½ times pairs, its variance, and Σ of pairs (see `ranks.rank_sum`).
        errors: Σ h·(difference of rates), Σ h, Σ h²/n of canary and of stable.
        reached: (2, bins) judged requests of stable and canary up to each latency.
        requests, failed, answered: (2,) judged so far.
    """

    excess: Floats
    spread: Floats
    bins: list[int]
    reached: Floats
    rank: Floats = field(default_factory=lambda: np.zeros(3))
    errors: Floats = field(default_factory=lambda: np.zeros(4))
    requests: Integers = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    failed: Integers = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    answered: Integers = field(default_factory=lambda: np.zeros(2, dtype=np.int64))

    @classmethod
    def empty(cls, scale: Scale) -> Self:
        """Before the first block."""
        shifts = len(scale.offsets())
        return cls(
            excess=np.zeros((3, shifts)),
            spread=np.zeros((3, shifts)),
            bins=[0, 0, 0],
            reached=np.zeros((2, scale.size)),
        )

    def add(self, tally: Tally, offsets: Integers) -> None:
        """Take in a block's counts."""
        self.requests += tally.requests
        self.failed += tally.failed
        stable, canary = tally.requests
        if stable and canary:
            shared = canary * stable / (canary + stable)
            rate = tally.failed[1] / canary - tally.failed[0] / stable
            self.errors += shared * rate, shared, shared * shared / canary, shared * shared / stable
        levels = tally.levels
        if levels is None:
            return
        self.answered += tally.answered
        self.reached += tally.reached
        self.bins = levels.bins
        stable, canary = tally.answered
        bins = np.array(levels.bins)
        places = (bins[:, None] + offsets).clip(0, tally.reached.shape[1] - 1)
        own = canary - tally.reached[1][places]
        events = own + (stable - tally.reached[0][bins])[:, None]
        both = float(canary + stable)
        self.excess += own - events * (canary / both)
        self.spread += events * (both - events) * (canary * stable / (both * both * max(both - 1, 1.0)))

    def add_ranks(self, tally: Tally, variance: float, pairs: float) -> None:
        """Take in a block's ranks, without the tolerance; variance and pairs are those of `rank_sum`."""
        stable, canary = tally.answered
        slower = float((tally.latency[1] * (tally.reached[0] - 0.5 * tally.latency[0])).sum())
        self.rank += (slower / (canary * stable) - 0.5) * pairs, variance, pairs

    def quantiles(self, scale: Scale, offsets: Integers, dispersion: Floats, alpha: float) -> list[Estimate]:
        """Ratios − 1 of p50, p90 and p99.

        Args:
            scale: of the bins.
            offsets: its `offsets()`.
            dispersion: (3,) variance factors.
            alpha: one minus the confidence.
        """
        if not self.answered[1]:
            return [Estimate(value=None, ends=None)] * 3
        reach = radius(self.spread * dispersion[:, None], (_RHO * dispersion)[:, None], alpha)
        last = self.excess.shape[1] - 1
        # The excess falls as the shift grows: where it is refuted from below, where it is gone, where it is refuted from above.
        lows = (last - (self.excess > reach)[:, ::-1].argmax(axis=1)).tolist()
        crossings = (self.excess <= 0).argmax(axis=1).tolist()
        highs = (self.excess < -reach).argmax(axis=1).tolist()
        bounded = ((self.excess[:, 0] > reach[:, 0]) & (self.excess[:, -1] < -reach[:, -1])).tolist()
        return [
            self._inverted(place, crossings[place], (lows[place], highs[place]), scale, offsets, bounded=bounded[place])
            for place in range(3)
        ]

    def ranked(self, dispersion: float, alpha: float) -> Estimate:
        """P(canary slower) + ½ P(equal) − ½."""
        total, variance, pairs = self.rank.tolist()
        if pairs <= 0:
            return Estimate(value=None, ends=None)
        reach = radius_now(variance * dispersion, ranks.RHO * dispersion, alpha) / pairs
        value = total / pairs
        return Estimate(value=value, ends=(max(value - reach, -0.5), min(value + reach, 0.5)))

    def error_difference(self, rho: float, dispersion: float, alpha: float) -> Estimate:
        """Canary's error rate − stable's."""
        total, shared, own, other = self.errors.tolist()
        if shared <= 0:
            return Estimate(value=None, ends=None)
        beside, rate = ((self.failed + 0.5) / (self.requests + 1.0)).tolist()
        variance = (own * rate + other * beside) * dispersion
        reach = radius_now(variance, rho * dispersion, alpha) / shared
        value = total / shared
        return Estimate(value=value, ends=(max(value - reach, -1.0), min(value + reach, 1.0)))

    def figures(self, scale: Scale) -> list[tuple[float, float]]:
        """p50, p90 and p99 of stable and canary in seconds, over all that was judged."""
        if not self.answered.min():
            return []
        arms = [
            [scale.seconds(place) for place in row.searchsorted(QUANTILES * row[-1]).tolist()] for row in self.reached
        ]
        return list(zip(*arms, strict=True))

    def _inverted(
        self, place: int, crossing: int, refuted: tuple[int, int], scale: Scale, offsets: Integers, *, bounded: bool
    ) -> Estimate:
        """Of one quantile: the shift at which the excess is gone, between two shifts that are refuted."""
        if not crossing:
            return Estimate(value=None, ends=None)
        left, right = float(self.excess[place, crossing - 1]), float(self.excess[place, crossing])
        below, above, low, high = (
            scale.ratio(self.bins[place], int(offsets[side])) - 1 for side in (crossing - 1, crossing, *refuted)
        )
        value = below + left / (left - right) * (above - below)
        return Estimate(value=value, ends=(low, high) if bounded else None)
