"""How far apart two samples of one column are, and how much of that chance explains: pure.

The population stability index (PSI) decides, because its size means the same whatever the number of rows; p-values of
tests don't, since with a million rows every difference is significant. But its estimate is too large in small samples: of
two samples of n and m rows from one distribution, cut into B bins, it is on average (B − 1)(1/n + 1/m), and distributed as
(1/n + 1/m) times chi-squared with B − 1 degrees of freedom (Yurdakul and Naranjo, "Statistical properties of the population
stability index", Journal of Risk Model Validation 14, 2020). So that much is taken off, and an interval is put around the
rest: by the delta method, and no shorter than chance alone makes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

BINS = 10
CATEGORIES = 50
_TAIL = 0.05
_ROWS_A_VALUE = 5


@dataclass(frozen=True, slots=True)
class Numbers:
    """A sample of numbers as (k,) distinct finite values in ascending order, (k,) how often each came, and how many were missing."""

    values: Floats
    counts: Floats
    missing: float = 0.0

    @classmethod
    def of(cls, values: Floats, counts: Floats | None = None, missing: float = 0.0) -> "Numbers":
        """From values in any order, also repeated; NaN and infinities count as missing."""
        values = np.asarray(values, dtype=np.float64)
        counts = np.ones(len(values)) if counts is None else np.asarray(counts, dtype=np.float64)
        finite = np.isfinite(values)
        distinct, where = np.unique(values[finite], return_inverse=True)
        sums = np.bincount(where, counts[finite], len(distinct)).astype(np.float64)
        return cls(distinct, sums, missing + float(counts[~finite].sum()))

    @property
    def rows(self) -> float:
        """Rows with a value."""
        return float(self.counts.sum())


@dataclass(frozen=True, slots=True)
class Texts:
    """A sample of categories: how often each came, and how many were missing."""

    counts: dict[str, float]
    missing: float = 0.0

    @property
    def rows(self) -> float:
        """Rows with a value."""
        return float(sum(self.counts.values()))


Sample: TypeAlias = Numbers | Texts


@dataclass(frozen=True, slots=True)
class Binned:
    """Two samples cut into the same bins: (b,) names, and (b,) counts of the reference and of what is compared with it."""

    names: tuple[str, ...]
    reference: Floats
    current: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """The PSI as the samples have it, what chance alone gives on average, and an interval (90 %) of what is left without it."""

    psi: float
    chance: float
    low: float
    high: float


def bin_numbers(reference: Numbers, current: Numbers) -> Binned:
    """Cut both at the deciles of the reference, or into values where both have few. The last bin holds what is missing."""
    if _is_discrete(reference) and len(current.values) <= 2 * BINS:
        return _bin_values(reference, current)
    edges = _deciles(reference)
    names = [f"≤ {edges[0]:g}", *(f"{low:g} … {high:g}" for low, high in pairwise(edges))]
    return Binned(
        (*names, f"> {edges[-1]:g}", "missing"),
        *(
            np.append(np.bincount(np.searchsorted(edges, one.values), one.counts, len(edges) + 1), one.missing)
            for one in (reference, current)
        ),
    )


def _is_discrete(sample: Numbers) -> bool:
    return len(sample.values) <= BINS and sample.rows >= _ROWS_A_VALUE * len(sample.values)


def _bin_values(reference: Numbers, current: Numbers) -> Binned:
    """A bin for each value of the reference, one for all others."""
    others = len(reference.values)
    place = np.searchsorted(reference.values, current.values)
    known = (place < others) & (reference.values[np.minimum(place, others - 1)] == current.values)
    counts = np.bincount(np.where(known, place, others), current.counts, others + 1)
    return Binned(
        (*(f"{value:g}" for value in reference.values), "others", "missing"),
        np.concatenate([reference.counts, [0.0, reference.missing]]),
        np.append(counts, current.missing),
    )


def _deciles(sample: Numbers) -> Floats:
    """The inner edges: values of the sample at or above each tenth of its rows, without the largest value."""
    shares = np.cumsum(sample.counts) / sample.rows
    places = np.searchsorted(shares, np.arange(1, BINS) / BINS - 1e-12)
    edges = np.unique(sample.values[places])
    inner = edges[edges < sample.values[-1]]
    return inner if len(inner) else sample.values[:1]


def bin_texts(reference: Texts, current: Texts) -> Binned:
    """A bin for each of the reference's most frequent categories, one for all others, and one for what is missing."""
    frequent = sorted(reference.counts, key=lambda name: (-reference.counts[name], name))[: CATEGORIES - 1]
    return Binned(
        (*frequent, "others", "missing"),
        *(
            np.array([*(kept := [one.counts.get(name, 0.0) for name in frequent]), one.rows - sum(kept), one.missing])
            for one in (reference, current)
        ),
    )


