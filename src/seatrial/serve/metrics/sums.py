"""Sums that no order of their parts can change, so that folding a worker never makes a counter fall by its last bit.

`(a + b) + c` and `a + (b + c)` may differ in the last bit of a double. A counter that falls, by however little, reads as
a restart of the server, and Prometheus' `rate()` then adds the whole of it. `math.fsum` rounds the exact sum once, which
is the same in any order and never falls when a part grows; and the past keeps as many doubles as the exact sum needs.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from seatrial.serve.metrics.slots import Series


def total(values: Sequence[float]) -> float:
    """The exact sum, rounded once; infinite or NaN where a part is, or where it is too large for a double."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def exactly(values: Sequence[float]) -> list[float]:
    """The fewest doubles whose exact sum is that of `values`: `total(values)` and what its rounding left."""
    parts: list[float] = []
    while rest := total([*values, *(-part for part in parts)]):
        parts.append(rest)
        if not math.isfinite(rest):
            break
    return parts


def condense(series: Iterable[Series]) -> tuple[Series, ...]:
    """Fewer series with exactly the same sums, in the order in which they first came.

    Series of one key become one that holds their buckets and rounded sums, and seldom more than one further that holds
    what the rounding left.
    """
    groups: dict[tuple[object, ...], list[Series]] = defaultdict(list)
    for one in series:
        groups[one.block.key].append(one)
    return tuple(one for group in groups.values() for one in _condense(group))


def _condense(group: Sequence[Series]) -> list[Series]:
    newest = max((one.block for one in group), key=lambda block: block.born)
    single = len(newest.names)
    slots = list(zip(*(one.values for one in group), strict=True))
    sums = [exactly(values) for values in slots[:single]]
    buckets = [total(values) for values in slots[single:]]
    rows = list(zip_longest(*sums, fillvalue=0.0)) or [(0.0,) * single]
    nothing = [0.0] * len(buckets)
    return [Series(block=newest, values=(*row, *(nothing if at else buckets))) for at, row in enumerate(rows)]
