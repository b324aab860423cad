"""Paired yes/no metrics: accuracy, error rate.

Usual formulas fail just where trials live: no errors at all, or one. Two methods from one idea, the restricted maximum
likelihood of the paired 2 × 2 table under the hypothesis:

- *exact*: the chance, under that restricted fit, of a contrast at least as large as the one seen, summed over the
  table's outcomes (an "estimated exact" or E test: Lloyd, "Exact p-values for discrete models obtained by estimation and maximization",
  Aust. N. Z. J. Stat. 50, 2008). With the candidate alone it is the Clopper–Pearson interval.
- *score*: the same fit's normal approximation, used for clusters and for large tables. For the difference it is Tango's
  interval ("Equivalence test and confidence interval for the difference in proportions for the paired-sample
  design", Stat. Med. 17, 1998), for the candidate alone Wilson's. Rare errors are why it is not the default: one error
  in n gives Wilson's lower end 0.18/n, which a true rate of that size exceeds in 16 % of samples rather than 2.5 %.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from seatrial.judge.effects import Bounds, Effect, Floats, Observed
from seatrial.judge.means import cluster_sums

_TERMS = 4_000
_REACH = 7.0


@dataclass(frozen=True, slots=True)
class PairedTable:
    """Counts of pairs: yes in both versions, in the candidate only, in the baseline only, in neither.

    Counts need not be whole: with clusters they are divided by the design effect.
    """

    both: float
    candidate_only: float
    baseline_only: float
    neither: float

    @property
    def total(self) -> float:
        """Number of pairs."""
        return self.both + self.candidate_only + self.baseline_only + self.neither

    def cells(self, weight: float) -> tuple[Floats, Floats]:
        """Distinct values of candidate − weight · baseline, ascending, and how many pairs have each."""
        values = np.array([1 - weight, 1.0, -weight, 0.0])
        counts = np.array([self.both, self.candidate_only, self.baseline_only, self.neither])
        distinct, where = np.unique(values, return_inverse=True)
        return distinct, np.bincount(where, weights=counts).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionEffect(Effect):
    """A paired proportion. `design` is the factor by which clusters inflate the variance, `units` the number of clusters."""

    table: PairedTable
    groups: int | None = None
    design: float = 1.0

    def p_greater(self, threshold: float, *, weight: float = 1.0) -> float:
        """Chance of a contrast at least as large, where the truth is the threshold."""
        return self._tail(threshold, weight)

    def p_less(self, threshold: float, *, weight: float = 1.0) -> float:
        """Chance of a contrast at least as small, where the truth is the threshold."""
        return self._tail(threshold, weight, mirrored=True)

    def _bounds(self, tail: float, weight: float) -> Bounds | None:
        floor, ceiling = min(0.0, 1 - weight, -weight), max(1.0, 1 - weight)
        estimate = min(max(self.estimate(weight), floor), ceiling)

        def excess(threshold: float, *, mirrored: bool) -> float:
            chance = min(max(self._tail(threshold, weight, mirrored=mirrored), 1e-300), 1 - 1e-16)
            return float(special.ndtri(chance) - special.ndtri(tail))

        low = _crossing(lambda value: excess(value, mirrored=False), floor, estimate)
        high = _crossing(lambda value: excess(value, mirrored=True), ceiling, estimate)
        return Bounds(low, high)

    def _tail(self, threshold: float, weight: float, *, mirrored: bool = False) -> float:
        values, counts = self.table.cells(weight)
        if mirrored:
            values, counts, threshold = -values[::-1], counts[::-1], -threshold
        if threshold <= values[0]:
            return 0.0 if float(counts @ values) > self.table.total * threshold else 1.0
        if threshold >= values[-1]:
            return 1.0
        if self.groups is not None:
            return score_tail(values, counts / self.design, threshold, freedom=self.groups - 1)
        return exact_tail(values, counts, threshold)


def proportion_difference(baseline: ArrayLike, candidate: ArrayLike, groups: ArrayLike | None = None) -> Effect:
    """Compare the shares of requests for which something holds (a right answer, an error), paired by request.

    Args:
        baseline: (n,) booleans, one per request.
        candidate: (n,) booleans for the same requests.
        groups: (n,) the cluster of each request; then the table is divided by the design effect of the difference (Rao
            and Scott, "A simple method for the analysis of clustered binary data", Biometrics 48, 1992).
    """
    first, second = np.asarray(baseline, dtype=bool), np.asarray(candidate, dtype=bool)
    if first.shape != second.shape:
        message = f"the two versions must hold the same requests: {first.shape} and {second.shape}"
        raise ValueError(message)
    n = first.size
    if n == 0:
        return Observed(
            baseline=np.nan,
            candidate=np.nan,
            samples=0,
            method="none",
            note="no request was answered by both versions",
            needed=1,
        )
    both, ones_b, ones_c = (int(np.count_nonzero(x)) for x in (first & second, first, second))
    table = PairedTable(both, ones_c - both, ones_b - both, n - ones_b - ones_c + both)
    if groups is None:
        return ProportionEffect(
            baseline=ones_b / n, candidate=ones_c / n, samples=n, method="paired exact", table=table
        )
    deviations = np.stack([second - ones_c / n, first - ones_b / n], axis=1)
    clusters, design = _design_effect(deviations, groups)
    if clusters < 2:  # noqa: PLR2004 - a spread needs two
        return Observed(
            baseline=ones_b / n,
            candidate=ones_c / n,
            samples=n,
            method="none",
            note="one cluster tells nothing of the spread",
            needed=2 * n,
        )
    return ProportionEffect(
        baseline=ones_b / n,
        candidate=ones_c / n,
        samples=n,
        method="clustered paired score",
        table=table,
        groups=clusters,
        design=design,
    )


def mcnemar_exact(candidate_only: int, baseline_only: int) -> float:
    """McNemar's exact two-sided p-value of "no difference", from the pairs that differ (the binomial test)."""
    differing = candidate_only + baseline_only
    return float(min(1.0, 2 * special.bdtr(min(candidate_only, baseline_only), differing, 0.5))) if differing else 1.0


