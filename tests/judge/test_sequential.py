"""Looking early without being wrong more often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.judge import LookSchedule, mean_difference
from seatrial.records import UsageError


@given(
    budget=st.integers(1, 100_000),
    first=st.integers(1, 50),
    ratio=st.floats(1.1, 4),
    confidence=st.floats(0.5, 0.999),
)
def test_the_errors_of_all_looks_add_up_to_that_of_the_trial(
    budget: int, first: int, ratio: float, confidence: float
) -> None:
    """The union bound: no more is spent than was given, and all of it by the end."""
    schedule = LookSchedule.geometric(budget, confidence=confidence, first=first, ratio=ratio)
    spent = sum(1 - schedule.confidence_at(look) for look in schedule.looks)
    assert pytest.approx(1 - confidence) == spent
    assert budget == schedule.looks[-1]
    assert sorted(set(schedule.looks)) == list(schedule.looks)


def test_looks_are_few_and_geometric() -> None:
    """A thousand blocks are looked at a dozen times, not a thousand."""
    schedule = LookSchedule.geometric(1000)
    assert (10, 16, 25, 38, 58, 87, 131, 197, 296, 444, 666, 1000) == schedule.looks
    assert schedule.is_look(444)
    assert not schedule.is_look(445)


def test_a_small_budget_has_one_look_at_the_full_confidence() -> None:
    """Nothing is lost where there is nothing to gain."""
    schedule = LookSchedule.geometric(8)
    assert (8,) == schedule.looks
    assert pytest.approx(0.95) == schedule.confidence_at(8)


def test_a_budget_without_a_block_is_refused() -> None:
    """With the keys that mend it."""
    with pytest.raises(UsageError, match="holds no block"):
        LookSchedule.geometric(0)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["fail", "pass"])
def test_stopping_at_the_first_verdict_keeps_the_promise(answer: str) -> None:
    """A candidate exactly at its margin, looked at ten times: each wrong answer at most 2.5 % (of 2,000 trials)."""
    schedule, margin, block, trials = LookSchedule.geometric(600), 0.3, 5, 2_000
    rng = np.random.default_rng(11)
    wrong = naive = 0
    for _ in range(trials):
        baseline = rng.exponential(size=schedule.budget * block)
        candidate = baseline + 3 * margin * (rng.random(baseline.size) < 1 / 3) + rng.normal(size=baseline.size)
        chances = {}
        for look in schedule.looks:
            effect = mean_difference(baseline[: look * block], candidate[: look * block])
            chances[look] = effect.p_greater(margin) if answer == "fail" else effect.p_less(margin)
        wrong += any(chance <= (1 - schedule.confidence_at(look)) / 2 for look, chance in chances.items())
        naive += min(chances.values()) <= 0.025
    assert wrong / trials <= 0.025
    assert naive / trials > 0.06
