"""The rules that releases are judged by elsewhere, as their documents describe them, on the same minutes.

Each rule is asked once a minute and says what it would do; a rule that has decided isn't asked again. Thresholds are those
of the documents' examples, where a user would tune them and trade one kind of mistake for the other.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.judge.minutes import MIDDLES, Minute, Side
from seatrial.records import Decision

Floats = NDArray[np.float64]

CRITICAL_Z: Final = 1.6448536269514722


class Peer(Protocol):
    """A rule that looks at each minute."""

    def look(self, minute: Minute) -> Decision:
        """What the rule does after that minute."""
        ...


class FixedWait:
    """Wait for so many minutes, then promote if the canary's mean latency is below a number of seconds."""

    def __init__(self, *, minutes: int = 720, mean: float = 0.5) -> None:
        self._left = minutes
        self._mean = mean
        self._all = Minute()

    def look(self, minute: Minute) -> Decision:
        """Nothing happens before the end."""
        self._all.add(minute)
        self._left -= 1
        if self._left:
            return Decision.CONTINUE
        return Decision.PROMOTE if self._all.canary.mean < self._mean else Decision.ABORT


def _bad(canary: Side) -> tuple[bool, bool]:
    """Whether success is not at least 99 %, and whether the 99th percentile is not below 500 ms; no requests are bad."""
    return not 1 - canary.error_rate >= 0.99, not canary.quantile(0.99) < 0.5


class Flagger:
    """A check a minute; a check fails when any metric misses its threshold; so many failed checks roll back.

    Failed checks are counted over the whole analysis, as Flagger does. `checks`: good checks that promote; None: none do.
    """

    def __init__(self, *, threshold: int = 5, checks: int | None = None) -> None:
        self._threshold = threshold
        self._checks = checks
        self._failed = 0
        self._good = 0

    def look(self, minute: Minute) -> Decision:
        """Count a check."""
        if any(_bad(minute.canary)):
            self._failed += 1
        else:
            self._good += 1
        if self._failed >= self._threshold:
            return Decision.ABORT
        return Decision.PROMOTE if self._good == self._checks else Decision.CONTINUE


class Argo:
    """A measurement a minute; a metric with more failed measurements than the limit fails the analysis."""

    def __init__(self, *, limit: int = 3) -> None:
        self._limit = limit
        self._failed = [0, 0]

    def look(self, minute: Minute) -> Decision:
        """Count a measurement of each metric."""
        self._failed = [count + bad for count, bad in zip(self._failed, _bad(minute.canary), strict=True)]
        return Decision.ABORT if max(self._failed) > self._limit else Decision.CONTINUE


class Kayenta:
    """Each hour, the last hour's series of values a minute: Mann-Whitney a metric, a score of the groups, a threshold.

    Groups of equal weight: latency (p50, p90, p99), errors, quality. A metric fails when the lower end of the 98 %
    interval of the shift lies above a quarter of the shift itself; a score below 75 fails the run, one of 95 at the end
    promotes.
    """

    def __init__(self, *, minutes: int = 60, runs: int = 12) -> None:
        self._minutes = minutes
        self._left = runs
        self._series: deque[tuple[Floats, Floats]] = deque(maxlen=minutes)
        self._seen = 0

    def look(self, minute: Minute) -> Decision:
        """Judge once an hour."""
        self._series.append((_figures(minute.stable), _figures(minute.canary)))
        self._seen += 1
        if self._seen % self._minutes:
            return Decision.CONTINUE
        self._left -= 1
        score = self._score()
        if score < 75:
            return Decision.ABORT
        if self._left:
            return Decision.CONTINUE
        return Decision.PROMOTE if score >= 95 else Decision.ABORT

    def _score(self) -> float:
        stable, canary = (np.array(side) for side in zip(*self._series, strict=True))
        good = [not raised(canary[:, column], stable[:, column]) for column in range(stable.shape[1])]
        return 100 / 3 * (sum(good[:3]) / 3 + good[3] + good[4])


def _figures(side: Side) -> Floats:
    """p50, p90, p99, rate of errors, mean loss of a minute."""
    return np.array([*(side.quantile(level) for level in (0.5, 0.9, 0.99)), side.error_rate, side.loss])


