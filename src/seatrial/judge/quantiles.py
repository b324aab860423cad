"""Latency quantiles, compared block by block.

Requests of one block share the machine's weather, so the block and not the request is the unit: the same block index in
both versions carries the same requests at nearly the same time, and a bootstrap that draws whole blocks for both at once
keeps what they share. Only the order statistics near a quantile can become that quantile in a resample, so each
replicate is a product of block weights with a small table of counts, whatever the number of samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seatrial.judge.effects import Effect, Floats, Observed, ReplicateEffect

REPLICATES = 2_000
TAIL_SAMPLES = 10
FEW_BLOCKS = 6
_MOST_UNITS = 400
_MOST_EDGES = 512
_REACH = 8.0
_METHOD = "paired block bootstrap"

Integers: TypeAlias = NDArray[np.intp]
Singles: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Arm:
    """One version's values in ascending order, the unit of each, and how many values each unit has."""

    values: Floats
    units: Integers
    sizes: Floats


def quantile_differences(
    baseline: ArrayLike,
    candidate: ArrayLike,
    baseline_blocks: ArrayLike,
    candidate_blocks: ArrayLike,
    levels: Sequence[float],
    *,
    rng: np.random.Generator,
) -> tuple[Effect, ...]:
    """Compare quantiles of two versions by a paired block bootstrap (Künsch 1989 for blocks; Hesterberg 2015 for the level).

    A level is refused (an effect without an interval, which says how many samples it needs) where a version has fewer
    than ten values beyond it, or fewer than six blocks hold values of both: a bootstrap knows nothing beyond the largest
    value seen.

    Args:
        baseline: (n,) the baseline's values in any order.
        candidate: (m,) the candidate's; their number may differ, since failed requests have none.
        baseline_blocks: (n,) integer index of each value's block; values in a block that only one version has are left out.
        candidate_blocks: (m,) the same for the candidate; equal indices are paired.
        levels: quantile levels, each inside 0…1.
        rng: source of the replicates.
    """
    values = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    blocks = np.asarray(baseline_blocks, dtype=np.int64), np.asarray(candidate_blocks, dtype=np.int64)
    units, paired = _units(*blocks)
    arms = tuple(_arm(*arm, units) for arm in zip(values, blocks, strict=True))
    weights = _weights(len(arms[0].sizes), rng)
    return tuple(_effect(arms[0], arms[1], level, weights, paired) for level in levels)


def _effect(baseline: _Arm, candidate: _Arm, level: float, weights: Singles, paired: int) -> Effect:
    figures = tuple(_quantile(arm.values, level) for arm in (baseline, candidate))
    smallest = min(baseline.values.size, candidate.values.size)
    needed = int(np.ceil(TAIL_SAMPLES / min(level, 1 - level) - 1e-9))
    refusal = ""
    if smallest == 0:
        refusal = "no request was answered by both versions"
    elif not np.all(np.isfinite(figures)):
        refusal = "the metric is not a number"
    elif smallest < needed:
        refusal = f"a {level:.4g} quantile needs at least {needed} good answers from each version, here {smallest}"
    elif paired < FEW_BLOCKS:
        needed = int(np.ceil(smallest * FEW_BLOCKS / max(paired, 1)))
        refusal = f"latency needs at least {FEW_BLOCKS} blocks, here {paired}; drive for longer or in shorter blocks"
    if refusal:
        return Observed(
            baseline=figures[0], candidate=figures[1], samples=smallest, method=_METHOD, note=refusal, needed=needed
        )
    first, second = (
        _replicates(arm, level, weights, figure) for arm, figure in zip((baseline, candidate), figures, strict=True)
    )
    return ReplicateEffect(
        baseline=figures[0],
        candidate=figures[1],
        samples=smallest,
        method=_METHOD,
        units=len(baseline.sizes),
        baseline_replicates=first,
        candidate_replicates=second,
    )


