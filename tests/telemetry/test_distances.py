"""Distances of two samples: their values by hand and by scipy, and what chance does to the index."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seatrial.telemetry.distances import (
    Binned,
    Numbers,
    Texts,
    bin_numbers,
    bin_texts,
    kolmogorov_smirnov,
    merged,
    scaled_wasserstein,
    stability,
    total_variation,
)

VALUES = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=80)
COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12).filter(
    lambda pairs: sum(one for one, _ in pairs) > 0 and sum(other for _, other in pairs) > 0
)


def numbers(values: list[float]) -> Numbers:
    """A sample of the values."""
    return Numbers.of(np.array(values, dtype=np.float64))


def binned(pairs: list[tuple[int, int]]) -> Binned:
    """Two samples that are counted already."""
    reference, current = np.array(pairs, dtype=np.float64).T
    return Binned(tuple(map(str, range(len(pairs)))), reference, current)


def test_the_index_is_as_its_formula_says() -> None:
    """Σ (p − q) ln(p/q), of shares that half a row a bin of the mean shares was mixed into: so large, it hardly matters."""
    found = stability(binned([(500_000, 400_000), (300_000, 300_000), (200_000, 300_000)]))
    expected = 0.1 * math.log(0.5 / 0.4) + 0.1 * math.log(0.3 / 0.2)
    assert expected == pytest.approx(found.psi, rel=1e-5)
    assert 2 * (1 / 1_000_000 + 1 / 1_000_000) == pytest.approx(found.chance)


@given(COUNTS)
def test_the_index_is_symmetric_and_not_negative(pairs: list[tuple[int, int]]) -> None:
    """Which sample is the reference doesn't matter once the bins are there."""
    there = stability(binned(pairs))
    back = stability(binned([(other, one) for one, other in pairs]))
    assert (there.psi, there.chance, there.low, there.high) == pytest.approx(
        (back.psi, back.chance, back.low, back.high)
    )
    assert there.psi >= 0
    assert 0 <= there.low <= there.high


@given(st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(any), st.integers(1, 20))
def test_samples_of_equal_shares_have_an_index_of_zero(counts: list[int], times: int) -> None:
    """Identical samples, and in the limit of the mixing also ones of other lengths."""
    assert 0 == pytest.approx(stability(binned([(count, count) for count in counts])).psi, abs=1e-12)
    assert 0 == pytest.approx(stability(binned([(count, count * times) for count in counts])).psi, abs=1e-12)


def test_bins_that_one_sample_leaves_empty_keep_the_index_finite() -> None:
    """And an index of many rows large."""
    found = stability(binned([(1000, 0), (0, 1000)]))
    assert 5 < found.psi < 20
    assert math.isfinite(found.high)


def test_without_drift_few_rows_are_never_a_drift_and_many_pass() -> None:
    """Of 300 pairs of samples of one distribution none is shown to be above 0.2; with 300 rows nearly all are below."""
    rng = np.random.default_rng(3)
    reference = Numbers.of(rng.normal(size=1600))
    for rows, least in ((5, 0.0), (20, 0.0), (300, 0.95)):
        found = [stability(bin_numbers(reference, Numbers.of(rng.normal(size=rows)))) for _ in range(100)]
        assert not any(one.low > 0.2 for one in found)
        assert least <= np.mean([one.high < 0.2 for one in found])


def test_the_interval_holds_the_true_index() -> None:
    """At a shift of half a standard deviation, for 9 of 10 samples as promised (85 % is asked for)."""
    rng = np.random.default_rng(5)
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    shifted = np.diff(np.concatenate([[0], stats.norm.cdf(edges - 0.5), [1]]))
    truth = float((shifted - 0.1) @ np.log(shifted / 0.1))
    inside = 0
    for _ in range(200):
        pair = Numbers.of(rng.normal(size=3000)), Numbers.of(rng.normal(0.5, 1, size=500))
        found = stability(bin_numbers(*pair))
        inside += found.low <= truth <= found.high
    assert 0.85 <= inside / 200


