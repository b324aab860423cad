"""Evidence that may be looked at after every block: e-values, kept as logarithms.

An e-value is a non-negative number whose expectation is at most one while the hypothesis holds, however long one waits and
whenever one stops; that it ever reaches 1/α has a probability of at most α (Ville 1939). Averages of e-values are e-values,
which is how the parameters that nobody knows beforehand are dealt with here.
"""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


LARGEST: Final = 600.0
"""Evidence is not counted beyond this logarithm, nor below its negative, so that its exponential is a number."""
_LEAST: Final = math.exp(-LARGEST)


def log_mean_exp(values: Floats) -> Floats:
    """The logarithm of the mean of the exponentials along the first axis."""
    return log_sum_exp(values) - math.log(values.shape[0])


def log_sum_exp(values: Floats) -> Floats:
    """The logarithm of the sum of the exponentials along the first axis."""
    return np.asarray(np.log(exponentials(values).sum(axis=0) + _LEAST), dtype=np.float64)


def exponentials(values: Floats) -> Floats:
    """Evidence as a number, up to the largest that is counted."""
    return np.asarray(np.exp(np.minimum(values, LARGEST)), dtype=np.float64)


def one_sided(total: Floats, variance: Floats, rho: Floats | float) -> Floats:
    """Log e-value of a sum against "its mean is at most zero": the normal mixture over positive drifts.

    Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
    Statistics 49 (2021), proposition 6.

    Args:
        total: the sum so far.
        variance: its variance so far.
        rho: about a sixth of the variance at which it is to be most powerful.
    """
    spread = variance + rho
    score = total / np.sqrt(spread)
    return np.asarray(0.5 * np.log(4 * rho / spread) + 0.5 * score * score + log_ndtr(score), dtype=np.float64)


def radius(variance: Floats, rho: Floats, alpha: float) -> Floats:
    """Half the width of the confidence sequence of a sum with the given variance, at level 1 − alpha (the same, equation 14)."""
    spread = variance + rho
    return np.asarray(np.sqrt(spread * (np.log(spread / rho) - 2 * math.log(alpha))), dtype=np.float64)


def one_sided_now(total: float, variance: float, rho: float) -> float:
    """`one_sided` of plain numbers; zero before there is any variance."""
    if variance <= 0:
        return 0.0
    spread = variance + rho
    score = total / math.sqrt(spread)
    return 0.5 * math.log(4 * rho / spread) + 0.5 * score * score + float(log_ndtr(score))


def radius_now(variance: float, rho: float, alpha: float) -> float:
    """`radius` of plain numbers."""
    spread = variance + rho
    return math.sqrt(spread * (math.log(spread / rho) - 2 * math.log(alpha)))
