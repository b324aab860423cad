"""The split."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from seatrial.judge.release.split import SHIFTS, Split


def test_evidence_is_the_mixture_of_likelihood_ratios_whatever_the_weights_were() -> None:
    """Each window counts by the share that was asked for in it."""
    split = Split.empty()
    split.add(0.1, 15, 85, 0.05)
    split.add(0.5, 60, 40, 0.05)
    ratios = []
    for shift in SHIFTS:
        ratio = 1.0
        for weight, own in ((0.1, 15), (0.5, 60)):
            share = 1 / (1 + math.exp(-math.log(weight / (1 - weight)) - shift))
            ratio *= binom.pmf(own, 100, share) / binom.pmf(own, 100, weight)
        ratios.append(ratio)
    assert pytest.approx(math.log(np.mean(ratios))) == split.evidence()
    assert (200, 75, 60.0) == (split.units, split.canary, split.expected)


def test_the_right_split_has_evidence_of_one_on_average() -> None:
    """Over every outcome of two windows of different weight."""
    mean = 0.0
    for first in range(6):
        for second in range(6):
            split = Split.empty()
            split.add(0.2, first, 5 - first, 0.05)
            split.add(0.6, second, 5 - second, 0.05)
            mean += binom.pmf(first, 5, 0.2) * binom.pmf(second, 5, 0.6) * math.exp(split.evidence())
    assert pytest.approx(1.0) == mean


@pytest.mark.parametrize("off", [0.95, 1.05])
def test_a_split_at_the_margin_is_shown_to_be_within_it_no_more_often_than_promised(off: float) -> None:
    """Of 400 routers that are exactly as far off as is allowed, at most one in twenty gets through in 200 looks."""
    rng = np.random.default_rng(3)
    through = 0
    for _ in range(400):
        split = Split.empty()
        for own in rng.binomial(500, 0.2 * off, 200):
            split.add(0.2, int(own), 500 - int(own), 0.05)
            if split.within.min() >= math.log(20):
                through += 1
                break
    assert through <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_a_split_that_is_right_is_shown_to_be() -> None:
    """Within some thousand users."""
    split = Split.empty()
    for _ in range(50):
        split.add(0.2, 100, 400, 0.05)
    assert split.within.min() >= math.log(20)
    assert split.evidence() < 0


def test_all_or_nothing_tells_nothing_of_the_split() -> None:
    """At weights of 0 and 1 there is no choice to be made."""
    split = Split.empty()
    split.add(0.0, 0, 100, 0.05)
    split.add(1.0, 100, 0, 0.05)
    assert (0, 0.0) == (split.units, split.evidence())
