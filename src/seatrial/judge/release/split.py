"""Whether the canary gets the share of users that it was to get.

If it doesn't, the arms are not comparable: a router that sends the slow customers elsewhere, or a canary that loses requests
without an answer, makes every other figure look good (Kohavi, Tang and Xu on sample-ratio mismatch). One mixture over odds that are off by a common factor watches for it
whatever the share was in each window; two more show that it is within the margin.
"""

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Self

import numpy as np

from seatrial.judge.release.mixtures import Floats, log_mean_exp

_SIDE: Final = np.geomspace(0.01, 3.0, 16)
SHIFTS: Final = np.concatenate([-_SIDE[::-1], _SIDE])
"""Log odds ratios of the share."""


@dataclass(slots=True, kw_only=True)
class Split:
    """Evidence about the split.

    Attributes:
        ratios: (shifts,) log likelihood ratios against the asked share.
        within: (2,) log likelihood ratios of the asked share against one that is off by the margin, below and above.
        units, canary: first-seen users (or requests), and how many of them the canary got.
        expected: Σ of asked share × units.
        keyed: whether these are users or sessions.
        broken: whether it ever settled that the split is wrong.
    """

    ratios: Floats = field(default_factory=lambda: np.zeros(len(SHIFTS)))
    within: Floats = field(default_factory=lambda: np.zeros(2))
    units: int = 0
    canary: int = 0
    expected: float = 0.0
    keyed: bool = False
    broken: bool = False

    @classmethod
    def empty(cls) -> Self:
        """Nothing seen yet."""
        return cls()

    def add(self, weight: float, canary: int, stable: int, margin: float) -> None:
        """Take in the units of one window, in which the asked share was the same all the time."""
        if not 0 < weight < 1:
            return
        own, other = _shifted(weight)
        self.ratios += canary * own + stable * other
        off = weight * (1 - margin), min(weight * (1 + margin), (1 + weight) / 2)
        for place, share in enumerate(off):
            self.within[place] += canary * math.log(weight / share) + stable * math.log((1 - weight) / (1 - share))
        self.units += canary + stable
        self.canary += canary
        self.expected += weight * (canary + stable)

    def evidence(self) -> float:
        """Log e-value against the asked share."""
        return float(log_mean_exp(self.ratios))


@cache
def _shifted(weight: float) -> tuple[Floats, Floats]:
    """Log likelihood ratios of one unit for the canary, and of one for stable, against the asked share."""
    shares = 1 / (1 + np.exp(-math.log(weight / (1 - weight)) - SHIFTS))
    return np.log(shares / weight), np.log((1 - shares) / (1 - weight))