def _units(first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[Integers, int]:
    """Unit of each block index (−1 where the block is not in both), and how many blocks are paired.

    Above 400 blocks, neighbours are merged: nothing is lost in precision, and slower weather is kept together.
    """
    if not first.size or not second.size:
        return np.zeros(0, dtype=np.intp), 0
    size = int(max(first.max(), second.max())) + 1
    both = (np.bincount(first, minlength=size) > 0) & (np.bincount(second, minlength=size) > 0)
    paired = int(np.count_nonzero(both))
    units = np.full(size, -1, dtype=np.intp)
    units[both] = np.arange(paired) * min(paired, _MOST_UNITS) // max(paired, 1)
    return units, paired


def _arm(values: Floats, blocks: NDArray[np.int64], units: Integers) -> _Arm:
    if not units.size:
        return _Arm(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(0))
    unit = units[blocks]
    if (unit < 0).any():
        values, unit = values[unit >= 0], unit[unit >= 0]
    order = np.argsort(values)
    return _Arm(values[order], unit[order], np.bincount(unit, minlength=int(units.max()) + 1).astype(np.float64))


def _weights(units: int, rng: np.random.Generator) -> Singles:
    """How often each unit is drawn, (replicates, units)."""
    if units == 0:
        return np.zeros((REPLICATES, 0), dtype=np.float32)
    return rng.multinomial(units, np.full(units, 1 / units), size=REPLICATES).astype(np.float32)


def _quantile(ascending: Floats, level: float) -> float:
    """Hazen's quantile (Hyndman and Fan's type 5): symmetric, and the one whose resampled twin is computed below."""
    if not ascending.size:
        return float("nan")
    return float(np.interp(level * ascending.size - 0.5, np.arange(ascending.size), ascending))


def _replicates(arm: _Arm, level: float, weights: Singles, figure: float) -> Floats:
    """The quantile in each replicate."""
    edges = _edges(arm, level)
    table = _counts(arm, edges)
    shares = (weights @ table.astype(weights.dtype)) / (weights @ arm.sizes.astype(weights.dtype))[:, None]
    values = arm.values[edges]
    if edges.size == 1:
        return np.full(len(shares), figure)
    after = np.clip((shares < level).sum(axis=1), 1, edges.size - 1)
    rows = np.arange(len(shares))
    low, high = shares[rows, after - 1].astype(np.float64), shares[rows, after].astype(np.float64)
    part = np.clip((level - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.asarray(values[after - 1] + part * (values[after] - values[after - 1]), dtype=np.float64)


def _edges(arm: _Arm, level: float) -> Integers:
    """Ranks that the quantile of a resample can fall between: eight standard errors (with blocks) each way, thinned to 512."""
    n = arm.values.size
    centre = level * n - 0.5
    below = np.bincount(arm.units[: int(np.ceil(centre))], minlength=arm.sizes.size)
    error = np.sqrt(((below - level * arm.sizes) ** 2).sum()) + np.sqrt(n * level * (1 - level))
    first, last = max(0, int(centre - _REACH * error) - 2), min(n - 1, int(centre + _REACH * error) + 2)
    return np.unique(np.linspace(first, last, min(_MOST_EDGES, last - first + 1)).round().astype(np.intp))


def _counts(arm: _Arm, edges: Integers) -> Floats:
    """Values of each unit up to each edge, the edge's own counted half, (units, edges)."""
    units = arm.sizes.size
    start, end = int(edges[0]), int(edges[-1]) + 1
    which = np.searchsorted(edges, np.arange(start, end))
    near = np.bincount(arm.units[start:end] * edges.size + which, minlength=units * edges.size)
    table: Floats = near.reshape(units, edges.size).astype(np.float64)
    table[:, 0] += np.bincount(arm.units[:start], minlength=units)
    table = np.cumsum(table, axis=1)
    table[arm.units[edges], np.arange(edges.size)] -= 0.5
    return table
