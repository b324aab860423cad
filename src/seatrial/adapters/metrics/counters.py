"""How much counters grew within windows, from their own samples, so that windows add up to what was counted.

`increase()` extrapolates to the ends of its range and forgets what a series had when it was first seen. Both are right for
a graph and wrong for a count: neighbouring windows would not add up, and the first error of a kind, which makes a new
series, would never be seen.
"""

import math
from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One counter.

    Attributes:
        base: its value when the first window begins; None: there was none.
        samples: moment in seconds and value, in the order of time.
    """

    base: float | None = None
    samples: Sequence[tuple[float, float]] = ()


def growth(tracks: Mapping[K, Track], edges: Sequence[float], *, from_zero: bool) -> dict[K, list[float]]:
    """The growth of counters that are reset together, by window; a window holds the samples after its begin, up to its end.

    Args:
        tracks: one counter, or the buckets of one histogram, which one scrape reads together: where one of them falls,
            their server was started anew, and all have counted from zero.
        edges: of the windows, in seconds, ascending: one more than there are windows.
        from_zero: whether a counter without a base had counted nothing before its first sample. Otherwise that sample only
            says where counting begins.
    """
    grown = {key: [0.0] * (len(edges) - 1) for key in tracks}
    before = {key: track.base for key, track in tracks.items() if track.base is not None}
    for moment, values in _by_moment(tracks):
        if any(value < before.get(key, 0.0) for key, value in values.items()):
            before = dict.fromkeys(tracks, 0.0)
        window = bisect_left(edges, moment) - 1
        for key, value in values.items():
            step = value - before.get(key, 0.0 if from_zero else value)
            before[key] = value
            if 0 <= window < len(edges) - 1:
                grown[key][window] += step
    return grown


def _by_moment(tracks: Mapping[K, Track]) -> list[tuple[float, dict[K, float]]]:
    found: dict[float, dict[K, float]] = {}
    for key, track in tracks.items():
        for moment, value in track.samples:
            if math.isfinite(value):
                found.setdefault(moment, {})[key] = value
    return sorted(found.items())
