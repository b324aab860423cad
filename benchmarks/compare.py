"""How long comparing a million paired samples takes, all standard metrics and the judgement included.

Prints one line per metric and the ratio to the target of two seconds. Run `.venv/bin/python benchmarks/compare.py [N]`.
"""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from seatrial.judge import (
    Draft,
    Effect,
    auc_difference,
    block_difference,
    judge,
    mean_difference,
    proportion_difference,
    quantile_differences,
    smooth_difference,
)
from seatrial.records import Direction, Family, MetricSpec

TARGET_SECONDS = 2.0


def main(arguments: list[str]) -> None:
    """Make the samples, time each comparison, print."""
    n = int(arguments[0]) if arguments else 1_000_000
    rng = np.random.default_rng(0)
    blocks = np.arange(n) // 50
    weather = np.exp(rng.normal(0, 0.2, size=blocks[-1] + 1))
    latency = [weather[blocks] * rng.lognormal(-3, 0.5, size=n) for _ in range(2)]
    error = [rng.random(n) < rate for rate in (0.001, 0.0012)]
    loss = rng.exponential(size=n)
    more = loss + rng.normal(0.001, 0.3, size=n)
    label = rng.random(n) < 0.2
    said = [label ^ (rng.random(n) < rate) for rate in (0.1, 0.101)]
    scores = [label + rng.normal(size=n) for _ in range(2)]
    rows = [np.stack([label & x, ~label & x, label & ~x], axis=1) for x in said]

    def f1(
        means: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return 2 * means[..., 0] / (2 * means[..., 0] + means[..., 1] + means[..., 2])

    jobs: dict[str, Callable[[], Sequence[Effect]]] = {
        "latency p50, p90, p99": lambda: quantile_differences(
            latency[0], latency[1], blocks, blocks, (0.5, 0.9, 0.99), rng=rng
        ),
        "errors": lambda: [proportion_difference(error[0], error[1])],
        "mean absolute error": lambda: [mean_difference(loss, more)],
        "root mean squared error": lambda: [smooth_difference(loss**2, more**2, lambda means: np.sqrt(means[..., 0]))],
        "accuracy": lambda: [proportion_difference(said[0] == label, said[1] == label)],
        "f1": lambda: [smooth_difference(rows[0], rows[1], f1)],
        "roc auc": lambda: [auc_difference(label, scores[0], scores[1])],
        "cpu seconds a request": lambda: [block_difference(weather, weather * 1.01)],
    }
    spec = MetricSpec(
        name="metric", family=Family.MODEL, direction=Direction.LOWER, margin=0.05, relative=True, gate=True
    )
    total = 0.0
    for name, job in jobs.items():
        started = time.perf_counter()
        judge([Draft(deployment="model", metric=spec, effect=effect) for effect in job()])
        seconds = time.perf_counter() - started
        total += seconds
        print(f"{name:26} {seconds:6.3f} s")
    print(
        f"{'all':26} {total:6.3f} s for {n:,} pairs, {total / TARGET_SECONDS:.2f} of the target of {TARGET_SECONDS:g} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