def exact_tail(values: Floats, counts: Floats, threshold: float) -> float:
    """Chance of Σ value · count at least as large as seen, at the fit restricted to mean `threshold`.

    Falls back to the score where the sum has too many terms to be worth it; there the two agree.

    Args:
        values: (c,) distinct cell values, ascending, with threshold inside their range.
        counts: (c,) whole counts.
        threshold: the mean under the hypothesis.
    """
    total = round(float(counts.sum()))
    chances = restricted_fit(values, counts, threshold)
    order = [index for index in np.argsort(-chances * (values != 0)) if values[index] != 0]
    free, summed = order[0], order[1:]
    windows = [_window(total, float(chances[index])) for index in summed]
    if np.prod([window.size for window in windows]) > _TERMS:
        return score_tail(values, counts, threshold, correction=0.5)
    used, mass, chance, needed = np.zeros(1), 0.0, np.ones(1), np.full(1, float(counts @ values))
    for index, window in zip(summed, windows, strict=True):
        left = total - used[:, None]
        share = min(1.0, float(chances[index]) / max(1 - mass, 1e-300))
        chance = (chance[:, None] * _binomial(window[None, :], left, share)).ravel()
        needed = (needed[:, None] - values[index] * window[None, :]).ravel()
        used = (used[:, None] + window[None, :]).ravel()
        mass += float(chances[index])
    share = min(1.0, float(chances[free]) / max(1 - mass, 1e-300))
    return min(1.0, float(chance @ _reaches(needed, float(values[free]), np.maximum(total - used, 0), share)))


def score_tail(
    values: Floats, counts: Floats, threshold: float, *, correction: float = 0.0, freedom: float = np.inf
) -> float:
    """Upper-tail p-value of the score statistic at the fit restricted to mean `threshold`.

    Args:
        values: (c,) distinct cell values, ascending.
        counts: (c,) counts, not necessarily whole.
        threshold: the mean under the hypothesis.
        correction: continuity correction, in counts.
        freedom: degrees of freedom of Student's t; infinite is the normal distribution.
    """
    total = float(counts.sum())
    chances = restricted_fit(values, counts, threshold)
    variance = float(chances @ ((values - threshold) ** 2))
    statistic = (float(counts @ values) - correction - total * threshold) / np.sqrt(max(variance * total, 1e-300))
    return float(special.stdtr(freedom, -statistic)) if np.isfinite(freedom) else float(special.ndtr(-statistic))


