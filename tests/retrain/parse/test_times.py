"""Moments that people write, many at once."""

import pytest

from seatrial.retrain.parse.times import quick_moments


@pytest.mark.parametrize(
    "wrong", ["0000-00-00T00:00:00", "2025-02-29T00:00:00", "2025-01-01T24:00:00", "2025-13-01T00:00:00"]
)
def test_many_moments_with_one_that_there_is_not_are_read_but_for_that_one(wrong: str) -> None:
    """Numpy ends the process where it finds such a one among more than five hundred: it never gets to see it."""
    moments, right = quick_moments([*["2024-02-29T23:59:59"] * 2_000, wrong], "iso")
    assert [1_709_251_199_000_000] * 2_000 == moments[:-1].tolist()
    assert [True] * 2_000 + [False] == right.tolist()