@given(VALUES, VALUES)
def test_bins_hold_every_row_of_both_samples(first: list[float], second: list[float]) -> None:
    """Also values beyond those of the reference; what is missing has a bin of its own."""
    found = bin_numbers(Numbers.of(np.array([*first, math.nan])), numbers(second))
    assert (len(first) + 1, len(second)) == (found.reference.sum(), found.current.sum())
    assert (1, 0) == (found.reference[-1], found.current[-1])
    assert len(found.names) == len(found.reference) == len(found.current)


def test_numbers_are_cut_at_the_tenths_of_the_reference() -> None:
    """Each of the ten bins then holds a tenth of it; ends are open."""
    found = bin_numbers(numbers([float(n) for n in range(1, 101)]), numbers([-1000.0, 10.0, 10.5, 90.0, 1000.0]))
    assert [10.0] * 10 + [0.0] == found.reference.tolist()
    assert [2, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0] == found.current.tolist()
    assert ("≤ 10", "10 … 20", "> 90", "missing") == (*found.names[:2], *found.names[-2:])


def test_numbers_of_few_values_have_a_bin_a_value() -> None:
    """And one for values that the reference doesn't have, be they between the others."""
    found = bin_numbers(numbers([0.0] * 30 + [1.0] * 20), numbers([0.0, 0.5, 1.0, 1.0, 2.0]))
    assert (("0", "1", "others", "missing"), [1, 2, 2, 0]) == (found.names, found.current.tolist())


def test_a_constant_reference_is_left_to_its_one_value() -> None:
    """Whatever differs from it has moved."""
    found = bin_numbers(numbers([3.0] * 50), numbers([2.0, 3.0, 4.0]))
    assert [1, 2, 0] == found.current.tolist()


def test_rare_categories_are_taken_together() -> None:
    """The reference's most frequent ones have bins; new ones are among the others."""
    reference = Texts({f"c{n:02}": 100.0 - n for n in range(60)}, missing=2)
    found = bin_texts(reference, Texts({"c00": 5.0, "c59": 1.0, "new": 4.0}))
    assert (51, "c00", "c48", "others", "missing") == (len(found.names), found.names[0], *found.names[-3:])
    assert (5, 5, 0) == (found.current[0], found.current[-2], found.current[-1])
    assert (reference.rows + 2, 2) == (found.reference.sum(), found.reference[-1])


@given(VALUES, VALUES)
def test_distances_are_those_of_scipy(first: list[float], second: list[float]) -> None:
    """Kolmogorov and Smirnov's with its asymptotic p-value; Wasserstein's in standard deviations of the reference."""
    one, other = numbers(first), numbers(second)
    distance, p_value = kolmogorov_smirnov(one, other)
    with warnings.catch_warnings(action="ignore"), np.errstate(divide="ignore"):
        expected = stats.ks_2samp(first, second, method="asymp")
    assert expected.statistic == pytest.approx(distance)
    rows = len(first) * len(second) / (len(first) + len(second))
    assert stats.kstwobign.sf(math.sqrt(rows) * distance) == pytest.approx(p_value, abs=1e-9)
    moved, spread = scaled_wasserstein(one, other), float(np.std(first))
    if spread == 0:
        assert moved is None
    else:
        assert stats.wasserstein_distance(first, second) / spread == pytest.approx(moved, abs=1e-9)


def test_total_variation_is_the_share_in_another_category() -> None:
    """Half of the rows turned from a to b."""
    assert 0.5 == total_variation(bin_texts(Texts({"a": 100.0}), Texts({"a": 5.0, "b": 5.0})))


def test_what_is_no_finite_number_is_missing() -> None:
    """NaN and infinities."""
    found = Numbers.of(np.array([1.0, math.nan, math.inf, 1.0, -math.inf]))
    assert ([1.0], [2.0], 3.0) == (found.values.tolist(), found.counts.tolist(), found.missing)


def test_samples_are_taken_together() -> None:
    """Counts of one value are added."""
    both = merged([Numbers.of(np.array([1.0, 2.0, math.nan])), numbers([2.0])])
    assert isinstance(both, Numbers)
    assert ([1.0, 2.0], [1.0, 2.0], 1.0) == (both.values.tolist(), both.counts.tolist(), both.missing)
    assert Texts({"a": 3.0, "b": 1.0}, 2.0) == merged([Texts({"a": 1.0}, 2.0), Texts({"a": 2.0, "b": 1.0})])