def stability(binned: Binned) -> Stability:
    """PSI, its expectation by chance, and an interval of what is left.

    Bins that are empty in one sample would make it infinite. Each sample is therefore mixed with as many rows as half the
    number of bins, spread as the mean of both samples is: the same for both, and nothing where they agree.
    """
    used = (binned.reference + binned.current) > 0
    counts = binned.reference[used], binned.current[used]
    rows = counts[0].sum(), counts[1].sum()
    bins = int(used.sum())
    both = (counts[0] / rows[0] + counts[1] / rows[1]) / 2
    q, p = ((count + both * bins / 2) / (total + bins / 2) for count, total in zip(counts, rows, strict=True))
    ratio = np.log(p / q)
    psi = float((p - q) @ ratio)
    inverse = float(1 / rows[0] + 1 / rows[1])
    slopes = -ratio + 1 - p / q, ratio + 1 - q / p
    by_rows = sum(
        _variance(share, slope) / float(total) for share, slope, total in zip((q, p), slopes, rows, strict=True)
    )
    half = NormalDist().inv_cdf(1 - _TAIL) * (by_rows + 2 * (bins - 1) * inverse**2) ** 0.5
    chance = (bins - 1) * inverse
    return Stability(psi=psi, chance=chance, low=max(0.0, psi - chance - half), high=max(0.0, psi - chance) + half)


def _variance(shares: Floats, slopes: Floats) -> float:
    return float(shares @ slopes**2 - (shares @ slopes) ** 2)


def kolmogorov_smirnov(first: Numbers, second: Numbers) -> tuple[float, float]:
    """The largest difference of the two cumulative shares, and its asymptotic p-value (Kolmogorov's distribution)."""
    places = np.concatenate([first.values, second.values])
    from scipy import special  # noqa: PLC0415 - as long as a query takes

    distance = float(np.max(np.abs(_cumulative(first, places) - _cumulative(second, places))))
    rows = first.rows * second.rows / (first.rows + second.rows)
    return distance, float(special.kolmogorov(rows**0.5 * distance))


def _cumulative(sample: Numbers, places: Floats) -> Floats:
    shares = np.concatenate([[0.0], np.cumsum(sample.counts) / sample.rows])
    return np.asarray(shares[np.searchsorted(sample.values, places, side="right")])


def scaled_wasserstein(reference: Numbers, current: Numbers) -> float | None:
    """How far values moved on average, in standard deviations of the reference; None if that has none."""
    from scipy import stats  # noqa: PLC0415 - as long as a query takes

    mean = float(reference.counts @ reference.values) / reference.rows
    deviation = float(np.sqrt(reference.counts @ (reference.values - mean) ** 2 / reference.rows))
    if deviation == 0:
        return None
    moved = stats.wasserstein_distance(reference.values, current.values, reference.counts, current.counts)
    return float(moved) / deviation


def total_variation(binned: Binned) -> float:
    """Half the sum of the differences of shares: the share of rows that are in another bin."""
    return float(np.abs(binned.reference / binned.reference.sum() - binned.current / binned.current.sum()).sum() / 2)


def merged(samples: Sequence[Sample]) -> Sample:
    """Samples of one column and kind, taken together; at least one."""
    missing = sum(one.missing for one in samples)
    numbers = [one for one in samples if isinstance(one, Numbers)]
    if numbers:
        return Numbers.of(
            np.concatenate([one.values for one in numbers]), np.concatenate([one.counts for one in numbers]), missing
        )
    counts: dict[str, float] = {}
    for one in samples:
        for name, count in one.counts.items() if isinstance(one, Texts) else ():
            counts[name] = counts.get(name, 0.0) + count
    return Texts(counts, missing)
