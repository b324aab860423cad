"""The whole latency distribution: whether the canary's requests rank higher than stable's within a block.

Centred mid-ranks of the pooled requests are exchangeable within a block if the arms don't differ, so their sum over the
canary's requests has mean zero and a variance that is known from the ranks alone (van Elteren's stratified Wilcoxon test), and a
normal mixture makes an e-process of it.
"""

from typing import Final

import numpy as np

from seatrial.judge.release.mixtures import Floats

RHO: Final = 8.0


def rank_sum(canary: Floats, stable: Floats, tolerated: int) -> tuple[float, float, float]:
    """The canary's centred rank sum in a block, its variance, and how much of the sum one unit of probability makes.

    Args:
        canary: (bins,) its requests by latency bin, at least one.
        stable: (bins,) the same.
        tolerated: bins by which the canary's latencies are moved down first.

    Returns:
        Σ (rank/(n+1) − ½) over the canary's requests; its variance given the pooled ranks; and n_c n_s/(n+1), by which
        the sum divides into P(canary slower) + ½ P(equal) − ½.
    """
    moved = canary
    if tolerated:
        moved = np.zeros_like(canary)
        moved[:-tolerated] = canary[tolerated:]
        moved[0] += canary[:tolerated].sum()
    pooled = moved + stable
    held = pooled.nonzero()[0]
    pooled, moved = pooled[held], moved[held]
    reached = pooled.cumsum()
    both = float(reached[-1])
    own = float(moved.sum())
    ranks = (reached - 0.5 * pooled + 0.5) / (both + 1) - 0.5
    squares = float((pooled * ranks * ranks).sum())
    pairs = own * (both - own)
    variance = pairs / (both * (both - 1)) * squares if both > 1 else 0.0
    return float((ranks * moved).sum()), variance, pairs / (both + 1)
