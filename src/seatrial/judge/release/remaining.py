"""How many more of the canary's requests it would take, if it is as good as stable."""

import math
from typing import Final

import numpy as np

from seatrial.judge.release.mixtures import Floats, one_sided

_TIMES: Final = np.geomspace(0.02, 100.0, 32)


def by_information(evidence: float, needed: float, information: float, requests: int) -> int | None:
    """Of a likelihood ratio that gains so much information on average over the requests so far."""
    if information <= 0 or not requests:
        return None
    return math.ceil(max(needed - evidence, 0.0) / information * requests)


def by_mixture(needed: float, total: float, gain: float, variance: float, rho: float, requests: int) -> int | None:
    """Of a normal mixture whose sum grows by `gain` for as many requests as so far.

    Returns:
        The number of requests; None where even a hundred times as many would not do, or nothing is known.
    """
    if gain <= 0 or variance <= 0 or not requests:
        return None
    evidence: Floats = one_sided(total + _TIMES * gain, variance * (1 + _TIMES), rho)
    enough = evidence >= needed
    return math.ceil(float(_TIMES[enough.argmax()]) * requests) if enough.any() else None
