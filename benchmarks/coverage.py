"""How often the 95% intervals hold the truth, on simulated trials with skewed data.

Prints one line per method, distribution and size: the share of intervals that hold the true difference, and how often
the truth lies below and above. Run `.venv/bin/python benchmarks/coverage.py [REPETITIONS] [NAME…]`; with 2,000
repetitions a true 95% shows as 94.0 to 96.0.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from seatrial.judge import (
    Effect,
    Observed,
    auc_difference,
    block_difference,
    mean_difference,
    proportion_difference,
    quantile_differences,
    smooth_difference,
    statistic_difference,
)

TAIL = 0.025

Scenario = Callable[[np.random.Generator], Iterator[tuple[Effect, float]]]


@dataclass
class Tally:
    """Intervals that held the truth, and on which side the others missed it."""

    name: str
    total: int = 0
    below: int = 0
    above: int = 0
    refused: int = 0

    def add(self, effect: Effect, truth: float) -> None:
        """Count one simulated trial, by the p-values at the truth: they agree with the interval and cost less."""
        self.total += 1
        if isinstance(effect, Observed):
            self.refused += 1
            return
        self.below += effect.p_greater(truth) < TAIL
        self.above += effect.p_less(truth) < TAIL

    @property
    def covered(self) -> float:
        """Share of the intervals that held the truth."""
        judged = max(self.total - self.refused, 1)
        return 1 - (self.below + self.above) / judged


def exponential_losses(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """Losses are exponential; the candidate loses more on a fifth of the requests (a skewed difference)."""
    loss = rng.exponential(size=n)
    more = rng.exponential(size=n) * (rng.random(n) < 0.2)
    yield mean_difference(loss, loss + more), 0.2


def lognormal_losses(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """Both versions have independent lognormal losses, the candidate's twice as large."""
    yield mean_difference(rng.lognormal(size=n), 2 * rng.lognormal(size=n)), float(np.exp(0.5))


def clustered_losses(rng: np.random.Generator, clusters: int) -> Iterator[tuple[Effect, float]]:
    """Users of one to nine requests; how much more the candidate loses differs by user, exponentially."""
    sizes = rng.integers(1, 10, size=clusters)
    groups = np.repeat(np.arange(clusters), sizes)
    extra = np.repeat(rng.exponential(size=clusters), sizes)
    loss = rng.exponential(size=groups.size)
    yield mean_difference(loss, loss + extra + rng.normal(size=groups.size), groups), 1.0


def paired_errors(
    rng: np.random.Generator, n: int, common: float, baseline: float, candidate: float
) -> Iterator[tuple[Effect, float]]:
    """Yes/no outcomes: some in both versions, some in one alone."""
    kind = rng.choice(4, size=n, p=[common, candidate, baseline, 1 - common - candidate - baseline])
    yield proportion_difference((kind == 0) | (kind == 2), (kind == 0) | (kind == 1)), candidate - baseline


def clustered_errors(rng: np.random.Generator, clusters: int) -> Iterator[tuple[Effect, float]]:
    """Users of five requests, each with a rate of errors of its own."""
    groups = np.repeat(np.arange(clusters), 5)
    first = rng.random(groups.size) < np.repeat(rng.beta(1, 9, size=clusters), 5)
    second = rng.random(groups.size) < np.repeat(rng.beta(2, 8, size=clusters), 5)
    yield proportion_difference(first, second, groups), 0.1


