"""The side that aborts."""

import math

import numpy as np
import pytest
from scipy.stats import nchypergeom_fisher

from seatrial.judge.release.blocks import Tally
from seatrial.judge.release.counts import TILTS, log_normalisers
from seatrial.judge.release.harm import Harm

ALL = np.arange(4)
ONES = np.ones(4)
NO_LABELS = np.zeros((0, 2))


def tally(own: int, other: int, *, canary: int = 100, stable: int = 400) -> Tally:
    """A block in which only errors are counted."""
    return Tally(
        start=0.0,
        weight=0.2,
        requests=(stable, canary),
        failed=(other, own),
        answered=(0, 0),
        latency=np.zeros((2, 1)),
        reached=np.zeros((2, 1)),
        levels=None,
    )


def evidence(harm: Harm, kept: np.ndarray = ALL, dispersion: np.ndarray = ONES) -> float:
    """The combined log e-value."""
    return harm.evidence(dispersion, NO_LABELS, np.zeros(0), kept)[0]


def test_one_start_weighs_half_and_the_four_metrics_are_averaged() -> None:
    """What has not begun yet, or has no data, is at one."""
    harm = Harm.empty(0)
    harm.restart()
    harm.add(tally(5, 1), 0)
    ratio = float(np.mean(np.exp(5 * TILTS - log_normalisers(100, 400, 6, TILTS))))
    assert pytest.approx(math.log(0.5 + 0.5 * (ratio + 3) / 4)) == evidence(harm)
    assert pytest.approx(math.log(0.5 + 0.5 * ratio)) == evidence(harm, np.array([0]))


def test_nothing_asked_for_says_nothing() -> None:
    """All metrics may be off."""
    harm = Harm.empty(0)
    harm.restart()
    assert evidence(harm, np.zeros(0, dtype=np.int64)) == 0.0


def test_dispersion_takes_evidence_away() -> None:
    """As many times as large a variance makes the logarithm as many times as small."""
    harm = Harm.empty(0)
    harm.restart()
    for _ in range(10):
        harm.add(tally(3, 1), 0)
    assert evidence(harm, dispersion=np.full(4, 4.0)) < evidence(harm) / 2


def test_harm_that_begins_late_is_found_from_the_restarts() -> None:
    """The good hours before would have to be made up for."""
    once, again = Harm.empty(0), Harm.empty(0)
    once.restart()
    for block in range(700):
        if block % 60 == 0:
            again.restart()
        for harm in (once, again):
            harm.add(tally(0, 2) if block < 660 else tally(2, 2), 0)
    assert evidence(once) < 0 < math.log(100) < evidence(again)


def test_starts_are_thinned_out_and_the_newest_kept() -> None:
    """Memory stays bounded; the first start and those of the last two hours stay."""
    harm = Harm.empty(0)
    for _ in range(1000):
        harm.restart()
    orders = harm.orders.tolist()
    assert len(orders) == 36
    assert orders[0] == 0
    assert list(range(988, 1000)) == orders[-12:]
    assert np.diff(orders).max() < 150
    assert evidence(harm) < 1e-12


@pytest.mark.parametrize("odds", [1.0, 0.5])
def test_without_harm_the_evidence_is_one_on_average_after_two_blocks(odds: float) -> None:
    """Every outcome of two blocks and a restart between them is enumerated."""
    mean = 0.0
    chances = nchypergeom_fisher.pmf(np.arange(4), 8, 4, 3, odds)
    for first in range(4):
        for second in range(4):
            harm = Harm.empty(0)
            for own in (first, second):
                harm.restart()
                harm.add(tally(own, 3 - own, canary=4, stable=4), 0)
            mean += chances[first] * chances[second] * math.exp(evidence(harm))
    assert mean <= 1 + 1e-9
    assert odds < 1 or mean == pytest.approx(1.0)
