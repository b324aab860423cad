"""Variance factors."""

import numpy as np
import pytest

from seatrial.judge.release.dispersion import Dispersion
from seatrial.judge.release.intake import take_in
from seatrial.judge.release.scale import Scale
from tests.judge.release.makers import Traffic

LEVELS = [748, 809, 858]  # 125, 222 and 355 ms


def estimated(traffic: Traffic, *, windows: int = 360) -> np.ndarray:
    """The factors after an hour of stable."""
    found = Dispersion()
    for window in traffic.windows(4, windows, weight=0.0):
        seen = take_in(window, Scale())
        found.add(seen.start, LEVELS, seen.replicas, seen.groups)
    found.renew(1e12)
    return found.factors


def test_independent_requests_have_a_factor_of_about_one() -> None:
    """Chance alone moves it a little above."""
    assert (estimated(Traffic(parts=True)) < 1.35).all()


def test_sessions_of_four_requests_have_a_factor_of_about_four_in_latency() -> None:
    """They share their latency, and not their errors."""
    factors = estimated(Traffic(parts=True, session=4))
    assert pytest.approx([4.0, 4.0], rel=0.35) == factors[1:3].tolist()
    assert factors[0] < 1.4


def test_noisy_replicas_raise_it() -> None:
    """Even though each of their requests is independent of the others, given the replica."""
    quiet, noisy = (estimated(Traffic(parts=True, noise=noise))[1] for noise in (0.0, 0.05))
    assert noisy > quiet + 1


def test_noise_weighs_more_for_an_arm_with_few_replicas_for_its_traffic() -> None:
    """A fifth of the requests on one of nine replicas: 1.8 times as much as if they were spread evenly."""
    spread, lonely = Dispersion(), Dispersion()
    for window in Traffic(parts=True, noise=0.05).windows(4, 100, weight=0.0):
        seen = take_in(window, Scale())
        for found in (spread, lonely):
            found.add(seen.start, LEVELS, seen.replicas, None)
    spread.weigh(100, 400, 2, 8)
    lonely.weigh(100, 400, 1, 8)
    for found in (spread, lonely):
        found.renew(1e12)
    assert pytest.approx(1.8 * (spread.factors - 1)) == lonely.factors - 1


def test_replicas_may_come_and_go() -> None:
    """Each is compared with the others of its time."""
    found = Dispersion()
    windows = [
        *Traffic(parts=True, replicas=2).windows(1, 50, weight=0.0),
        *Traffic(parts=True, replicas=5).windows(1, 50, first=50, weight=0.0),
    ]
    for window in windows:
        seen = take_in(window, Scale())
        found.add(seen.start, LEVELS, seen.replicas, seen.groups)
    found.renew(1e12)
    assert (found.factors < 2).all()


def test_without_parts_the_factor_is_one_and_not_known() -> None:
    """The judgement says so."""
    found = Dispersion()
    found.add(0.0, LEVELS, None, None)
    found.renew(1e12)
    assert found.factors.tolist() == [1.0] * 4
    assert not found.known
