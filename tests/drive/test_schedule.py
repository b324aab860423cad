"""Cutting requests into blocks, spacing them, and shuffling turns: the invariants."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Driving, RequestsSpec
from seatrial.trial.drive.schedule import arrivals, block_count, cut_blocks, deployment_rng, order_rng, turn_order

RATES = st.floats(0.1, 5000.0)
SECONDS = st.none() | st.floats(0.001, 100.0)


def spec(rate: float, block: float | None, kind: Driving = Driving.UNIFORM) -> RequestsSpec:
    """A specification of which only the schedule matters."""
    return RequestsSpec(file="", rate=rate, block=block, arrivals=kind)


@given(count=st.integers(0, 3000), rate=RATES, block=SECONDS, kind=st.sampled_from(Driving))
def test_every_request_is_in_one_block_in_order(count: int, rate: float, block: float | None, kind: Driving) -> None:
    """Cutting loses, repeats and reorders nothing; sizes differ by at most one; offsets go up."""
    rows = [row * 7 % 5 for row in range(count)]
    blocks = cut_blocks(rows, spec(rate, block, kind), np.random.default_rng(0))
    assert rows == [row for cut in blocks for row in cut.rows]
    assert list(range(len(blocks))) == [cut.index for cut in blocks]
    sizes = {len(cut.rows) for cut in blocks}
    assert not sizes or max(sizes) - min(sizes) <= 1 <= min(sizes)
    for cut in blocks:
        assert len(cut.rows) == len(cut.offsets)
        assert all(before <= after for before, after in itertools.pairwise(cut.offsets))
        assert cut.offsets[-1] <= cut.seconds


@given(count=st.integers(5, 100_000), rate=RATES)
def test_blocks_are_picked_small_but_not_tiny(count: int, rate: float) -> None:
    """At least 5 requests a block; then 40 blocks or more, of 2 s at most."""
    blocks = block_count(count, rate, None)
    assert count // blocks >= 5
    assert blocks == count // 5 or (blocks >= 40 and count / blocks / rate <= 2.0 + 1e-9)


@given(count=st.integers(1, 100_000), rate=RATES, seconds=st.floats(0.001, 100.0))
def test_blocks_are_as_short_as_asked(count: int, rate: float, seconds: float) -> None:
    """A block lasts no longer than `block`, but holds at least one request."""
    blocks = block_count(count, rate, seconds)
    assert 1 <= blocks <= count
    assert blocks == count or count / blocks <= max(1.0, seconds * rate) * (1 + 1e-9)


def test_poisson_arrivals_keep_the_rate() -> None:
    """The mean gap is one over the rate (within 5 standard errors), and gaps vary as those of a Poisson process."""
    gaps = np.diff([0.0, *arrivals(10_000, 50.0, Driving.POISSON, np.random.default_rng(1))])
    assert gaps.mean() == pytest.approx(0.02, rel=0.05)
    assert gaps.std() == pytest.approx(0.02, rel=0.1)


@given(
    cells=st.dictionaries(
        st.text(min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=4, unique=True), max_size=5
    ),
    seed=st.integers(0, 2**63),
)
def test_a_round_has_every_cell_once(cells: dict[str, list[str]], seed: int) -> None:
    """Turns are a permutation of the deployments and, within each, of its cells; the seed fixes it."""
    order = turn_order(cells, order_rng(seed))
    assert {name: sorted(group) for name, group in cells.items()} == {name: sorted(group) for name, group in order}
    assert len(cells) == len(order)
    assert order == turn_order(dict(reversed(cells.items())), order_rng(seed))


def test_arrivals_of_a_deployment_do_not_depend_on_the_others() -> None:
    """Each deployment draws from a generator of its own, so `--only` changes nothing for it."""
    one, other = (deployment_rng(3, name).random() for name in ("a", "b"))
    assert one == deployment_rng(3, "a").random()
    assert one != other
