"""Events counted on both sides: errors, and requests slower than a threshold.

Given how many requests each arm had in a block and how many events there were in both together, the canary's events are
hypergeometric if it is no different, whatever the level of the day, and Fisher's noncentral hypergeometric if its odds are
higher. So what is common to both arms cancels exactly, and a likelihood ratio against given odds is an e-value (Turner, Ly and
Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping", 2022).
"""

from functools import cache
from typing import Final

import numpy as np
from scipy.special import gammaln

from seatrial.judge.release.mixtures import Floats

TILTS: Final = np.array([0.05, 0.1, 0.16, 0.24, 0.34, 0.46, 0.62, 0.82, 1.08, 1.4, 1.8, 2.3, 3.0])
"""Log odds ratios that are mixed: whatever the true one is, one of these is near."""
_WHOLE: Final = 160
_STEEPEST: Final = 4.0
_REACH: Final = 20
_SMALLEST_TABLE: Final = 4096


def log_normalisers(canary: int, stable: int, events: int, tilts: Floats) -> Floats:
    """The logarithm of Σ_j P(j) exp(tilt · j) over the hypergeometric distribution of the canary's share of the events.

    Args:
        canary: its requests in the block.
        stable: the same.
        events: of both arms together.
        tilts: (g,) log odds ratios.

    Returns:
        (g,) the logarithms, exact up to rounding: where the support is large it is summed on a lattice half a
        standard deviation wide, ten of them to either side of each tilted mode, where the trapezoidal rule is exact too.
    """
    low, high = max(0, events - stable), min(events, canary)
    if high - low >= _WHOLE or max(-tilts.min(), tilts.max()) > _STEEPEST:
        return _on_lattices(canary, stable, events, tilts)
    size = high - low + 1
    powers = _powers()[:, :size] if tilts is TILTS else np.exp(tilts[:, None] * _places()[:size])
    sums = (powers * _chances(canary, stable, events)).sum(axis=1)
    return np.asarray(tilts * low + np.log(sums), dtype=np.float64)


def _chances(canary: int, stable: int, events: int) -> Floats:
    """The hypergeometric distribution over its support."""
    low, high = max(0, events - stable), min(events, canary)
    table = _log_factorials(canary + stable + 1)
    logs = table[low : high + 1] + table[canary - high : canary - low + 1][::-1]
    logs += table[events - high : events - low + 1][::-1]
    logs += table[stable - events + low : stable - events + high + 1]
    return np.asarray(np.exp(_constant(table, canary, stable, events) - logs), dtype=np.float64)


def _constant(table: Floats, canary: int, stable: int, events: int) -> float:
    both = canary + stable
    return float(table[canary] + table[stable] + table[events] + table[both - events] - table[both])


def _on_lattices(canary: int, stable: int, events: int, tilts: Floats) -> Floats:
    low, high = max(0, events - stable), min(events, canary)
    table = _log_factorials(canary + stable + 1)
    modes = _modes(canary, stable, events, tilts).clip(low, high)
    information = (
        1 / (modes + 1) + 1 / (canary - modes + 1) + 1 / (events - modes + 1) + 1 / (stable - events + modes + 1)
    )
    strides = np.maximum(np.floor(information**-0.5 / 2), 1).astype(np.int64)
    places = np.rint(modes).astype(np.int64)[:, None] + strides[:, None] * np.arange(-_REACH, _REACH + 1)
    inside = (places >= low) & (places <= high)
    places = places.clip(low, high)
    logs = (
        tilts[:, None] * places
        - table[places]
        - table[canary - places]
        - table[events - places]
        - table[stable - events + places]
    )
    largest = logs.max(axis=1)
    sums = strides * (inside * np.exp(logs - largest[:, None])).sum(axis=1)
    return np.asarray(largest + np.log(sums) + _constant(table, canary, stable, events), dtype=np.float64)


def _modes(canary: int, stable: int, events: int, tilts: Floats) -> Floats:
    odds = np.exp(tilts)
    linear = (canary + events) * odds + stable - events
    root = np.sqrt(np.maximum(linear**2 - 4 * (odds - 1) * odds * canary * events, 0))
    # The form of the quadratic's solution that has no cancellation, and none but this for odds of one.
    return np.asarray(2 * odds * canary * events / (linear + root), dtype=np.float64)


def _log_factorials(needed: int) -> Floats:
    return _table(max(_SMALLEST_TABLE, 1 << (needed - 1).bit_length()))


@cache
def _table(size: int) -> Floats:
    return np.asarray(gammaln(np.arange(1.0, size + 1)), dtype=np.float64)


@cache
def _places() -> Floats:
    return np.arange(float(_WHOLE))


@cache
def _powers() -> Floats:
    return np.asarray(np.exp(TILTS[:, None] * _places()), dtype=np.float64)
