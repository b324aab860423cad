"""The promises, on a few releases; the benchmark of the judge does the same on thousands."""

import pytest
from scipy.stats import binom

from seatrial.judge.release import update
from seatrial.records.judgement import Decision, JudgePolicy
from tests.judge.release.makers import Traffic, learned

STRICT = JudgePolicy(warmup=0.0, tolerance=0.0, restart=120.0, history=300.0)
RELEASES = 25


def ever(traffic: Traffic, decision: Decision, *, windows: int) -> int:
    """In how many releases that decision was ever made."""
    count = 0
    for seed in range(RELEASES):
        state = learned(traffic, seed=seed, windows=40, policy=STRICT)
        count += any(update(state, window).decision is decision for window in traffic.windows(seed, windows))
    return count


@pytest.mark.slow
@pytest.mark.parametrize(
    "traffic",
    [
        Traffic(rate=200, errors=0.005, level=(1.0, 1.2, 1.5, 0.9)),
        Traffic(rate=200, errors=0.005, parts=True, session=4),
        Traffic(rate=200, errors=0.005, parts=True, noise=0.05),
    ],
    ids=["wandering level", "sessions", "noisy replicas"],
)
def test_harmless_canaries_are_hardly_ever_aborted(traffic: Traffic) -> None:
    """One in a hundred is promised, with no tolerance at all and a look every ten seconds."""
    assert ever(traffic, Decision.ABORT, windows=60) <= binom.ppf(0.999, RELEASES, 0.01)


@pytest.mark.slow
def test_a_canary_beyond_a_margin_is_hardly_ever_promoted() -> None:
    """One in twenty is promised; here it is a little more than 0.2 points of errors worse, and nothing else."""
    traffic = Traffic(rate=1500, errors=0.002, more_errors=0.0022)
    assert ever(traffic, Decision.PROMOTE, windows=60) <= binom.ppf(0.999, RELEASES, 0.05)
