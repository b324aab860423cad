"""Paired proportions against published values, and where the usual formulas break."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, stats

from seatrial.judge import mcnemar_exact, proportion_difference
from seatrial.judge.proportions import PairedTable, restricted_fit, score_tail


def arms(
    both: int, candidate_only: int, baseline_only: int, neither: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pairs with the given counts."""
    kind = np.repeat(np.arange(4), [both, candidate_only, baseline_only, neither])
    return (kind == 0) | (kind == 2), (kind == 0) | (kind == 1)


def score_interval(table: PairedTable, weight: float) -> tuple[float, float]:
    """Ends where the score's tails are 2.5 %."""
    values, counts = table.cells(weight)
    estimate = float(values @ counts / counts.sum())
    low = optimize.brentq(lambda d: score_tail(values, counts, d) - 0.025, values[0] + 1e-9, estimate)
    high = optimize.brentq(lambda d: score_tail(-values[::-1], counts[::-1], -d) - 0.025, estimate, values[-1] - 1e-9)
    return float(low), float(high)


def test_the_score_interval_is_tangos() -> None:
    """The airway table of Bentur et al. in Fagerland, Lydersen and Laake (Stat. Med. 33, 2014): −0.517 to −0.026."""
    assert pytest.approx((-0.517, -0.026), abs=5e-4) == score_interval(PairedTable(1, 1, 7, 12), 1.0)


def test_mcnemar_on_the_same_table() -> None:
    """Published exact conditional p-value: 0.070; the unconditional exact one of the interval is below it."""
    assert pytest.approx(0.0703, abs=1e-4) == mcnemar_exact(1, 7)
    effect = proportion_difference(*arms(1, 1, 7, 12))
    assert stats.binom.cdf(1, 8, 0.5) > effect.p_less(0.0) > stats.norm.cdf(-6 / np.sqrt(8))


def test_the_candidate_alone_has_the_wilson_score_interval() -> None:
    """One of ten: 0.0179 to 0.4042."""
    assert pytest.approx((0.01788, 0.40415), abs=1e-5) == score_interval(PairedTable(0, 1, 0, 9), 0.0)


@pytest.mark.parametrize(("hits", "total"), [(0, 50), (1, 100), (37, 40), (20, 20)])
def test_the_candidate_alone_has_the_clopper_pearson_interval(hits: int, total: int) -> None:
    """The exact interval of one proportion, whatever the baseline."""
    interval = proportion_difference(*arms(0, hits, 0, total - hits)).interval(0.95, weight=0.0)
    expected = stats.binomtest(hits, total).proportion_ci(0.95, method="exact")
    assert interval is not None
    assert pytest.approx((expected.low, expected.high), abs=1e-6) == (interval.low, interval.high)


def test_no_discordant_pair_still_leaves_a_width() -> None:
    """A hundred pairs without an error on either side: up to 3.6 % may still differ."""
    interval = proportion_difference(*arms(0, 0, 0, 100)).interval(0.95)
    assert interval is not None
    assert pytest.approx(1 - 0.025 ** (1 / 100), abs=1e-6) == interval.high
    assert pytest.approx(-interval.high) == interval.low


def test_a_single_observed_error_is_beyond_a_limit_of_none() -> None:
    """The rate is above 0 for certain."""
    effect = proportion_difference(*arms(0, 1, 0, 99))
    assert 0.0 == effect.p_greater(0.0, weight=0.0)
    assert 1.0 == proportion_difference(*arms(0, 0, 0, 100)).p_greater(0.0, weight=0.0)


def test_rare_errors_beyond_a_limit_have_the_exact_chance() -> None:
    """Three errors of a hundred where half a percent is allowed: P(X ≥ 3) = 0.014, where the score says 0.0002."""
    effect = proportion_difference(*arms(0, 3, 0, 97))
    assert pytest.approx(stats.binom.sf(2, 100, 0.005), rel=1e-6) == effect.p_greater(0.005, weight=0.0)


@given(
    counts=st.lists(st.integers(0, 30), min_size=3, max_size=4).filter(lambda c: sum(c) > 0),
    share=st.floats(0.01, 0.99),
)
@settings(max_examples=60, deadline=None)
def test_the_restricted_fit_meets_its_restriction(counts: list[int], share: float) -> None:
    """Probabilities that add up to 1 and have the mean asked for, also where cells are empty."""
    values = np.array([-1.2, -0.2, 0.0, 1.0][: len(counts)])
    mean = float(values[0] + share * (values[-1] - values[0]))
    fit = restricted_fit(values, np.array(counts, dtype=float), mean)
    assert pytest.approx(1.0) == fit.sum()
    assert pytest.approx(mean, abs=1e-6) == fit @ values
    assert fit.min() >= 0


def test_large_tables_meet_the_normal_approximation() -> None:
    """A million pairs: exact, score and Wald agree."""
    table = PairedTable(840_000, 50_000, 51_000, 59_000)
    interval = proportion_difference(*arms(840_000, 50_000, 51_000, 59_000)).interval(0.95)
    half = 1.96 * np.sqrt(101_000) / 1e6
    assert interval is not None
    assert pytest.approx((-0.001 - half, -0.001 + half), abs=2e-6) == (interval.low, interval.high)
    assert pytest.approx((interval.low, interval.high), abs=2e-6) == score_interval(table, 1.0)


def test_clusters_that_answer_alike_count_once() -> None:
    """Every request sent four times: about the interval of sending it once."""
    first, second = arms(60, 4, 9, 27)
    groups = np.arange(100)
    once = proportion_difference(first, second, groups).interval(0.95)
    often = proportion_difference(np.repeat(first, 4), np.repeat(second, 4), np.repeat(groups, 4)).interval(0.95)
    assert once is not None
    assert often is not None
    assert pytest.approx((once.low, once.high), rel=0.01) == (often.low, often.high)


def test_no_pairs_have_no_interval() -> None:
    """No data."""
    assert proportion_difference([], []).interval(0.95) is None


@pytest.mark.parametrize(("margin", "size"), [(0.005, 300), (0.005, 2000), (0.02, 200)])
def test_at_the_margin_rare_errors_fail_wrongly_at_most_as_often_as_promised(margin: float, size: int) -> None:
    """Candidate exactly at the margin: the exact chance of a p-value at or below 2.5 % (and 0.25 %) is no larger."""
    rate, top = 0.001, 40
    chances = np.outer(stats.binom.pmf(np.arange(top), size, rate + margin), stats.binom.pmf(np.arange(8), size, rate))
    p_values = np.array(
        [[proportion_difference(*arms(0, x, y, size - x - y)).p_greater(margin) for y in range(8)] for x in range(top)]
    )
    for level in (0.025, 0.0025):
        assert float(chances[p_values <= level].sum()) <= 1.1 * level
