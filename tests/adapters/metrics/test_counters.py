"""The growth of counters within windows: it adds up, whatever happens between."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.metrics.counters import Track, growth
from seatrial.adapters.metrics.edges import added, common_edges, counts
from seatrial.adapters.metrics.grid import moment, moments

INF = float("inf")


def _one(track: Track, edges: list[float], *, from_zero: bool = False) -> list[float]:
    return growth({"x": track}, edges, from_zero=from_zero)["x"]


def test_a_sample_at_an_edge_belongs_to_the_window_that_ends_there() -> None:
    """Windows hold what was counted after their begin, up to their end."""
    track = Track(base=10, samples=[(0, 10), (5, 12), (10, 15), (11, 16), (20, 20)])

    assert [5, 5] == _one(track, [0, 10, 20])


def test_a_counter_that_falls_has_counted_from_zero() -> None:
    """A restart loses what came after the last sample, and nothing else."""
    track = Track(base=100, samples=[(4, 110), (8, 3), (12, 7)])

    assert [13, 4] == _one(track, [0, 10, 20])


def test_a_histogram_falls_as_a_whole() -> None:
    """A bucket that is higher after a restart than before it was reset with the others."""
    tracks = {"0.1": Track(base=2, samples=[(5, 3)]), "inf": Track(base=50, samples=[(5, 4)])}

    assert {"0.1": [3], "inf": [4]} == growth(tracks, [0, 10], from_zero=False)


def test_a_new_series_counts_from_zero_only_where_that_is_known() -> None:
    """The first error of a kind makes a new series; a server that nobody knew may have counted for days."""
    track = Track(samples=[(5, 7), (8, 9)])

    assert [9] == _one(track, [0, 10], from_zero=True)
    assert [2] == _one(track, [0, 10], from_zero=False)


def test_what_is_no_number_is_passed_over() -> None:
    """A NaN between two samples changes nothing."""
    assert [3] == _one(Track(base=1, samples=[(2, float("nan")), (4, 4)]), [0, 10])


@given(
    steps=st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=40),
    cuts=st.sets(st.integers(1, 40), max_size=8),
)
def test_windows_add_up_however_they_are_cut(steps: list[tuple[int, bool]], cuts: set[int]) -> None:
    """The sum over the windows is what was counted, with restarts that a scrape can see."""
    value, counted, samples = 0, 0, []
    for second, (step, restarts) in enumerate(steps, start=1):
        if restarts and step < value:
            value = 0
        value += step
        counted += step
        samples.append((float(second), float(value)))
    track = Track(base=0, samples=samples)

    whole = _one(track, [0.0, 41.0])
    cut = _one(track, [0.0, *map(float, sorted(cuts)), 41.0])

    assert counted == sum(whole)
    assert counted == sum(cut)


def test_histograms_meet_at_the_edges_that_they_share() -> None:
    """Cumulated counts are exact there; the last bucket holds what lies above."""
    one, other = {0.1: 5.0, 0.5: 8.0, INF: 10.0}, {0.1: 1.0, 0.25: 2.0, 0.5: 2.0, INF: 2.0}
    edges = common_edges([one, other])

    assert (0.1, 0.5) == edges
    assert {0: 6, 1: 4, 2: 2} == counts(added([one, other]), edges)
    assert () == common_edges([])


def test_windows_begin_at_multiples_of_their_length() -> None:
    """Since 1970, whatever is asked for, and only whole ones."""
    assert [10, 20, 30] == moments(moment(1), moment(39.9), 10)
    assert [] == moments(moment(1), moment(19.9), 10)
    assert [] == moments(moment(5), moment(3), 10)
    assert [1_700_000_000.1, 1_700_000_000.2] == [
        round(one, 6) for one in moments(moment(1_700_000_000.1), moment(1_700_000_000.2), 0.1)
    ]
