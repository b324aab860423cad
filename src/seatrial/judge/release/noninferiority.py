"""The side that promotes: evidence against "worse than the margin", one e-process for each metric.

All of them have to settle, so that a canary that is worse than one margin gets through with a probability of at most β: to promote it
wrongly, the test of that very metric has to be wrong, and no correction is needed.
"""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from seatrial.judge.release.blocks import Tally
from seatrial.judge.release.counts import log_normalisers
from seatrial.judge.release.mixtures import Floats, log_mean_exp, one_sided_now

ALTERNATIVES: Final = np.array([0.6, 1.0, 1.5])
"""Multiples of the log odds ratio that a canary like stable would have."""
_STRONGEST: Final = -0.01
# The variance at which a mixture decides is about eleven times p²/d²; a sixth of it makes the mixture most powerful there.
_AT_DECISION: Final = 11.0
_RHO_SHARE: Final = 6.3
_PRIOR: Final = (0.005, 5.0)


@dataclass(slots=True, kw_only=True)
class ErrorRate:
    """Stable's error rate so far, from a weak prior of one in a thousand."""

    failed: float = _PRIOR[0]
    requests: float = _PRIOR[1]

    def add(self, failed: int, requests: int) -> None:
        """Take in some of stable's requests."""
        self.failed += failed
        self.requests += requests

    @property
    def rate(self) -> float:
        """Errors per request."""
        return self.failed / self.requests


@dataclass(slots=True, kw_only=True)
class Safe:
    """Evidence that the canary is not worse than the margins, since the first judged block.

    Attributes:
        ratios: (alternatives, 3) log likelihood ratios above p50, p90 and p99.
        information: (3,) what they gain if the canary is as stable was.
        total, variance: of the errors' mixture; `rho` is fixed by the first block.
        gain: what `total` gains if the canary is as stable was.
    """

    ratios: Floats = field(default_factory=lambda: np.zeros((len(ALTERNATIVES), 3)))
    information: Floats = field(default_factory=lambda: np.zeros(3))
    total: float = 0.0
    variance: float = 0.0
    gain: float = 0.0
    rho: float = 0.0

    @classmethod
    def empty(cls) -> Self:
        """Before the first block."""
        return cls()

    def add(self, tally: Tally, stable_rate: ErrorRate, error_margin: float | None) -> None:
        """Take in a block. `stable_rate` is that of before the block."""
        if error_margin is not None and min(tally.requests) > 0:
            self._add_errors(tally, stable_rate.rate, error_margin)
        levels = tally.levels
        if levels is None:
            return
        stable, canary = tally.answered
        both = stable + canary
        share = canary * stable / (both * both * max(both - 1.0, 1.0))
        for place, healthy in enumerate(levels.healthy):
            own = tally.above(1, levels.beyond[place])
            events = own + tally.above(0, levels.bins[place])
            if not events:
                continue
            tilts = ALTERNATIVES * min(_STRONGEST, healthy)
            self.ratios[:, place] += tilts * own - log_normalisers(canary, stable, events, tilts)
            self.information[place] += 0.5 * healthy * healthy * events * (both - events) * share

    def latency_evidence(self, dispersion: Floats) -> Floats:
        """(3,) log e-values of p50, p90 and p99, given their variance factors."""
        return np.asarray(log_mean_exp(self.ratios / dispersion), dtype=np.float64)

    def error_evidence(self, dispersion: float) -> float:
        """Log e-value of errors."""
        return one_sided_now(self.total, self.variance * dispersion, self.rho * dispersion)

    def _add_errors(self, tally: Tally, rate: float, margin: float) -> None:
        (stable, canary), (other, own) = tally.requests, tally.failed
        if not self.rho:
            expected = rate + (1 - tally.weight) * margin
            self.rho = _AT_DECISION * (expected / margin) ** 2 / _RHO_SHARE
        shared = canary * stable / (canary + stable)
        level = max(rate, (own + other) / (canary + stable))
        self.total += shared * (margin - own / canary + other / stable)
        self.variance += shared * shared * ((level + margin) / canary + level / stable)
        self.gain += shared * margin