def restricted_fit(values: Floats, counts: Floats, mean: float) -> Floats:
    """Cell probabilities of largest likelihood among those whose values have the given mean.

    They are count/(n + λ(value − mean)) for the λ that gives the mean. Where no λ does, an end cell without counts takes
    the rest of the mass.

    Args:
        values: (c,) distinct cell values, ascending.
        counts: (c,) counts.
        mean: strictly between the smallest and the largest value.
    """
    total = float(counts.sum())
    gaps = values - mean
    ends = -total / float(gaps[-1]), -total / float(gaps[0])

    def moment(multiplier: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = counts * gaps / (total + multiplier * gaps)
        return float(terms[counts > 0].sum())

    for end, cell in ((ends[0], -1), (ends[1], 0)):
        if counts[cell] == 0 and moment(end) * (1 if cell == 0 else -1) >= 0:
            return _with_rest(values, counts, gaps, end, cell)
    inside = (ends[1] - ends[0]) * 1e-13
    try:
        root = optimize.brentq(moment, ends[0] + inside, ends[1] - inside, xtol=1e-12 * max(1.0, ends[1] - ends[0]))
    except ValueError:
        root = ends[0] + inside if moment(ends[0] + inside) < 0 else ends[1] - inside
    chances = counts / (total + root * gaps)
    return np.asarray(chances / chances.sum(), dtype=np.float64)


def _with_rest(values: Floats, counts: Floats, gaps: Floats, multiplier: float, cell: int) -> Floats:
    total = float(counts.sum())
    chances = np.zeros_like(values)
    filled = counts > 0
    chances[filled] = counts[filled] / (total + multiplier * gaps[filled])
    chances[cell] = max(0.0, -float(chances @ gaps) / float(gaps[cell]))
    return np.asarray(chances / chances.sum(), dtype=np.float64)


def _window(total: int, chance: float) -> Floats:
    """Counts that a binomial can take for all purposes: seven standard deviations and ten more each way."""
    reach = _REACH * np.sqrt(total * chance * (1 - chance)) + 10 * (chance > 0)
    return np.arange(max(0, int(total * chance - reach)), min(total, int(total * chance + reach)) + 1, dtype=np.float64)


def _binomial(count: Floats, total: Floats, chance: float) -> Floats:
    """Binomial probabilities; 0 outside 0…total."""
    missing = total - count
    fits = missing >= 0
    missing = np.maximum(missing, 0)
    log = special.gammaln(total + 1) - special.gammaln(count + 1) - special.gammaln(missing + 1)
    log = log + special.xlogy(count, chance) + special.xlog1py(missing, -chance)
    return np.where(fits, np.exp(log), 0.0)


def _reaches(needed: Floats, value: float, total: Floats, chance: float) -> Floats:
    """Chance that value · Binomial(total, chance) is at least `needed`, elementwise."""
    bound = needed / value
    if value > 0:
        return _at_least(np.ceil(bound - 1e-9), total, chance)
    return 1 - _at_least(np.floor(bound + 1e-9) + 1, total, chance)


def _at_least(count: Floats, total: Floats, chance: float) -> Floats:
    """Upper binomial tail by the incomplete beta function."""
    inside = (count >= 1) & (count <= total)
    safe = np.where(inside, count, 1.0)
    tail = special.betainc(safe, np.maximum(total - safe + 1, 1.0), chance)
    return np.where(inside, tail, np.where(count < 1, 1.0, 0.0))


def _crossing(excess: Callable[[float], float], limit: float, estimate: float) -> float:
    """Where a tail chance, growing from the limit to the estimate, crosses its level; the limit if it never does."""
    near = limit + (estimate - limit) * 1e-9
    if limit == estimate or excess(near) >= 0:
        return limit
    return float(optimize.brentq(excess, near, estimate, xtol=1e-10, rtol=1e-9))


def _design_effect(deviations: Floats, groups: ArrayLike) -> tuple[int, float]:
    """Number of clusters, and variance with clusters over variance without, of the difference (at least 1)."""
    difference = (deviations[:, 0] - deviations[:, 1])[:, None]
    sums, _ = cluster_sums(difference, groups)
    clusters = len(sums)
    plain = float((difference**2).sum())
    if clusters < 2 or plain == 0:  # noqa: PLR2004 - a spread needs two
        return clusters, 1.0
    return clusters, max(1.0, float((sums**2).sum()) / plain * clusters / (clusters - 1))
