"""Cutting the requests: by the values of a column, or by bins of a numeric one."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.records import Slice

MOST_SLICES = 12


def slice_codes(cut: Slice, values: Sequence[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """The slice of each request and the slices' names; beyond twelve values the rarest are joined as `others`."""
    if cut.bins:
        return _binned(cut, values)
    names = [str(value) for value in values]
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    kept = sorted(counts, key=lambda name: (-counts[name], name))[
        : MOST_SLICES if len(counts) <= MOST_SLICES else MOST_SLICES - 1
    ]
    order = sorted(kept) + (["others"] if len(counts) > len(kept) else [])
    index = {name: place for place, name in enumerate(order)}
    return np.array([index.get(name, len(order) - 1) for name in names], dtype=np.int64), order


def _binned(cut: Slice, values: Sequence[Any]) -> tuple[NDArray[np.int64], list[str]]:
    edges = [f"{edge:g}" for edge in cut.bins]
    names = [
        f"below {edges[0]}",
        *(f"{low} to {high}" for low, high in pairwise(edges)),
        f"{edges[-1]} and above",
        "missing",
    ]
    figures = np.array([np.nan if value is None else float(value) for value in values])
    places = np.searchsorted(cut.bins, figures, side="right")
    places[np.isnan(figures)] = len(names) - 1
    used = np.unique(places)
    return np.searchsorted(used, places).astype(np.int64), [names[place] for place in used]
