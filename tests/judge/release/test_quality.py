"""Model metrics from late labels."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.judge.release.quality import Quality, factor_of, rows_of
from seatrial.records import UsageError
from seatrial.records.judgement import QualityPolicy
from seatrial.records.window import Labels, Sums
from tests.judge.release.makers import START, sums

NO_CHANGES = np.zeros(0)
FACTOR = factor_of(QualityPolicy(name="rmse", margin=0.03, root=True))


def row(minute: float, stable: Sums, canary: Sums) -> np.ndarray:
    """Labels of requests served in one minute."""
    told = Labels(served=START + timedelta(minutes=minute), metric="rmse", stable=stable, canary=canary)
    return rows_of([told], "rmse")


def fed(rng: np.random.Generator, minutes: int, *, worse: float = 1.0, level: tuple[float, ...] = (1.0,)) -> Quality:
    """So many minutes of 480 and 120 labels each; the level is of both arms."""
    quality = Quality.empty()
    for minute in range(minutes):
        factor = level[minute % len(level)]
        stable, canary = (factor * rng.standard_normal(size) ** 2 for size in (480, 120))
        quality.add(row(minute, sums(stable), sums(worse * canary)))
        if quality.compare(NO_CHANGES) is not None:
            quality.settle_rho(FACTOR, quality.spreads(20)[1])
    return quality


def test_a_margin_of_rmse_is_meant_of_the_root() -> None:
    """The mean of the squares may be larger by more."""
    assert pytest.approx(1.0609) == FACTOR
    assert pytest.approx(1.03) == factor_of(QualityPolicy(name="mae", margin=0.03))


def test_a_model_like_the_old_one_is_shown_to_be_and_a_worse_one_is_not() -> None:
    """Within two hours, at 20 % of the traffic."""
    good, bad = fed(np.random.default_rng(1), 120), fed(np.random.default_rng(1), 120, worse=1.08)
    assert good.safe_evidence(FACTOR, good.spreads(20), 1.0) > math.log(20)
    assert bad.safe_evidence(FACTOR, bad.spreads(20), 1.0) < 0
    assert good.safe_evidence(FACTOR, good.spreads(20), 4.0) < good.safe_evidence(FACTOR, good.spreads(20), 1.0)


def test_the_ratio_lies_in_its_interval() -> None:
    """Canary's mean loss over stable's."""
    worse = fed(np.random.default_rng(2), 200, worse=1.1)
    ratio = worse.ratio(worse.spreads(20), 1.0, 0.05)
    assert ratio is not None
    value, low, high = ratio
    assert low < 1.1 < high
    assert pytest.approx(1.1, rel=0.05) == value
    assert low > 1.0


def test_what_is_hard_for_both_does_not_count() -> None:
    """Cohorts of hours with quite different losses are compared each by itself."""
    easy = fed(np.random.default_rng(3), 100)
    mixed = fed(np.random.default_rng(3), 100, level=(1.0, 25.0))
    # Each cohort's difference has its own scale; pooled, the canary's share of hard hours would decide.
    assert abs(mixed.sums[0] / mixed.sums[1] - 1) < 0.1
    assert abs(easy.sums[0] / easy.sums[1] - 1) < 0.05


def test_cohorts_with_labels_of_one_arm_wait() -> None:
    """They are no evidence of anything, however long."""
    quality = Quality.empty()
    for minute in range(10):
        quality.add(row(minute, sums(np.ones(50)), Sums()))
        assert quality.compare(NO_CHANGES) is None
    assert len(quality.waiting) == 10
    assert quality.spreads(20) == pytest.approx((math.nan, math.nan), nan_ok=True)


def test_few_labels_are_joined_with_those_of_the_minutes_around() -> None:
    """Until both arms have some; nothing is lost."""
    rng = np.random.default_rng(4)
    quality = Quality.empty()
    for minute in range(40):
        quality.add(row(minute, sums(rng.random(3)), sums(rng.random(1))))
    gained = quality.compare(NO_CHANGES)
    assert gained is not None
    assert [120.0, 40.0] == quality.moments[:, 0].tolist()
    assert len(quality.waiting) == 0
    even = 120 * 40 / 160
    assert even * 0.9 < quality.sums[2] * 40 / even <= even * 1.0001


def test_strata_do_not_reach_over_a_change_of_the_weight() -> None:
    """Before it the canary had another share, and the hour may have been harder."""
    quality = Quality.empty()
    quality.add(row(0, sums(np.ones(100)), Sums()))
    quality.add(row(1, Sums(), sums(np.ones(100))))
    change = np.array([(START + timedelta(seconds=30)).timestamp()])
    assert quality.compare(change) is None
    assert quality.compare(NO_CHANGES) is not None


def test_losses_that_are_all_equal_say_nothing() -> None:
    """There is no spread to judge a difference by."""
    quality = Quality.empty()
    quality.add(row(0, sums(np.zeros(100)), sums(np.zeros(100))))
    quality.compare(NO_CHANGES)
    assert math.isnan(quality.spreads(20)[0])
    assert quality.safe_evidence(FACTOR, quality.spreads(20), 1.0) == 0.0


@given(st.permutations(range(12)))
def test_the_order_in_which_labels_of_a_minute_come_in_does_not_matter(order: list[int]) -> None:
    """They are compared by when their requests were answered."""
    rng = np.random.default_rng(6)
    rows = [row(minute, sums(np.round(rng.random(10), 3)), sums(np.round(rng.random(4), 3))) for minute in range(12)]
    straight, mixed = Quality.empty(), Quality.empty()
    for place in range(12):
        straight.add(rows[place])
        mixed.add(rows[order[place]])
    straight.compare(NO_CHANGES)
    mixed.compare(NO_CHANGES)
    assert straight.sums.tolist() == mixed.sums.tolist()


@pytest.mark.parametrize("bad", [Sums(count=-1), Sums(count=2, total=math.nan), Sums(count=2, squares=-1.0)])
def test_sums_that_cannot_be_are_refused(bad: Sums) -> None:
    """With the name of the metric."""
    with pytest.raises(UsageError, match="rmse"):
        row(0, Sums(), bad)
