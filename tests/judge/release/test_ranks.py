"""Rank sums, against ranks of single requests and all ways to split them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from seatrial.judge.release.ranks import rank_sum

BINS = 30


def counted(values: list[int]) -> np.ndarray:
    """Requests by bin."""
    return np.bincount(values, minlength=BINS).astype(float)


@given(st.lists(st.integers(5, 20), min_size=1, max_size=15), st.lists(st.integers(5, 20), min_size=1, max_size=15))
def test_ranks_of_bins_are_those_of_the_requests(canary: list[int], stable: list[int]) -> None:
    """Mid-ranks of the pooled requests; the sum tells in how many pairs the canary is slower."""
    both = len(canary) + len(stable)
    ranks = rankdata(canary + stable) / (both + 1) - 0.5
    total, _, pairs = rank_sum(counted(canary), counted(stable), 0)
    assert pytest.approx(ranks[: len(canary)].sum()) == total
    slower = mannwhitneyu(canary, stable).statistic / (len(canary) * len(stable))
    assert pytest.approx(slower - 0.5) == total / pairs


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 9], [4, 4, 4, 4, 4, 4]])
def test_mean_and_variance_are_those_over_all_ways_to_split(values: list[int]) -> None:
    """The requests given, which of them are the canary's is what chance decides."""
    sums, variances = [], []
    for own in combinations(range(6), 2):
        stable = [value for place, value in enumerate(values) if place not in own]
        total, variance, _ = rank_sum(counted([values[place] for place in own]), counted(stable), 0)
        sums.append(total)
        variances.append(variance)
    assert pytest.approx(0.0, abs=1e-12) == np.mean(sums)
    assert pytest.approx(np.var(sums)) == variances[0]


def test_a_canary_slower_by_no_more_than_the_tolerance_ranks_as_stable() -> None:
    """Its latencies are moved down before they are ranked; what can't go lower stays in the lowest bin."""
    assert (
        rank_sum(counted([8, 9, 10]), counted([5, 6, 7]), 3)[0]
        == rank_sum(counted([5, 6, 7]), counted([5, 6, 7]), 0)[0]
    )
    assert rank_sum(counted([1, 2]), counted([0, 0]), 3)[0] == 0.0
