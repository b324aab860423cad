"""What is stopped at once, in warm-up too: a canary that fails most of its requests, or takes ten times as long.

Both arms are looked at over the same minute, so that an outage of both does not raise it.
"""

from dataclasses import dataclass
from typing import Final, Self

from seatrial.judge.release.intake import Seen
from seatrial.judge.release.scale import Scale
from seatrial.judge.release.trail import Trail

SECONDS: Final = 60.0
FEWEST: Final = 20
_SLOTS: Final = 6
_AHEAD: Final = 2.0


@dataclass(slots=True, kw_only=True)
class Alarm:
    """Both arms over the last minute."""

    stable: Trail
    canary: Trail

    @classmethod
    def silent(cls, bins: int) -> Self:
        """Nothing seen."""
        return cls(stable=Trail.of(SECONDS, bins, _SLOTS), canary=Trail.of(SECONDS, bins, _SLOTS))

    def add(self, seen: Seen) -> None:
        """Take in one window."""
        self.stable.add(seen.start, seen.end, seen.stable)
        self.canary.add(seen.start, seen.end, seen.canary)

    def reason(self, common: tuple[float, float], past: Trail, scale: Scale) -> str:
        """Why the canary has to be stopped at once; empty if it has not.

        Args:
            common: factor of latency and rate of errors.
            past: stable's longer past, for when it has no requests now.
            scale: of the bins.
        """
        factor, rate = common
        if self.canary.requests >= FEWEST:
            failing = self.canary.failed / self.canary.requests
            beside = self.stable.failed / self.stable.requests if self.stable.requests >= FEWEST else 0.0
            if failing >= rate and failing >= _AHEAD * beside:
                return f"the canary failed {self.canary.failed} of its last {self.canary.requests} requests"
        beside_it = self.stable if self.stable.answered >= FEWEST else past
        if self.canary.answered < FEWEST or beside_it.answered < FEWEST:
            return ""
        own, other = (_median(trail, scale) for trail in (self.canary, beside_it))
        if own > factor * other:
            return (
                f"the canary's median latency of the last minute is {1000 * own:.3g} ms, stable's {1000 * other:.3g} ms"
            )
        return ""


def _median(trail: Trail, scale: Scale) -> float:
    reached = trail.latency.cumsum()
    return scale.seconds(int(reached.searchsorted(0.5 * reached[-1])))
