"""When each request is sent and whose turn it is: pure, so that a trial can be repeated from its seed.

Requests are cut into blocks and the cells take turns block by block, so that whatever the machine does meanwhile hits
all of them alike. Within a block arrivals are open loop: a slow answer never delays the next request (Schroeder,
Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.records import Driving, RequestsSpec

BLOCKS_AIMED_AT = 40
SMALLEST_BLOCK = 5
LONGEST_BLOCK = 2.0


@dataclass(frozen=True, slots=True)
class Block:
    """One turn: rows of the requests file and, for each, seconds from the start of the turn to its sending.

    `seconds` is how long the turn lasts at least, so that turns on end keep the rate.
    """

    index: int
    rows: tuple[int, ...]
    offsets: tuple[float, ...]
    seconds: float


def block_count(count: int, rate: float, seconds: float | None) -> int:
    """Into how many blocks `count` requests are cut.

    With `seconds`, as few as keep each block that short. Without, at least 40 blocks of at most 2 s, but never fewer
    than 5 requests a block.
    """
    if seconds is not None:
        return min(count, math.ceil(count / max(1.0, seconds * rate)))
    wanted = max(BLOCKS_AIMED_AT, math.ceil(count / (LONGEST_BLOCK * rate)))
    return min(wanted, max(1, count // SMALLEST_BLOCK)) if count else 0


def cut_blocks(rows: Sequence[int], spec: RequestsSpec, rng: np.random.Generator) -> tuple[Block, ...]:
    """Cut `rows` into blocks, sizes differing by at most one; every row once, in order."""
    count = len(rows)
    blocks = block_count(count, spec.rate, spec.block)
    edges = [index * count // blocks for index in range(blocks + 1)] if blocks else [0]
    return tuple(
        _block(index, tuple(rows[low:high]), spec, rng) for index, (low, high) in enumerate(itertools.pairwise(edges))
    )


def arrivals(count: int, rate: float, kind: Driving, rng: np.random.Generator) -> tuple[float, ...]:
    """Seconds from the start of a block to each of its requests: evenly spaced, or a Poisson process of `rate`."""
    if kind is Driving.POISSON:
        return tuple(np.cumsum(rng.exponential(1.0 / rate, count)).tolist())
    return tuple(index / rate for index in range(count))


def _block(index: int, rows: tuple[int, ...], spec: RequestsSpec, rng: np.random.Generator) -> Block:
    offsets = arrivals(len(rows), spec.rate, spec.arrivals, rng)
    return Block(index, rows, offsets, max(offsets[-1], len(rows) / spec.rate))


def turn_order(cells: Mapping[str, Sequence[str]], rng: np.random.Generator) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """One round: deployments shuffled, and within each its cells, which stay adjacent because they are compared."""
    names = sorted(cells)
    return tuple(
        (names[index], tuple(cells[names[index]][cell] for cell in rng.permutation(len(cells[names[index]]))))
        for index in rng.permutation(len(names))
    )


def deployment_rng(seed: int, deployment: str) -> np.random.Generator:
    """The generator of one deployment's arrivals: the same whichever other deployments are in the trial."""
    return np.random.default_rng([seed, 1, *deployment.encode()])


def order_rng(seed: int) -> np.random.Generator:
    """The generator of the order of turns."""
    return np.random.default_rng([seed, 0])
