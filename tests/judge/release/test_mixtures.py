"""E-values of sums, against the integrals that they stand for."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm

from seatrial.judge.release.mixtures import log_mean_exp, log_sum_exp, one_sided, one_sided_now, radius, radius_now


@pytest.mark.parametrize(("total", "variance", "rho"), [(0.0, 1.0, 2.0), (5.0, 9.0, 3.0), (-4.0, 20.0, 8.0)])
def test_a_one_sided_mixture_is_the_integral_over_positive_drifts(total: float, variance: float, rho: float) -> None:
    """With a half-normal weight of variance 1/ρ on the drift."""
    integral, _ = quad(
        lambda drift: halfnorm.pdf(drift, scale=rho**-0.5) * math.exp(drift * total - drift * drift * variance / 2),
        0,
        40,
    )
    assert pytest.approx(math.log(integral)) == one_sided_now(total, variance, rho)
    assert pytest.approx(one_sided_now(total, variance, rho)) == float(
        one_sided(np.array([total]), np.array([variance]), rho)[0]
    )


def test_a_sum_without_variance_says_nothing() -> None:
    """Before the first block."""
    assert one_sided_now(0.0, 0.0, 8.0) == 0.0


@pytest.mark.parametrize(("variance", "rho"), [(1.0, 2.0), (400.0, 8.0)])
def test_at_the_end_of_the_interval_the_two_sided_mixture_reaches_what_refutes(variance: float, rho: float) -> None:
    """So the confidence sequence leaves out exactly what is refuted."""
    reach = radius_now(variance, rho, 0.05)
    two_sided = 0.5 * math.log(rho / (variance + rho)) + reach**2 / (2 * (variance + rho))
    assert pytest.approx(math.log(20)) == two_sided
    assert pytest.approx(reach) == float(radius(np.array([variance]), np.array([rho]), 0.05)[0])


def test_means_of_exponentials_neither_overflow_nor_vanish() -> None:
    """Evidence of twelve hours is far beyond what an exponential can hold."""
    assert pytest.approx(math.log((math.e + math.e**3) / 2)) == float(log_mean_exp(np.array([1.0, 3.0])))
    assert math.isfinite(float(log_sum_exp(np.array([5000.0, -5000.0]))))
    assert math.isfinite(float(log_mean_exp(np.array([-9000.0, -5000.0]))))
