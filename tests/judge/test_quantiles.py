"""Latency quantiles by blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.judge import Effect, Observed, quantile_differences
from tests.judge.makers import Floats, blocks, skewed_pair


def compare(first: Floats, second: Floats, *levels: float) -> tuple[Effect, ...]:
    """Quantiles of two samples in twenty blocks."""
    return quantile_differences(first, second, blocks(first), blocks(second), levels, rng=np.random.default_rng(3))


@given(
    values=st.lists(st.floats(0.001, 10), min_size=120, max_size=200),
    level=st.sampled_from([0.1, 0.5, 0.9]),
)
@settings(max_examples=30, deadline=None)
def test_figures_are_plain_quantiles(values: list[float], level: float) -> None:
    """The figure is the sample's quantile, not an approximation from bins."""
    sample = np.array(values)
    (effect,) = compare(sample, 2 * sample, level)
    assert pytest.approx(float(np.quantile(sample, level, method="hazen"))) == effect.baseline
    assert pytest.approx(2 * effect.baseline) == effect.candidate


def test_many_samples_give_the_same_figures() -> None:
    """Thinning the candidates for the quantile does not move it."""
    first, second = skewed_pair(1, 50_000)
    effects = compare(first, second, 0.5, 0.99)
    assert [pytest.approx(float(np.quantile(second, level, method="hazen"))) for level in (0.5, 0.99)] == [
        effect.candidate for effect in effects
    ]


def test_the_weather_of_a_block_cancels() -> None:
    """A machine that slows both versions down by turns does not widen the interval of their difference much."""
    rng = np.random.default_rng(2)
    index = np.repeat(np.arange(40), 50)
    first, second = rng.lognormal(0, 0.1, 2000), rng.lognormal(0.05, 0.1, 2000)
    weather = np.repeat(rng.lognormal(0, 0.5, 40), 50)
    (shared,) = quantile_differences(first * weather, second * weather, index, index, (0.5,), rng=rng)
    shuffled = np.repeat(rng.permutation(40), 50)
    (unpaired,) = quantile_differences(first * weather, second * weather, index, shuffled, (0.5,), rng=rng)
    widths = [interval.high - interval.low for effect in (shared, unpaired) if (interval := effect.interval(0.95))]
    assert 2 == len(widths)
    assert widths[0] < 0.5 * widths[1]


def test_a_slow_tail_shows_in_the_tail_alone() -> None:
    """p99 grows by half with p50 unchanged: the one interval excludes 0 and the other does not."""
    rng = np.random.default_rng(4)
    first, second = rng.lognormal(0, 0.4, 8000), rng.lognormal(0, 0.4, 8000)
    second[rng.random(8000) < 0.02] *= 3
    middle, tail = compare(first, second, 0.5, 0.99)
    assert tail.p_greater(0.0) < 0.001
    assert middle.p_greater(0.0) > 0.025


def test_p99_of_few_samples_is_refused_with_the_number_needed() -> None:
    """Five values beyond the quantile are no ground for an interval."""
    middle, tail = compare(*skewed_pair(5, 500), 0.5, 0.99)
    assert middle.interval(0.95) is not None
    assert isinstance(tail, Observed)
    assert 1000 == tail.needed
    assert "a 0.99 quantile needs at least 1000 good answers from each version, here 500" == tail.note


def test_few_blocks_are_refused() -> None:
    """Five blocks are five observations of the weather."""
    first, second = skewed_pair(6, 500)
    index = np.arange(500) // 100
    (effect,) = quantile_differences(first, second, index, index, (0.5,), rng=np.random.default_rng(1))
    assert effect.interval(0.95) is None
    assert effect.needed == 600


def test_failed_requests_may_be_missing_from_one_version() -> None:
    """The arms need not be equally long, and a block that only one version has is left out."""
    first, second = skewed_pair(7, 600)
    index = blocks(first)
    keep = (np.arange(600) % 7 != 0) & (index != 3)
    (effect,) = quantile_differences(first, second[keep], index, index[keep], (0.5,), rng=np.random.default_rng(1))
    assert keep.sum() == effect.samples
    assert float(np.quantile(first[index != 3], 0.5, method="hazen")) == pytest.approx(effect.baseline)


def test_no_answers_have_no_interval() -> None:
    """No data."""
    (effect,) = quantile_differences([], [], [], [], (0.5,), rng=np.random.default_rng(1))
    assert effect.interval(0.95) is None
    assert effect.samples == 0


def test_the_same_seed_gives_the_same_interval() -> None:
    """A report can be made again."""
    first, second = skewed_pair(8)
    assert compare(first, second, 0.9)[0].interval(0.95) == compare(first, second, 0.9)[0].interval(0.95)
