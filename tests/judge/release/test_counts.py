"""Events counted on both sides, against scipy's distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import hypergeom, nchypergeom_fisher

from seatrial.judge.release.counts import TILTS, log_normalisers


@given(canary=st.integers(1, 60), stable=st.integers(1, 200), share=st.floats(0, 1), tilt=st.floats(-2, 3.5))
def test_a_tilted_sum_is_that_of_the_hypergeometric_distribution(
    canary: int, stable: int, share: float, tilt: float
) -> None:
    """Summed over its whole support."""
    events = max(1, round(share * (canary + stable)))
    places = np.arange(0, events + 1)
    expected = logsumexp(hypergeom.logpmf(places, canary + stable, canary, events) + tilt * places)
    assert pytest.approx(expected, abs=1e-9) == float(log_normalisers(canary, stable, events, np.array([tilt]))[0])


@pytest.mark.parametrize("sizes", [(2500, 2500, 2500), (400, 4600, 1500), (30_000, 70_000, 1000), (900, 300, 1100)])
def test_a_large_block_is_summed_on_a_lattice_and_as_exact(sizes: tuple[int, int, int]) -> None:
    """A few dozen terms instead of thousands."""
    canary, stable, events = sizes
    places = np.arange(max(0, events - stable), min(events, canary) + 1)
    logs = hypergeom.logpmf(places, canary + stable, canary, events)
    expected = logsumexp(logs + TILTS[:, None] * places, axis=1)
    assert pytest.approx(expected, rel=1e-9, abs=1e-9) == log_normalisers(canary, stable, events, TILTS)


@given(canary=st.integers(1, 12), stable=st.integers(1, 12), events=st.integers(1, 12), odds=st.floats(0.1, 1.0))
def test_evidence_of_harm_is_one_on_average_at_equal_odds_and_less_at_lower(
    canary: int, stable: int, events: int, odds: float
) -> None:
    """That is what makes it an e-value: every outcome is enumerated."""
    events = min(events, canary + stable)
    places = np.arange(max(0, events - stable), min(events, canary) + 1)
    norms = log_normalisers(canary, stable, events, TILTS)
    ratios = np.exp(TILTS[:, None] * places - norms[:, None]).mean(axis=0)
    equal = hypergeom.pmf(places, canary + stable, canary, events)
    lower = equal * odds**places
    assert pytest.approx(1.0) == (equal * ratios).sum()
    assert (lower * ratios).sum() / lower.sum() <= 1 + 1e-9


@pytest.mark.parametrize("odds", [0.3, 2.0])
def test_a_tilt_makes_fishers_noncentral_distribution(odds: float) -> None:
    """As scipy knows it."""
    places = np.arange(5, 31)
    norm = log_normalisers(40, 25, 30, np.array([np.log(odds)]))[0]
    tilted = hypergeom.pmf(places, 65, 40, 30) * np.exp(np.log(odds) * places - norm)
    assert pytest.approx(nchypergeom_fisher.pmf(places, 65, 40, 30, odds)) == tilted
