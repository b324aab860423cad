"""Every kind of effect from one pair of samples, so that what all must satisfy is checked on all."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import (
    Effect,
    auc_difference,
    block_difference,
    mean_difference,
    proportion_difference,
    quantile_differences,
    smooth_difference,
    statistic_difference,
)

Floats = NDArray[np.float64]
Maker = Callable[[Floats, Floats], Effect]


def blocks(values: Floats) -> NDArray[np.int64]:
    """Twenty blocks in a row."""
    return np.arange(len(values)) * 20 // len(values)


def quantile(level: float) -> Maker:
    """Quantile effect at a level, always with the same draws."""
    return lambda first, second: quantile_differences(
        first, second, blocks(first), blocks(second), (level,), rng=np.random.default_rng(5)
    )[0]


def median_statistic(first: Floats, second: Floats) -> Effect:
    """A black-box metric, always with the same draws."""
    return statistic_difference(
        np.zeros_like(first),
        first,
        second,
        lambda labels, said: float(np.median(np.abs(said - labels))),
        rng=np.random.default_rng(5),
    )


def root_mean_square(first: Floats, second: Floats) -> Effect:
    """Root mean square of both samples."""
    return smooth_difference(first**2, second**2, lambda means: np.sqrt(means[..., 0]))


LINEAR: dict[str, Maker] = {
    "mean": mean_difference,
    "mean of clusters": lambda first, second: mean_difference(first, second, np.arange(len(first)) // 3),
    "per block": block_difference,
    "p50": quantile(0.5),
    "p90": quantile(0.9),
}
MAKERS: dict[str, Maker] = {
    **LINEAR,
    "root mean square": root_mean_square,
    "black box": median_statistic,
    "proportion": lambda first, second: proportion_difference(first > 2, second > 2),
    "proportion of clusters": lambda first, second: proportion_difference(
        first > 2, second > 2, np.arange(len(first)) // 3
    ),
    "auc": lambda first, second: auc_difference(np.arange(len(first)) % 3 == 0, first, second),
}


def skewed_pair(seed: int, size: int = 300, shift: float = 0.1) -> tuple[Floats, Floats]:
    """Two lognormal samples that share part of each pair."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=size)
    return np.exp((shared + rng.normal(size=size)) / 2), np.exp(shift + (shared + rng.normal(size=size)) / 2)
