"""Model metrics, from labels that come in long after the request was answered.

Labels are compared only with those that came in during the same minutes, for requests that were answered at about the
same time: what was hard to predict that hour, and what is special about labels that come late, is then common to both arms. Such a
stratum is as narrow as a few labels of each arm allow. The sums are those of a weighted difference of means, and the evidence is
asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", 2021), so that nothing is said before both arms have some labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from seatrial.judge.release.mixtures import Floats, log_mean_exp, radius_now
from seatrial.records import UsageError
from seatrial.records.judgement import QualityPolicy
from seatrial.records.window import Labels

COHORT_SECONDS: Final = 60.0
FLUSH_SECONDS: Final = 60.0
_STRATUM: Final = 16
_COLUMNS: Final = 7
_AT_DECISION: Final = 1.75
_LEAST_RHO, _MOST_RHO = 50.0, 1e7
_HARM_SHARE: Final = 0.3
_NARROWEST: Final = 0.5

ALTERNATIVES: Final = np.array([0.8, 1.0])
"""Multiples of the drift that a canary as good as stable has against the margin."""
STABLE: Final = slice(1, 4)
CANARY: Final = slice(4, 7)


@dataclass(slots=True, kw_only=True)
class Quality:
    """One model metric.

    Attributes:
        waiting: (cohorts, 7) begin of serving, and count, total and squares of stable and of canary, not yet compared.
        moments: (2, 3) count, total and squares of stable and canary, compared so far.
        sums: (4,) Σ h·mean of canary and of stable, and Σ h²/n of both, h = n_c n_s/(n_c + n_s).
        rho: of the normal mixtures, in labels; fixed when both arms first had enough.
    """

    waiting: Floats = field(default_factory=lambda: np.zeros((0, _COLUMNS)))
    moments: Floats = field(default_factory=lambda: np.zeros((2, 3)))
    sums: Floats = field(default_factory=lambda: np.zeros(4))
    rho: float = 0.0

    @classmethod
    def empty(cls) -> Self:
        """No label seen."""
        return cls()

    def add(self, rows: Floats) -> None:
        """Keep labels until the next comparison."""
        self.waiting = np.concatenate([self.waiting, rows])

    def compare(self, changes: Floats) -> Floats | None:
        """Compare what waits, in strata that don't reach over a change of the weight; what was added to the sums, if anything.

        Args:
            changes: (n,) when the weight changed, ascending.
        """
        if not len(self.waiting):
            return None
        cohorts, epochs = _cohorts(self.waiting, changes)
        strata, left = _strata(cohorts, epochs)
        self.waiting = cohorts[left]
        if not len(strata):
            return None
        other, own = strata[:, 1], strata[:, 4]
        shared = own * other / (own + other)
        gained = np.array(
            [
                (shared * strata[:, 5] / own).sum(),
                (shared * strata[:, 2] / other).sum(),
                (shared * shared / own).sum(),
                (shared * shared / other).sum(),
            ]
        )
        self.sums += gained
        self.moments[0] += strata[:, STABLE].sum(axis=0)
        self.moments[1] += strata[:, CANARY].sum(axis=0)
        return gained

    def spreads(self, fewest: int) -> tuple[float, float]:
        """Variances of the losses of canary and stable; NaN while there are too few labels, or all losses are equal."""
        counts = self.moments[:, 0]
        if counts.min() < max(fewest, 2):
            return math.nan, math.nan
        means = self.moments[:, 1] / counts
        stable, canary = (self.moments[:, 2] / counts - means * means).tolist()
        if stable <= 0:
            return math.nan, math.nan
        return max(canary, _NARROWEST * stable), stable

    def settle_rho(self, factor: float, spread: float) -> None:
        """Fix the mixture's parameter once the spread is known: the count of labels that the margin needs, about."""
        if self.rho or math.isnan(spread):
            return
        mean = self.moments[0, 1] / self.moments[0, 0]
        wanted = _AT_DECISION * spread / ((factor - 1) * mean) ** 2 if mean and factor > 1 else _MOST_RHO
        self.rho = min(max(wanted, _LEAST_RHO), _MOST_RHO)

    @property
    def harm_rho(self) -> float:
        """Of the harm side: harm that matters is found earlier than a margin is ruled out."""
        return max(_HARM_SHARE * self.rho, _LEAST_RHO)

    def safe_evidence(self, factor: float, spreads: tuple[float, float], dispersion: float) -> float:
        """Log e-value against "worse than `factor` times stable's mean loss".

        Likelihood ratios of a normal sum against the drift that it has if the canary is as good as stable, and some
        multiples of that: a margin is known, so that nothing has to be spent on not knowing what to look for.
        """
        if math.isnan(spreads[0]):
            return 0.0
        total = float(factor * self.sums[1] - self.sums[0])
        variance = self.variance(factor, spreads) * dispersion
        drift = self.gain(factor) / variance
        ratios = ALTERNATIVES * drift * total - 0.5 * (ALTERNATIVES * drift) ** 2 * variance
        return float(log_mean_exp(ratios))

    def information(self, factor: float, spreads: tuple[float, float], dispersion: float) -> float:
        """What `safe_evidence` has gained, on average, if the canary is as good as stable."""
        return 0.5 * self.gain(factor) ** 2 / (self.variance(factor, spreads) * dispersion)

    def gain(self, factor: float) -> float:
        """What the sum against the margin has gained, on average, if the canary is as good as stable."""
        return (factor - 1) * float(self.sums[1])

    def variance(self, factor: float, spreads: tuple[float, float]) -> float:
        """Of Σ h·(mean of canary − factor · mean of stable)."""
        own, other = spreads
        return float(self.sums[2] * own + self.sums[3] * other * factor * factor)

    def ratio(self, spreads: tuple[float, float], dispersion: float, alpha: float) -> tuple[float, float, float] | None:
        """The canary's mean loss over stable's, and the ends of its confidence sequence."""
        other = spreads[1]
        base = float(self.sums[1])
        if math.isnan(other) or base <= 0:
            return None
        ratio = float(self.sums[0]) / base
        variance = self.variance(ratio, spreads) * dispersion
        reach = radius_now(variance, self.rho * other * dispersion, alpha) / base
        return ratio, max(ratio - reach, 0.0), ratio + reach