def latencies(
    rng: np.random.Generator, n: int, block: int, weather: float = 0.2, own: float = 0.1
) -> Iterator[tuple[Effect, float]]:
    """Lognormal latencies; a block's weather is shared by the versions, and each has some of its own."""
    blocks = np.repeat(np.arange(n // block), block)
    shared = rng.normal(0, weather, size=n // block)
    sigma = float(np.sqrt(0.5**2 + weather**2 + own**2))

    def arm(shift: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        level = shared + rng.normal(0, own, size=n // block)
        return np.exp(shift + np.repeat(level, block) + rng.normal(0, 0.5, size=n))

    levels = [level for level, least in ((0.5, 0), (0.9, 0), (0.99, 1000)) if n >= least]
    for level, effect in zip(
        levels, quantile_differences(arm(0.0), arm(0.1), blocks, blocks, levels, rng=rng), strict=True
    ):
        yield effect, float(np.exp(sigma * stats.norm.ppf(level)) * (np.exp(0.1) - 1))


def per_block(rng: np.random.Generator, blocks: int) -> Iterator[tuple[Effect, float]]:
    """A figure that comes once a block: gamma weather shared by both versions, and exponential extra cost."""
    weather = rng.gamma(4, size=blocks)
    yield block_difference(weather, weather + rng.exponential(size=blocks)), 1.0


def root_mean_squared(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """Heavy-tailed errors (Student's t, 6 degrees); the candidate's are larger."""
    common = rng.standard_t(6, size=n)
    second = 1.1 * common + rng.exponential(0.3, size=n)
    truth = np.sqrt(1.21 * 1.5 + 2 * 0.09) - np.sqrt(1.5)
    yield smooth_difference(common**2, second**2, _root), float(truth)


def _root(
    means: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.sqrt(means[..., 0])


def _f1(means: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return 2 * means[..., 0] / (2 * means[..., 0] + means[..., 1] + means[..., 2])


def f1(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """A fifth of the requests are positive; the versions find 85 and 75 % of them, with 5 % false alarms."""
    label = rng.random(n) < 0.2
    luck = rng.random(n)
    again = np.where(rng.random(n) < 0.7, luck, rng.random(n))
    rows = [
        np.stack([label & found, ~label & found, label & ~found], axis=1)
        for found in (np.where(label, luck < 0.85, luck < 0.05), np.where(label, again < 0.75, again < 0.05))
    ]
    truth = 2 * 0.15 / (2 * 0.15 + 0.04 + 0.05) - 2 * 0.17 / (2 * 0.17 + 0.04 + 0.03)
    yield smooth_difference(rows[0], rows[1], _f1), truth


def roc_auc(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """Normal scores, the candidate's with more noise."""
    label = rng.random(n) < 0.3
    first = 1.5 * label + rng.normal(size=n)
    second = first + rng.normal(0, 0.5, size=n)
    truth = stats.norm.cdf(1.5 / np.sqrt(2 * 1.25)) - stats.norm.cdf(1.5 / np.sqrt(2))
    yield auc_difference(label, first, second), float(truth)


def median_error(rng: np.random.Generator, n: int) -> Iterator[tuple[Effect, float]]:
    """A black-box metric: the median absolute error, of exponential errors."""
    label = rng.normal(size=n)
    first, second = label + rng.exponential(1.0, size=n), label + rng.exponential(1.2, size=n)
    effect = statistic_difference(
        label, first, second, lambda truth, said: float(np.median(np.abs(truth - said))), rng=rng
    )
    yield effect, 0.2 * float(np.log(2))


SCENARIOS: dict[str, Scenario] = {
    **{f"mean, exponential, n={n}": partial(exponential_losses, n=n) for n in (50, 200, 1000)},
    **{f"mean, lognormal, n={n}": partial(lognormal_losses, n=n) for n in (50, 200, 1000)},
    **{f"mean, clustered, users={n}": partial(clustered_losses, clusters=n) for n in (30, 200)},
    **{
        f"proportion, accuracy 0.9, n={n}": partial(paired_errors, n=n, common=0.86, baseline=0.04, candidate=0.05)
        for n in (50, 200, 1000)
    },
    **{
        f"proportion, rare errors, n={n}": partial(paired_errors, n=n, common=0.0, baseline=0.002, candidate=0.005)
        for n in (200, 1000, 5000)
    },
    **{f"proportion, clustered, users={n}": partial(clustered_errors, clusters=n) for n in (30, 200)},
    **{
        f"latency, n={n}, blocks={n // block}": partial(latencies, n=n, block=block)
        for n, block in ((500, 50), (500, 25), (2000, 50), (10000, 50))
    },
    **{f"per block, blocks={n}": partial(per_block, blocks=n) for n in (10, 40)},
    **{f"rmse, n={n}": partial(root_mean_squared, n=n) for n in (100, 500, 2000)},
    **{f"f1, n={n}": partial(f1, n=n) for n in (200, 1000)},
    **{f"roc auc, n={n}": partial(roc_auc, n=n) for n in (100, 500)},
    **{f"median error (bootstrap), n={n}": partial(median_error, n=n) for n in (100, 500)},
}


def simulate(name: str, scenario: Scenario, repetitions: int, seed: int = 1) -> list[Tally]:
    """Run one scenario; several tallies where it compares several metrics."""
    rng = np.random.default_rng(seed)
    tallies: list[Tally] = []
    for _ in range(repetitions):
        for index, (effect, truth) in enumerate(scenario(rng)):
            if index == len(tallies):
                tallies.append(Tally(f"{name} [{index}]" if index else name))
            tallies[index].add(effect, truth)
    return tallies


def main(arguments: list[str]) -> None:
    """Print the table."""
    repetitions = int(arguments[0]) if arguments else 1000
    wanted = arguments[1:]
    print("| scenario | covered % | truth below % | truth above % | refused |\n|---|---|---|---|---|")
    for name, scenario in SCENARIOS.items():
        if wanted and not any(name.startswith(prefix) for prefix in wanted):
            continue
        started = time.perf_counter()
        for tally in simulate(name, scenario, repetitions):
            shares = f"{100 * tally.covered:.1f} | {100 * tally.below / repetitions:.1f} | {100 * tally.above / repetitions:.1f}"
            print(f"| {tally.name} | {shares} | {tally.refused} |", flush=True)
        print(f"{time.perf_counter() - started:.1f} s for {name}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
