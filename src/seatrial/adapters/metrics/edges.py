"""Buckets of histograms as a window has them: counts by index into edges that both arms have."""

import math
from collections.abc import Iterable, Mapping, Sequence


def common_edges(histograms: Iterable[Iterable[float]]) -> tuple[float, ...]:
    """The upper edges that all histograms have, ascending, without infinity; empty if there are none in common.

    Cumulated counts are exact at every edge that a histogram has, so that leaving out the others loses nothing but detail.
    """
    sets = [{edge for edge in histogram if math.isfinite(edge)} for histogram in histograms]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def counts(cumulated: Mapping[float, float], edges: Sequence[float]) -> dict[int, int]:
    """Number of requests by bucket; the one after the last edge holds what lies above.

    Args:
        cumulated: requests up to each edge, infinity among them.
        edges: some of these, ascending.
    """
    found: dict[int, int] = {}
    below = 0
    for index, edge in enumerate((*edges, math.inf)):
        up_to = round(cumulated.get(edge, 0.0))
        if up_to > below:
            found[index] = up_to - below
            below = up_to
    return found


def added(parts: Iterable[Mapping[float, float]]) -> dict[float, float]:
    """Cumulated counts of several histograms together."""
    total: dict[float, float] = {}
    for part in parts:
        for edge, value in part.items():
            total[edge] = total.get(edge, 0.0) + value
    return total
