"""The side that aborts: evidence that the canary is worse, by however little beyond the tolerance.

One e-process each for errors, the whole latency distribution, its p90, its p99 and every model metric; their average is an
e-value again, so nothing has to be corrected for looking at many metrics. Harm that begins late would have to make up for all
the good hours before, so that the same is started anew every ten minutes and the starts are mixed with weights
1/((j+1)(j+2)).
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from seatrial.judge.release import ranks
from seatrial.judge.release.blocks import Tally
from seatrial.judge.release.counts import TILTS, log_normalisers
from seatrial.judge.release.mixtures import Floats, Integers, exponentials, log_mean_exp, one_sided

_COUNTED: Final = [0, 2, 3]
BEFORE_LABELS: Final = 4
_MOST_STARTS: Final = 36
_ALL_OF: Final = 12
_TILTS: Final = len(TILTS)
_RANKS: Final = 3 * _TILTS
_LABELS: Final = _RANKS + 2
_PER_LABEL: Final = 4


@dataclass(slots=True, kw_only=True)
class Harm:
    """Sums since the first judged block, and what they were at every start.

    Attributes:
        sums: log likelihood ratios (tilts × 3 kinds of event), rank sum and variance, and four sums of each model metric.
        starts: (sums, starts) their values when each start began.
        orders: (starts,) how many starts were before each.
        began: how many starts there were so far, those included that were given up.
    """

    sums: Floats
    starts: Floats
    orders: Integers
    began: int = 0

    @classmethod
    def empty(cls, labelled: int) -> Self:
        """Before the first block, with so many model metrics."""
        size = _LABELS + _PER_LABEL * labelled
        return cls(sums=np.zeros(size), starts=np.zeros((size, 0)), orders=np.zeros(0, dtype=np.int64))

    def restart(self) -> None:
        """Begin one more start here. Of many starts, old ones are thinned out, which can only lower the evidence."""
        keep = np.arange(len(self.orders))
        if len(keep) >= _MOST_STARTS:
            around = self.orders[2:] - self.orders[:-2]
            keep = np.delete(keep, 1 + int(around[:-_ALL_OF].argmin()))
        self.starts = np.concatenate([self.starts[:, keep], self.sums[:, None]], axis=1)
        self.orders = np.append(self.orders[keep], self.began)
        self.began += 1

    def add(self, tally: Tally, tolerated: int) -> tuple[float, float] | None:
        """Take in a block; variance and pairs of its rank sum, where there were latencies to compare."""
        stable, canary = tally.requests
        if stable and canary:
            self._count(0, canary, stable, tally.failed[1], tally.failed[0], 0.0)
        levels = tally.levels
        if levels is None:
            return None
        stable, canary = tally.answered
        for kind, (place, lenient) in enumerate(zip(levels.bins[1:], levels.lenient, strict=True), start=1):
            self._count(kind, canary, stable, tally.above(1, place + tolerated), tally.above(0, place), lenient)
        total, variance, pairs = ranks.rank_sum(tally.latency[1], tally.latency[0], tolerated)
        self.sums[_RANKS] += total - pairs * levels.drift
        self.sums[_RANKS + 1] += variance
        return variance, pairs

    def add_labels(self, metric: int, sums: Floats) -> None:
        """Take in labels: Σ h·mean of canary and stable, and Σ h²/n of both."""
        self.sums[_place(metric)] += sums

    def evidence(self, dispersion: Floats, spreads: Floats, rhos: Floats, kept: Integers) -> tuple[float, Floats]:
        """Log e-values of harm.

        Args:
            dispersion: (4,) variance factors of errors, ranks, p90 and p99.
            spreads: (metrics, 2) variances of the losses of canary and stable; NaN while there are too few labels.
            rhos: (metrics,) of the normal mixtures of model metrics.
            kept: places of the metrics that are asked for: errors, latency, p90, p99, model metrics.

        Returns:
            Of all kept metrics together, and (kept,) of each.
        """
        if not len(self.orders) or not len(kept):
            return 0.0, np.zeros(len(kept))
        gained = self.sums[:, None] - self.starts
        logs = np.empty((BEFORE_LABELS + len(spreads), len(self.orders)))
        ratios = gained[:_RANKS].reshape(_TILTS, 3, -1)
        logs[_COUNTED] = log_mean_exp(ratios / dispersion[_COUNTED, None])
        logs[[1, *range(BEFORE_LABELS, len(logs))]] = self._mixtures(gained, float(dispersion[1]), spreads, rhos)
        logs = logs[kept]
        # Starts that are still to come have evidence of one, and the rest of the weight.
        ratios = exponentials(logs)
        weights, rest = 1 / ((self.orders + 1.0) * (self.orders + 2.0)), 1 / (self.began + 1.0)
        each = (ratios * weights).sum(axis=1) + rest
        return math.log(each.sum() / len(kept)), np.log(each)

    def _mixtures(self, gained: Floats, factor: float, spreads: Floats, rhos: Floats) -> Floats:
        """(1 + model metrics, starts) of ranks and losses; zero where there is nothing yet."""
        labels = gained[_LABELS:].reshape(len(spreads), _PER_LABEL, len(self.orders))
        totals = np.concatenate([gained[_RANKS : _RANKS + 1], labels[:, 0] - labels[:, 1]])
        known = np.nan_to_num(spreads)[:, :, None]
        variances = np.concatenate([gained[_RANKS + 1 : _LABELS] * factor, (labels[:, 2:] * known).sum(axis=1)])
        scales = np.append(ranks.RHO * factor, np.where(rhos > 0, rhos, 1.0))
        return np.where(variances > 0, one_sided(totals, variances, scales[:, None]), 0.0)

    def _count(self, kind: int, canary: int, stable: int, own: int, other: int, lenient: float) -> None:
        events = own + other
        if not events:
            return
        base = log_normalisers(canary, stable, events, np.array([lenient]))[0] if lenient else 0.0
        tilts = lenient + TILTS if lenient else TILTS
        norm = log_normalisers(canary, stable, events, tilts) - base
        self.sums[kind:_RANKS:3] += TILTS * own - norm


def _place(metric: int) -> slice:
    first = _LABELS + _PER_LABEL * metric
    return slice(first, first + _PER_LABEL)
