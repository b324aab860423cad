"""Effects and their confidence sequences, through whole judgements."""

import numpy as np
import pytest

from seatrial.records.judgement import Judgement, JudgePolicy, MetricJudgement
from tests.judge.release.makers import PLAIN, Traffic, judged

STILL = JudgePolicy(warmup=0.0, dispersion=1.0)


def metric(judgement: Judgement, name: str) -> MetricJudgement:
    """One metric of a judgement."""
    return next(each for each in judgement.metrics if each.name == name)


@pytest.mark.parametrize("slower", [0.8, 1.0, 1.1, 1.6])
def test_the_ratio_of_quantiles_is_found_whatever_both_arms_do(slower: float) -> None:
    """The level doubles and halves every ten seconds, and the tail is found as well as the median."""
    traffic = Traffic(slower=slower, level=(1.0, 2.0, 1.5))
    _, found = judged(traffic.windows(1, 90), STILL)
    for name in ("latency_p50", "latency_p90"):
        judgement = metric(found[-1], name)
        assert judgement.effect is not None
        assert judgement.effect.low <= slower - 1 <= judgement.effect.high
        assert judgement.estimate == pytest.approx(slower - 1, abs=0.06)
        assert judgement.relative
    figures = metric(found[-1], "latency_p50")
    assert figures.stable is not None
    assert figures.canary is not None
    assert pytest.approx(slower, rel=0.15) == figures.canary / figures.stable


def test_the_difference_of_error_rates_and_the_share_of_slower_pairs_are_found() -> None:
    """Each in its own unit."""
    _, found = judged(Traffic(errors=0.01, more_errors=0.02, slower=1.2).windows(2, 90), STILL)
    errors, ranks = metric(found[-1], "errors"), metric(found[-1], "latency")
    assert errors.effect is not None
    assert errors.effect.low <= 0.02 <= errors.effect.high
    assert errors.effect.low > 0
    assert ranks.effect is not None
    assert ranks.effect.low > 0.05
    assert ranks.canary == pytest.approx(0.5 + 0.114, abs=0.02)


@pytest.mark.slow
def test_confidence_sequences_cover_at_every_look() -> None:
    """Of 60 releases without any difference, at most as many as promised ever leave it out, at 60 looks each."""
    missed = dict.fromkeys(("errors", "latency", "latency_p50", "latency_p90", "latency_p99"), 0)
    for seed in range(60):
        _, found = judged(Traffic(rate=300, errors=0.01).windows(seed, 60), STILL)
        for name in missed:
            ends = [metric(each, name).effect for each in found]
            missed[name] += any(end is not None and not end.low <= 0 <= end.high for end in ends)
    assert max(missed.values()) <= 8


def test_an_effect_is_not_bounded_by_a_few_requests() -> None:
    """Rather no interval than a wrong one."""
    _, found = judged(Traffic(rate=100).windows(3, 1))
    assert metric(found[-1], "latency_p99").effect is None
    assert np.isfinite(metric(found[-1], "errors").dispersion)


def test_more_requests_make_the_interval_narrower_and_the_rest_of_the_way_shorter() -> None:
    """What is still needed is said in requests of the canary."""
    _, found = judged(Traffic().windows(4, 120), PLAIN)
    early, late = (metric(found[place], "latency_p90") for place in (11, 119))
    assert early.effect is not None
    assert late.effect is not None
    assert late.effect.high - late.effect.low < early.effect.high - early.effect.low
    needed = [judgement.more for judgement in (found[5], found[20])]
    assert None not in needed
    assert needed[0] > needed[1] > 0  # type: ignore[operator]