def factor_of(policy: QualityPolicy) -> float:
    """How many times stable's mean loss the margin allows."""
    return float((1 + policy.margin) ** (2 if policy.root else 1))


def rows_of(labels: Sequence[Labels], metric: str) -> Floats:
    """(n, 7) the labels of one metric.

    Raises:
        UsageError: for counts or sums that can't be.
    """
    rows = np.array(
        [
            (
                each.served.timestamp(),
                (stable := each.stable).count,
                stable.total,
                stable.squares,
                (canary := each.canary).count,
                canary.total,
                canary.squares,
            )
            for each in labels
            if each.metric == metric
        ],
        dtype=np.float64,
    ).reshape(-1, _COLUMNS)
    if rows.size and not (np.isfinite(rows).all() and rows[:, [1, 3, 4, 6]].min() >= 0):
        raise UsageError(f"labels of {metric} have sums that can't be", remedy="see the source of the labels")
    return rows


def _cohorts(rows: Floats, changes: Floats) -> tuple[Floats, Floats]:
    """Rows added up by minute of serving and stretch of constant weight, in that order; and which stretch each is of."""
    epochs = changes.searchsorted(rows[:, 0], side="right").astype(np.float64)
    keys = epochs * 1e9 + np.floor(rows[:, 0] / COHORT_SECONDS)
    _, first, places = np.unique(keys, return_index=True, return_inverse=True)
    cohorts = np.empty((len(first), _COLUMNS))
    cohorts[:, 0] = rows[first, 0]
    for column in range(1, _COLUMNS):
        cohorts[:, column] = np.bincount(places, weights=rows[:, column], minlength=len(first))
    return cohorts, epochs[first]


def _strata(cohorts: Floats, epochs: Floats) -> tuple[Floats, list[int]]:
    """Neighbouring cohorts joined until both arms have a few labels; and which cohorts have to wait."""
    bounds: list[int] = []
    owners: list[float] = []
    begun, other, own = 0, 0.0, 0.0
    left: list[int] = []
    used: list[int] = []
    counts = cohorts[:, [1, 4]].tolist()
    for place, (stable, canary) in enumerate(counts):
        if place and epochs[place] != epochs[place - 1]:
            _leave(begun, place, owners, epochs, left, used)
            begun, other, own = place, 0.0, 0.0
        other, own = other + stable, own + canary
        if min(other, own) >= _STRATUM:
            bounds.append(begun)
            owners.append(float(epochs[place]))
            used.extend(range(begun, place + 1))
            begun, other, own = place + 1, 0.0, 0.0
    _leave(begun, len(counts), owners, epochs, left, used)
    if not bounds:
        return np.zeros((0, _COLUMNS)), left
    taken = cohorts[used]
    starts = np.searchsorted(np.asarray(used), bounds)
    return np.add.reduceat(taken, starts, axis=0), left


def _leave(begun: int, end: int, owners: list[float], epochs: Floats, left: list[int], used: list[int]) -> None:
    """The rest of a stretch joins its last stratum, or waits where there is none."""
    rest = range(begun, end)
    if owners and rest and owners[-1] == epochs[begun]:
        used.extend(rest)
    else:
        left.extend(rest)
