"""What is compared at once: windows joined until the canary has enough requests, and thresholds that were fixed before.

Everything that a block is judged by is known before its first request, or is conditioned on (how many requests each arm
had); that is what makes every e-value of this room one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from seatrial.judge.release.intake import Seen
from seatrial.judge.release.mixtures import Floats
from seatrial.judge.release.scale import Scale

QUANTILES: Final = np.array([0.5, 0.9, 0.99])
_FEWEST: Final = 20


@dataclass(slots=True, kw_only=True)
class Levels:
    """Thresholds of latency, from stable's past alone.

    Attributes:
        bins: of p50, p90 and p99: the bins whose upper edges are stable's.
        beyond: the same, further up by the margins.
        healthy: log odds ratios of the canary's requests above `beyond` against stable's above `bins`, if the canary is as
            stable was.
        lenient: log odds ratios that are tolerated above p90 and p99; zero where tolerance moves bins.
        drift: what is tolerated of P(canary slower) − ½; zero where tolerance moves bins.
    """

    bins: list[int]
    beyond: list[int]
    healthy: list[float]
    lenient: list[float]
    drift: float

    @classmethod
    def of(cls, past: Floats, scale: Scale, margins: Sequence[float], tolerance: float) -> Self | None:
        """From stable's past latencies by bin; None while there are too few."""
        reached = past.cumsum()
        total = float(reached[-1])
        if total < _FEWEST:
            return None
        bins = scale.quantiles(reached, QUANTILES)
        beyond = [scale.beyond(place, margin) for place, margin in zip(bins, margins, strict=True)]
        odds = [_log_odds(total - float(reached[place]), total) for place in bins]
        further = [_log_odds(total - float(reached[place]), total) for place in beyond]
        lenient, drift = [0.0, 0.0], 0.0
        if not scale.standard:
            moved = scale.moved_up(past, tolerance)
            more = [_log_odds(total - float(reached[place] - moved[place]), total) for place in bins]
            lenient = [slower - now for slower, now in zip(more[1:], odds[1:], strict=True)]
            drift = float((moved * (past + np.append(past[1:], 0.0))).sum()) / (2 * total * total)
        healthy = [there - here for there, here in zip(further, odds, strict=True)]
        return cls(bins=bins, beyond=beyond, healthy=healthy, lenient=lenient, drift=drift)


def _log_odds(above: float, total: float) -> float:
    """Log odds of being above, with half a request added on either side."""
    return math.log((above + 0.5) / (total - above + 0.5))


@dataclass(slots=True, kw_only=True)
class Block:
    """Windows that are judged together.

    Attributes:
        levels: fixed before its first window; None: its latencies can't be judged.
        requests, failed, answered: of stable and canary.
        latency: (2, bins).
    """

    start: float
    weight: float
    levels: Levels | None
    requests: list[int]
    failed: list[int]
    answered: list[int]
    latency: Floats

    @classmethod
    def begin(cls, seen: Seen, levels: Levels | None) -> Self:
        """A block of one window."""
        stable, canary = seen.stable, seen.canary
        return cls(
            start=seen.start,
            weight=seen.weight,
            levels=levels,
            requests=[stable.requests, canary.requests],
            failed=[stable.failed, canary.failed],
            answered=[stable.answered, canary.answered],
            latency=np.array([stable.latency, canary.latency]),
        )

    def join(self, seen: Seen) -> None:
        """Add the next window."""
        for place, arm in enumerate((seen.stable, seen.canary)):
            self.requests[place] += arm.requests
            self.failed[place] += arm.failed
            self.answered[place] += arm.answered
            self.latency[place] += arm.latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A block, counted: what all of the methods below need of it.

    Attributes:
        requests, failed: of stable and canary.
        answered: those of them with a latency.
        latency: (2, bins), and `reached`, its cumulative sums.
        levels: None where latencies can't be compared.
    """

    start: float
    weight: float
    requests: tuple[int, int]
    failed: tuple[int, int]
    answered: tuple[int, int]
    latency: Floats
    reached: Floats
    levels: Levels | None

    @classmethod
    def of(cls, block: Block) -> Self:
        """Count a finished block."""
        return cls(
            start=block.start,
            weight=block.weight,
            requests=(block.requests[0], block.requests[1]),
            failed=(block.failed[0], block.failed[1]),
            answered=(block.answered[0], block.answered[1]),
            latency=block.latency,
            reached=block.latency.cumsum(axis=1),
            levels=block.levels if min(block.answered) > 0 else None,
        )

    def above(self, arm: int, place: int) -> int:
        """Requests of an arm above the upper edge of a bin."""
        row = self.reached[arm]
        return self.answered[arm] - int(row[min(place, len(row) - 1)])