def raised(canary: Floats, stable: Floats) -> bool:
    """Whether Kayenta's Mann-Whitney classifier calls a metric high: its default tolerance of 0.25 and confidence of 98 %."""
    canary, stable = canary[~np.isnan(canary)], stable[~np.isnan(stable)]
    mine, theirs = canary.size, stable.size
    if min(mine, theirs) < 2:
        return False
    shifts = np.sort((canary[:, None] - stable[None, :]).ravel())
    _, ties = np.unique(rankdata(np.concatenate([canary, stable])), return_counts=True)
    everyone = mine + theirs
    deviation = math.sqrt(
        mine * theirs / 12 * (everyone + 1 - float((ties**3 - ties).sum()) / (everyone * (everyone - 1)))
    )
    if not deviation:
        return False
    lowest = max(0, math.floor(mine * theirs / 2 - 2.3263478740408408 * deviation - 0.5))
    return bool(shifts[lowest] > 0.25 * abs(float(np.median(shifts))))


class Peeking:
    """Every minute, a one-sided test at 5 % on all that was seen so far; the first that rejects aborts."""

    def __init__(self, *tests: Callable[[Minute], float]) -> None:
        self._tests = tests
        self._all = Minute()

    def look(self, minute: Minute) -> Decision:
        """Test again."""
        self._all.add(minute)
        if min(self._all.canary.requests, self._all.stable.requests) < 30:
            return Decision.CONTINUE
        return Decision.ABORT if any(test(self._all) > CRITICAL_Z for test in self._tests) else Decision.CONTINUE


def kolmogorov_smirnov(seen: Minute) -> float:
    """Infinite where the one-sided test's asymptotic p is below 5 %, else minus infinity."""
    canary, stable = seen.canary, seen.stable
    largest = float((np.cumsum(stable.latency) / stable.requests - np.cumsum(canary.latency) / canary.requests).max())
    effective = canary.requests * stable.requests / (canary.requests + stable.requests)
    reached = -2 * effective * largest**2 < math.log(0.05)
    return math.inf if reached and largest > 0 else -math.inf


def mann_whitney(seen: Minute) -> float:
    """The canary's ranks, with ties: z."""
    mine, theirs = seen.canary.latency, seen.stable.latency
    both = mine + theirs
    n, m = seen.canary.requests, seen.stable.requests
    wins = float(mine @ (np.cumsum(theirs) - theirs / 2))
    ties = float((both**3 - both).sum()) / ((n + m) * (n + m - 1))
    return (wins - n * m / 2) / math.sqrt(n * m / 12 * (n + m + 1 - ties))


def mean_latency(seen: Minute) -> float:
    """Welch's t."""
    means, variances = zip(*(_moments(side) for side in (seen.canary, seen.stable)), strict=True)
    return float((means[0] - means[1]) / math.sqrt(variances[0] + variances[1]))


def _moments(side: Side) -> tuple[float, float]:
    """Mean, and its variance."""
    mean = float(side.latency @ MIDDLES) / side.requests
    return mean, (float(side.latency @ MIDDLES**2) / side.requests - mean**2) / side.requests


def errors(seen: Minute) -> float:
    """Two proportions: z."""
    mine, theirs = seen.canary, seen.stable
    pooled = (mine.errors + theirs.errors) / (mine.requests + theirs.requests)
    if not 0 < pooled < 1:
        return 0.0
    return (mine.error_rate - theirs.error_rate) / math.sqrt(
        pooled * (1 - pooled) * (1 / mine.requests + 1 / theirs.requests)
    )


def loss(seen: Minute) -> float:
    """The mean losses: z; 0 with no more than 20 labels."""
    if min(seen.canary.labels[0], seen.stable.labels[0]) <= 20:
        return 0.0
    spread = sum(
        (float(side.labels[2] / side.labels[0]) - side.loss**2) / float(side.labels[0])
        for side in (seen.canary, seen.stable)
    )
    return (seen.canary.loss - seen.stable.loss) / math.sqrt(spread) if spread > 0 else 0.0


PEERS: Final[Mapping[str, Callable[[], Peer]]] = {
    "12 h wait, mean < 500 ms": FixedWait,
    "Flagger-like": Flagger,
    "Flagger-like, 10 good checks": lambda: Flagger(checks=10),
    "Argo-like": Argo,
    "Kayenta (Mann-Whitney)": Kayenta,
    "peeking at 5 %": lambda: Peeking(kolmogorov_smirnov, mann_whitney, mean_latency, errors, loss),
}

WITHOUT_QUALITY: Final = frozenset(name for name in PEERS if not name.startswith(("Kayenta", "peeking")))
"""Rules that have no metric for a model's quality: what they decide against a worse model, they decide by chance."""
