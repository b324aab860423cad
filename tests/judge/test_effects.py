"""What every effect must satisfy, whatever its method."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge import Observed, block_difference, mean_difference
from tests.judge.makers import LINEAR, MAKERS, skewed_pair

each_method = pytest.mark.parametrize("name", MAKERS)
each_linear = pytest.mark.parametrize("name", LINEAR)


@each_method
@pytest.mark.parametrize("weight", [0.0, 0.95, 1.0, 1.2])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_p_values_and_intervals_say_the_same(name: str, weight: float, confidence: float) -> None:
    """At an end of the interval the one-sided p-value crosses half of what the interval leaves out."""
    effect = MAKERS[name](*skewed_pair(1))
    interval = effect.interval(confidence, weight=weight)
    assert interval is not None
    tail = (1 - confidence) / 2
    hair = 1e-4 * (interval.high - interval.low)
    assert (
        effect.p_greater(interval.low - hair, weight=weight)
        <= tail
        <= effect.p_greater(interval.low + hair, weight=weight)
    )
    assert (
        effect.p_less(interval.high + hair, weight=weight) <= tail <= effect.p_less(interval.high - hair, weight=weight)
    )


@each_method
def test_swapping_the_versions_mirrors_the_interval(name: str) -> None:
    """The comparison has no favourite: swapping the arms flips the sign of everything."""
    first, second = skewed_pair(2)
    there, back = MAKERS[name](first, second).interval(0.95), MAKERS[name](second, first).interval(0.95)
    assert there is not None
    assert back is not None
    assert pytest.approx(-there.high, abs=1e-8) == back.low
    assert pytest.approx(-there.low, abs=1e-8) == back.high


@each_linear
@given(
    shift=st.floats(-50, 50),
    scale=st.floats(0.01, 100),
    seed=st.integers(0, 50),
)
@settings(max_examples=15, deadline=None)
def test_shift_and_scale_of_the_unit_change_nothing_else(name: str, shift: float, scale: float, seed: int) -> None:
    """Milliseconds or seconds, with an offset on both versions: the interval of the difference only scales."""
    first, second = skewed_pair(seed)
    plain = MAKERS[name](first, second).interval(0.95)
    moved = MAKERS[name](scale * (first + shift), scale * (second + shift)).interval(0.95)
    assert plain is not None
    assert moved is not None
    assert pytest.approx(scale * plain.low, rel=1e-6, abs=1e-6 * scale) == moved.low
    assert pytest.approx(scale * plain.high, rel=1e-6, abs=1e-6 * scale) == moved.high


@each_method
def test_more_requests_make_the_interval_narrower(name: str) -> None:
    """Sixteen times the requests, about a quarter of the width."""
    widths = []
    for size in (300, 4800):
        interval = MAKERS[name](*skewed_pair(3, size)).interval(0.95)
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert 0.15 < widths[1] / widths[0] < 0.4


@each_method
@given(thresholds=st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
@settings(max_examples=15, deadline=None)
def test_p_values_are_monotone_in_the_threshold(name: str, thresholds: tuple[float, float]) -> None:
    """What is above a higher threshold is above a lower one all the more."""
    effect = MAKERS[name](*skewed_pair(4))
    low, high = sorted(thresholds)
    assert effect.p_greater(low) <= effect.p_greater(high) + 1e-9
    assert effect.p_less(high) <= effect.p_less(low) + 1e-9


@each_method
def test_a_higher_confidence_gives_a_wider_interval(name: str) -> None:
    """Also far out in the tail, where Holm and early looks need it."""
    effect = MAKERS[name](*skewed_pair(5))
    intervals = [effect.interval(confidence) for confidence in (0.5, 0.95, 0.999, 0.99999)]
    lows = [interval.low for interval in intervals if interval]
    highs = [interval.high for interval in intervals if interval]
    assert sorted(lows, reverse=True) == lows
    assert sorted(highs) == highs
    assert 4 == len(lows)


def test_the_candidate_alone_has_weight_zero() -> None:
    """An absolute limit asks about the candidate's own interval, around the candidate's own figure."""
    first, second = skewed_pair(6)
    effect = mean_difference(first, second)
    interval = effect.interval(0.95, weight=0.0)
    assert interval is not None
    assert interval.low < effect.candidate < interval.high
    swapped = mean_difference(second, first)
    assert effect.estimate(0.0) == swapped.baseline


def test_exact_figures_leave_nothing_to_chance() -> None:
    """The size of a stack is what it is."""
    effect = Observed(baseline=100.0, candidate=103.0, samples=1, method="exact", exact=True)
    assert 0.0 == effect.p_greater(2.0)
    assert 1.0 == effect.p_greater(3.0)
    assert 0.0 == effect.p_less(3.5)


def test_one_observation_has_no_interval() -> None:
    """And its p-values never speak for anything."""
    effect = Observed(baseline=100.0, candidate=103.0, samples=1, method="none")
    assert effect.interval(0.95) is None
    assert (1.0, 1.0) == (effect.p_greater(-1e9), effect.p_less(1e9))


def test_a_constant_difference_over_blocks_is_certain() -> None:
    """Memory that differs by the same amount in every block has a difference without spread."""
    effect = block_difference(np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 3, 4, 5, 6]))
    interval = effect.interval(0.95)
    assert interval is not None
    assert (1.0, 1.0) == (interval.low, interval.high)
    assert 0.0 == effect.p_greater(0.5)
    assert 1.0 == effect.p_less(0.5)
