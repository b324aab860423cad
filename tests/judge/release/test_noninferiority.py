"""The side that promotes."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from seatrial.judge.release.blocks import Levels, Tally
from seatrial.judge.release.noninferiority import ErrorRate, Safe
from seatrial.judge.release.scale import Scale
from tests.judge.release.makers import spectrum

ONES = np.ones(3)
MARGINS = (0.05, 0.1, 0.1)


def errors(own: int, other: int) -> Tally:
    """A block of 100 and 400 requests in which only errors are counted."""
    empty = np.zeros((2, 1))
    return Tally(
        start=0.0,
        weight=0.2,
        requests=(400, 100),
        failed=(other, own),
        answered=(0, 0),
        latency=empty,
        reached=empty,
        levels=None,
    )


def latencies(rng: np.random.Generator, slower: float, levels: Levels) -> Tally:
    """A block of 100 and 400 latencies."""
    counts = np.zeros((2, 1600))
    for arm, size, factor in ((0, 400, 1.0), (1, 100, slower)):
        for place, count in spectrum(factor * 0.125 * np.exp(0.45 * rng.standard_normal(size))).items():
            counts[arm, place] = count
    return Tally(
        start=0.0,
        weight=0.2,
        requests=(400, 100),
        failed=(0, 0),
        answered=(400, 100),
        latency=counts,
        reached=counts.cumsum(axis=1),
        levels=levels,
    )


def past(rng: np.random.Generator) -> Levels:
    """Thresholds from 24,000 requests."""
    counts = np.zeros(1600)
    for place, count in spectrum(0.125 * np.exp(0.45 * rng.standard_normal(24_000))).items():
        counts[place] = count
    levels = Levels.of(counts, Scale(), MARGINS, 0.0)
    assert levels is not None
    return levels


def test_no_errors_at_all_show_that_there_are_few() -> None:
    """After some thousand requests without one, a rate of 0.2 % is out of the question."""
    safe, rate = Safe.empty(), ErrorRate()
    blocks = 0
    while safe.error_evidence(1.0) < math.log(20):
        safe.add(errors(0, 0), rate, 0.002)
        blocks += 1
    assert 10 < blocks < 100
    assert safe.latency_evidence(ONES).tolist() == [0.0, 0.0, 0.0]


def test_a_canary_at_the_margin_of_errors_is_shown_safe_no_more_often_than_promised() -> None:
    """300 releases of 300 blocks, with 0.2 points more errors than stable's 0.1 %."""
    rng = np.random.default_rng(5)
    through = 0
    for _ in range(300):
        safe, rate = Safe.empty(), ErrorRate(failed=40.0, requests=40_000.0)
        own, other = rng.binomial(100, 0.003, 300), rng.binomial(400, 0.001, 300)
        for pair in zip(own.tolist(), other.tolist(), strict=True):
            safe.add(errors(*pair), rate, 0.002)
            rate.add(pair[1], 400)
            if safe.error_evidence(1.0) >= math.log(20):
                through += 1
                break
    assert through <= binom.ppf(0.999, 300, 0.05)


@pytest.mark.parametrize(("slower", "safe_side"), [(1.0, True), (1.1, False)])
def test_latency_settles_for_a_canary_like_stable_and_never_for_one_beyond_the_margins(
    slower: float, *, safe_side: bool
) -> None:
    """All three quantiles, within an hour."""
    rng = np.random.default_rng(8)
    safe, rate, levels = Safe.empty(), ErrorRate(), past(rng)
    for _ in range(360):
        safe.add(latencies(rng, slower, levels), rate, None)
    reached = safe.latency_evidence(ONES) >= math.log(20)
    assert [safe_side] * 3 == reached.tolist()
    assert (safe.latency_evidence(4 * ONES) < math.log(20)).any() or safe_side
    assert safe.error_evidence(1.0) == 0.0
