"""Latency bins: the standard ones, or the buckets of a source that has its own.

Everything else of this room counts requests above a bin's upper edge and moves along bins; what a bin is in seconds, how
far a margin is, and what a tolerance means where bins are too wide for it, is known only here.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from seatrial.judge.release.mixtures import Floats, Integers
from seatrial.records.window import BINS_PER_TENTH, HIGHEST_BIN, LOWEST_LATENCY

STEP: Final = math.log(1.1) / BINS_PER_TENTH
_NEAR: Final = 40
_FAR: Final = 480
_BUCKETS_AROUND: Final = 12


@dataclass(frozen=True, slots=True)
class Scale:
    """The bins of one source.

    Attributes:
        edges: (n,) upper edges in seconds; what lies above the last one is counted in one more bin. Empty: the standard bins.
    """

    edges: tuple[float, ...] = ()

    @property
    def standard(self) -> bool:
        """Whether these are the standard bins, which are as narrow as any margin asks for."""
        return not self.edges

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.edges) + 1 if self.edges else HIGHEST_BIN + 1

    @property
    def last_edge(self) -> int:
        """The highest bin that has an upper edge."""
        return len(self.edges) - 1 if self.edges else HIGHEST_BIN

    def seconds(self, place: int) -> float:
        """The upper edge of a bin; of what lies above the last edge, that edge."""
        return float(_upper(self.edges)[min(place, self.last_edge)])

    def middles(self) -> Floats:
        """(size,) a latency that stands for each bin: the geometric middle, or the last edge for what lies above it."""
        return _middles(self.edges)

    def quantiles(self, reached: Floats, shares: Floats) -> list[int]:
        """Bins whose upper edges are the given quantiles; of wide buckets the edge that comes nearest to each.

        Args:
            reached: (size,) requests up to each bin.
            shares: of the requests.
        """
        bins: list[int] = reached.searchsorted(shares * reached[-1]).tolist()
        if self.standard:
            return bins
        return [self._nearer(reached, place, share) for place, share in zip(bins, shares.tolist(), strict=True)]

    def _nearer(self, reached: Floats, place: int, share: float) -> int:
        below = max(place - 1, 0)
        wanted = share * reached[-1]
        nearest = below if abs(reached[below] - wanted) < abs(reached[place] - wanted) else place
        return min(nearest, self.last_edge)

    def beyond(self, place: int, margin: float) -> int:
        """The bin whose upper edge is further up by a margin; of wide buckets the nearest edge, and at least the next."""
        if self.standard:
            return min(place + round(math.log1p(margin) / STEP), self.last_edge)
        aim = self.edges[place] * (1 + margin)
        above = min(bisect_left(self.edges, aim), self.last_edge)
        nearest = min((max(above - 1, 0), above), key=lambda edge: abs(self.edges[edge] - aim))
        return min(max(nearest, place + 1), self.last_edge)

    def offsets(self) -> Integers:
        """Numbers of bins by which the canary's quantiles are compared: close to each other near none, further apart far off."""
        return _offsets(standard=self.standard)

    def ratio(self, place: int, offset: int) -> float:
        """How many times as large the upper edge `offset` bins further up is."""
        if self.standard:
            return math.exp(STEP * offset)
        return self.edges[min(max(place + offset, 0), self.last_edge)] / self.edges[place]

    def tolerated_bins(self, tolerance: float) -> int:
        """By how many bins the canary's latencies are moved down; none where bins are too wide (see `moved_up`)."""
        return round(math.log1p(tolerance) / STEP) if self.standard else 0

    def moved_up(self, counts: Floats, tolerance: float) -> Floats:
        """(size,) how many of each bin's requests would be one bin higher, were they slower by the tolerance.

        Latencies are taken as spread evenly over a bucket on the logarithmic scale.
        """
        upper = _upper(self.edges)
        widths = np.diff(np.log(upper), prepend=math.log(upper[0] / 2))
        moved = np.zeros(self.size)
        moved[: upper.size] = counts[: upper.size] * np.minimum(math.log1p(tolerance) / widths, 1.0)
        return moved


@cache
def _upper(edges: tuple[float, ...]) -> Floats:
    if edges:
        return np.asarray(edges, dtype=np.float64)
    return np.asarray(LOWEST_LATENCY * np.exp(STEP * np.arange(1, HIGHEST_BIN + 2)), dtype=np.float64)


@cache
def _offsets(*, standard: bool) -> Integers:
    if not standard:
        return np.arange(-_BUCKETS_AROUND, _BUCKETS_AROUND + 1)
    far = np.unique(np.rint(np.geomspace(_NEAR + 2, _FAR, 28)).astype(np.int64))
    return np.concatenate([-far[::-1], np.arange(-_NEAR, _NEAR + 1), far])


@cache
def _middles(edges: tuple[float, ...]) -> Floats:
    upper = _upper(edges)
    if not edges:
        return upper * math.exp(-STEP / 2)
    lower = np.concatenate([[upper[0] / 2], upper[:-1]])
    return np.append(np.sqrt(lower * upper), upper[-1])
