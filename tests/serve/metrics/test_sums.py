"""Sums that do not depend on their order."""

import math
import random
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.metrics.slots import Block, Series
from seatrial.serve.metrics.sums import condense, exactly, total

NUMBERS = st.lists(st.floats(-1e30, 1e30), max_size=12)


def series(*values: float, kind: str = "k", born: float = 0.0) -> Series:
    """With one slot and two buckets."""
    return Series(block=Block(kind=kind, names=("sum",), edges=(1.0,), born=born), values=values)


@given(numbers=NUMBERS, order=st.randoms(use_true_random=False))
def test_the_total_is_the_same_in_any_order(numbers: list[float], order: random.Random) -> None:
    """The exact sum, rounded once."""
    expected = float(sum(map(Fraction, numbers)))
    order.shuffle(numbers)
    assert expected == total(numbers)


@given(numbers=NUMBERS)
def test_a_few_doubles_hold_the_exact_sum(numbers: list[float]) -> None:
    """Nothing is rounded away, and the first is the total."""
    parts = exactly(numbers)
    assert sum(map(Fraction, numbers)) == sum(map(Fraction, parts))
    assert [total(numbers)][: len(parts)] == parts[:1]


@given(
    numbers=st.lists(st.just(0.0) | st.floats(1e-7, 1e6), min_size=1, max_size=30),
    cuts=st.lists(st.integers(1, 29), max_size=4),
)
def test_folding_one_by_one_or_together_is_the_same(numbers: list[float], cuts: list[int]) -> None:
    """However many steps the past is made in, the total of all is the same double."""
    parts = [series(number, 1.0, 2.0) for number in numbers]
    past: tuple[Series, ...] = ()
    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), len(parts)], strict=True):
        past = condense([*past, *parts[low:high]])
    assert total(numbers) == total([one.named["sum"] for one in past])
    assert [len(numbers), 2 * len(numbers)] == [
        sum(column) for column in zip(*(one.buckets for one in past), strict=True)
    ]
    assert len(past) <= 3


def test_only_equal_series_are_added() -> None:
    """By kind, labels, names and edges; the newest date of birth stays."""
    past = condense([series(1, 1, 1), series(2, 1, 1, kind="other"), series(3, 1, 1, born=5.0)])
    assert [("k", 4.0, 5.0), ("other", 2.0, 0.0)] == [(one.block.kind, one.values[0], one.block.born) for one in past]


def test_what_is_too_large_for_a_double_does_no_harm() -> None:
    """Infinite, or not a number: shown as that, never an exception at a scrape."""
    assert math.inf == total([1e308, 1e308, 1.0])
    assert math.isnan(total([math.inf, -math.inf]))
    assert [math.inf] == exactly([math.inf, 1.0])
    assert [math.inf] == exactly([1e308, 1e308])
    assert math.isnan(exactly([math.nan])[0])
