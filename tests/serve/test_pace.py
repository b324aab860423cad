"""What is known of the model's speed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.pace import QUICK_SECONDS, Pace


def test_nothing_known_is_quick() -> None:
    """A model that nobody measured gets the chance to be quick."""
    assert Pace().quick(256)
    assert 0.0 == Pace().of(256)


def test_measured_before() -> None:
    """What one row took when the model was loaded holds for every size until it is measured."""
    pace = Pace(0.5)
    assert [0.5, 0.5] == [pace.of(1), pace.of(256)]
    assert not pace.quick(256)


def test_each_size_is_learnt() -> None:
    """Small batches stay quick where large ones are slow, and sizes between take what the next smaller takes."""
    pace = Pace(0.001)
    pace.learn(64, 0.3)
    assert (True, True, False, False) == (pace.quick(1), pace.quick(32), pace.quick(64), pace.quick(256))
    assert pytest.approx(0.064) == pace.of(64)


def test_old_news_is_forgotten() -> None:
    """A size that was slow for a while is quick again soon after it is."""
    pace = Pace(0.001)
    pace.learn(1, 5.0)
    assert not pace.quick(1)
    for _ in range(15):
        pace.learn(1, 0.001)
    assert pace.quick(1)


def test_size_that_is_avoided_is_not_avoided_for_ever() -> None:
    """A large size costs at most in proportion to a small one, so that one bad moment doesn't shut it out."""
    pace = Pace(0.001)
    pace.learn(256, 60.0)
    pace.learn(128, 0.002)
    assert pytest.approx(0.004) == pace.of(256)


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(1e-6, 100.0)), max_size=50), st.integers(1, 100_000))
def test_estimates_are_within_what_was_seen(seen: list[tuple[int, float]], rows: int) -> None:
    """Whatever was measured, an estimate is neither negative nor above the slowest call."""
    pace = Pace()
    for count, seconds in seen:
        pace.learn(count, seconds)
    assert 0.0 <= pace.of(rows) <= max((seconds for _, seconds in seen), default=0.0)
    assert pace.of(rows) > QUICK_SECONDS or pace.quick(rows)
