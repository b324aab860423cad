"""Fixed bounds beside the statistics."""

import math
from typing import Literal

import pytest

from seatrial.judge.release import begin, update
from seatrial.records import UsageError
from seatrial.records.judgement import Decision, Judgement, Threshold
from seatrial.records.window import Arm, ArmWindow, Window
from tests.judge.release.makers import PLAIN, Traffic, at


def bound(
    metric: str, operator: Literal["<", "<=", ">", ">="], value: float, *, query: str = "", arm: Arm = Arm.CANARY
) -> Threshold:
    """A bound over one minute."""
    return Threshold(
        name=f"{metric} {operator} {value:g}",
        metric=metric,
        operator=operator,
        value=value,
        seconds=60.0,
        query=query,
        arm=arm,
    )


def after(
    threshold: Threshold, traffic: Traffic, windows: int = 12, values: dict[str, float | None] | None = None
) -> Judgement:
    """What is said after some windows."""
    state = begin(PLAIN, [threshold])
    return [update(state, window, values or {}) for window in traffic.windows(1, windows)][-1]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("latency_mean_ms", 125 * math.exp(0.45**2 / 2)),
        ("latency_p50_ms", 125.0),
        ("latency_p99_ms", 125 * math.exp(0.45 * 2.326)),
        ("error_rate", 0.02),
        ("success_rate", 0.98),
        ("requests_per_second", 10.0),
    ],
)
def test_figures_are_of_the_canarys_last_minute(metric: str, expected: float) -> None:
    """In the unit that people write: milliseconds, shares, requests a second."""
    judged = after(bound(metric, ">", -1.0), Traffic(errors=0.02, rate=500))
    assert pytest.approx(expected, rel=0.25) == judged.thresholds[0].value
    assert judged.thresholds[0].holds is True
    assert 400 < judged.thresholds[0].samples < 800


def test_a_bound_that_does_not_hold_aborts_even_in_warm_up_and_says_which() -> None:
    """Whatever stable does: it is as slow."""
    judged = after(bound("latency_mean_ms", "<", 100), Traffic())
    assert Decision.ABORT is judged.decision
    assert judged.why.startswith("latency_mean_ms < 100 does not hold: it is 1")


def test_a_bound_may_be_stables() -> None:
    """Its figure is then of stable's requests."""
    judged = after(bound("requests_per_second", "<", 100, arm=Arm.STABLE), Traffic())
    assert pytest.approx(40, rel=0.2) == judged.thresholds[0].value


def test_with_few_requests_a_bound_says_nothing() -> None:
    """Neither that it holds nor that it doesn't."""
    judged = after(bound("error_rate", "<", 0.001), Traffic(rate=20, errors=0.5))
    assert judged.thresholds[0].holds is None
    assert judged.decision is not Decision.ABORT or "failed" in judged.why


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_query_without_data_holds_promotion_and_aborts_nothing(value: float | None) -> None:
    """No number is not a good number, nor a bad one."""
    threshold = bound("seed", "<", 0.5, query="sum(x)")
    judged = after(threshold, Traffic(), values={threshold.name: value})
    assert (None, None) == (judged.thresholds[0].holds, judged.thresholds[0].value)
    assert Decision.CONTINUE is judged.decision


def test_a_querys_value_is_held_against_its_bound() -> None:
    """As it was given."""
    threshold = bound("seed", "<", 0.5, query="sum(x)")
    assert Decision.ABORT is after(threshold, Traffic(), values={threshold.name: 0.6}).decision
    assert after(threshold, Traffic(), values={threshold.name: 0.4}).thresholds[0].holds is True


def test_what_is_older_than_the_bounds_window_is_forgotten() -> None:
    """Ten minutes of errors, and then two without."""
    state = begin(PLAIN, [bound("error_rate", "<", 1)])
    failing, well = (ArmWindow(requests=100, errors={"5xx": errors} if errors else {}) for errors in (10, 0))
    found = [
        update(state, Window(start=at(number), weight=0.5, stable=well, canary=failing if number < 60 else well))
        for number in range(72)
    ]
    assert pytest.approx(0.1) == found[59].thresholds[0].value
    assert found[71].thresholds[0].value == 0.0


@pytest.mark.parametrize("metric", ["latency", "latency_p100_ms", "latency_p5x_ms", "cpu"])
def test_an_unknown_figure_is_refused_before_the_release(metric: str) -> None:
    """With the known ones."""
    with pytest.raises(UsageError, match="there is no figure") as caught:
        begin(PLAIN, [bound(metric, "<", 1)])
    assert "latency_mean_ms" in caught.value.remedy
