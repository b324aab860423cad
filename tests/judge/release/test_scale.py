"""Bins and buckets."""

import numpy as np
import pytest

from seatrial.judge.release.blocks import Levels
from seatrial.judge.release.scale import Scale
from seatrial.records.window import bin_edge

MARGINS = (0.05, 0.1, 0.1)
EDGES = (0.1, 0.11, 0.2, 0.4, 0.8)


def test_standard_bins_are_those_of_the_records() -> None:
    """Upper edges, and margins in whole bins: ten to ten per cent."""
    scale = Scale()
    assert pytest.approx([bin_edge(place) for place in (0, 700, 1599)]) == [
        scale.seconds(place) for place in (0, 700, 1599)
    ]
    assert (705, 710) == (scale.beyond(700, 0.05), scale.beyond(700, 0.1))
    assert scale.tolerated_bins(0.03) == 3
    assert pytest.approx(1.1) == scale.ratio(700, 10)


def test_margins_move_to_the_nearest_edge_and_at_least_to_the_next() -> None:
    """A margin of nothing could never be shown."""
    scale = Scale(EDGES)
    assert [1, 2, 4] == [scale.beyond(place, 0.1) for place in (0, 1, 3)]
    assert 2 == scale.beyond(0, 0.8)
    assert pytest.approx([1.1, 2.0]) == [scale.ratio(0, 1), scale.ratio(2, 1)]


def test_quantiles_are_held_at_the_edge_that_is_nearest() -> None:
    """An edge above which there are 12 % serves p90 better than one above which there are 3 %."""
    scale = Scale(EDGES)
    reached = np.array([40.0, 52.0, 88.0, 97.0, 98.8, 100.0])
    assert [1, 2, 4] == scale.quantiles(reached, np.array([0.5, 0.9, 0.99]))


def test_a_tolerance_is_translated_into_shares_where_buckets_are_wide() -> None:
    """Stable's own past, slower by the tolerance, says how many more requests above an edge are tolerated."""
    past = np.array([0.0, 500.0, 400.0, 90.0, 9.0, 1.0])
    levels = Levels.of(past, Scale(EDGES), MARGINS, 0.03)
    assert levels is not None
    assert min(levels.lenient) > 0
    assert levels.drift > 0
    strict = Levels.of(past, Scale(EDGES), MARGINS, 0.0)
    assert strict is not None
    assert [0.0, 0.0] == strict.lenient
    assert strict.drift == 0


def test_too_little_of_stables_past_gives_no_thresholds() -> None:
    """Latency is then not judged, rather than by a threshold that means nothing."""
    assert Levels.of(np.full(10, 1.0), Scale(), MARGINS, 0.0) is None
