"""How many rows came per hour, and what is usual."""

from datetime import timedelta
from pathlib import Path

import pytest

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, DataFinding, DatasetVersion, Segment, Verdict
from seatrial.retrain.check import Earlier, before_versions
from seatrial.retrain.check.volume import judge_volume
from tests.retrain.check.batches import BEGAN, FIRST, checked, finding, ratings

SPEC = DataCheckSpec(time="time", volume=3.0)


@pytest.mark.parametrize(
    ("expected", "usual"),
    [
        (Verdict.PASS, (350.0, 300.0, 400.0)),
        (Verdict.PASS, (900.0, 130.0, 1000.0)),
        (Verdict.FAIL, (10.0, 20.0, 4000.0)),
        (Verdict.FAIL, (4000.0, 5000.0, 6000.0)),
        (None, (10.0, 20.0)),
        (None, ()),
    ],
)
def test_volume_is_held_against_the_median_of_three_versions_or_more(
    tmp_path: Path, expected: Verdict | None, usual: tuple[float, ...]
) -> None:
    """One row every ten seconds is 360 per hour; fewer versions can't tell what is usual."""
    found = checked(tmp_path, ratings(400), SPEC, before=Earlier(volumes=usual))
    assert expected is finding(found, "volume").verdict
    assert 360 == pytest.approx(found.volume, rel=0.01)
    assert (Verdict.FAIL if expected is Verdict.FAIL else Verdict.PASS) is found.verdict


def test_the_reason_has_the_figures() -> None:
    """What came, what is usual, and what is allowed."""
    found = judge_volume(1200.0, 600, (100.0, 120.0, 140.0), 3.0)
    said = "1,200 good rows per hour, 10 times the usual 120 (the median of 3 versions); at most 3 times more or fewer are usual"
    assert DataFinding(check="volume", value=1200.0, limit=360.0, verdict=Verdict.FAIL, reason=said) == found
    few = judge_volume(12.0, 600, (100.0, 120.0, 140.0), 3.0)
    assert (40.0, "12 good rows per hour, 1/10 of the usual 120") == (few.limit, few.reason.partition(" (")[0])


def test_it_is_shown_and_not_judged_without_a_factor() -> None:
    """However many there are."""
    found = judge_volume(1e6, 600, (100.0, 120.0, 140.0), None)
    assert (None, 1e6) == (found.verdict, found.value)


def test_a_handful_of_rows_refuses_nothing() -> None:
    """The same rate is judged as soon as there are rows enough."""
    usual = (100.0, 120.0, 140.0)
    assert [None, Verdict.FAIL] == [judge_volume(400.0, rows, usual, 3.0).verdict for rows in (5, 500)]
    assert [None, Verdict.FAIL] == [judge_volume(36.0, rows, usual, 3.0).verdict for rows in (5, 500)]


def test_a_clock_that_stands_still_does_not_stretch_the_hours(tmp_path: Path) -> None:
    """A few rows far from all others change next to nothing."""
    stray = {place: FIRST - timedelta(days=9_000) for place in range(0, 400, 40)}
    found = checked(tmp_path, ratings(400, time=stray), SPEC, before=Earlier(volumes=(360.0,) * 3))
    assert 360 == pytest.approx(found.volume, rel=0.15)


def test_bad_rows_don_t_count(tmp_path: Path) -> None:
    """Half of the rows are half of the volume."""
    spec = DataCheckSpec(time="time", most_bad=0.5)
    found = checked(tmp_path, ratings(400, rating=dict.fromkeys(range(0, 400, 2), 9)), spec)
    assert 180 == pytest.approx(found.volume, rel=0.01)


def test_without_a_time_column_the_hours_are_those_of_collecting(tmp_path: Path) -> None:
    """A quarter of an hour."""
    column = ColumnSpec(name="n", kind=ColumnKind.INTEGER)
    found = checked(tmp_path, {"n": list(range(50))}, DataCheckSpec(), [column])
    assert 200 == found.volume


def test_rows_of_one_moment_have_no_volume(tmp_path: Path) -> None:
    """They are not judged."""
    found = checked(tmp_path, ratings(20, time=[FIRST] * 20), SPEC, before=Earlier(volumes=(9.0,) * 5))
    assert (None, None) == (found.volume, finding(found, "volume").verdict)
    assert "span no time" in finding(found, "volume").reason


def version(number: int, rows: int, hours: float | None, **counts: int) -> DatasetVersion:
    """A version that added rows of so many hours."""
    added = Segment(
        digest=f"sha256:{number}",
        rows=rows,
        size=1,
        earliest=None if hours is None else BEGAN,
        latest=None if hours is None else BEGAN + timedelta(hours=hours),
    )
    return DatasetVersion(
        dataset="ratings",
        number=number,
        digest=f"sha256:{number}",
        created=BEGAN,
        run=str(number),
        columns=(),
        added=added if rows else None,
        counts=counts,
    )


def test_versions_tell_what_is_usual(tmp_path: Path) -> None:
    """Rows per hour, as recorded or from their times, the oldest first; a version without rows, as of a refused batch, tells nothing."""
    versions = [
        version(4, 100, None),
        version(3, 100, 1.0, volume=90),
        version(2, 0, None, volume=9),
        version(1, 100, 2.0),
    ]
    before = before_versions(versions, lambda digest: tmp_path / digest)
    assert (50.0, 90.0) == tuple(before.volumes)
    assert ["sha256:1", "sha256:3", "sha256:4"] == [segment.digest for segment in before.segments]
    assert tmp_path / "sha256:3" == before.file(before.segments[1])
