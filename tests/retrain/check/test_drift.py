"""Drift of the new rows against those of the versions before."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, Verdict
from seatrial.retrain.check import Earlier, before_files
from tests.retrain.check.batches import FIRST, SPEC, checked, finding, findings, ratings, write_rows

NUMBER = ColumnSpec(name="n", kind=ColumnKind.NUMBER, optional=True)
TEXT = ColumnSpec(name="n", kind=ColumnKind.TEXT, optional=True)
TRUTH = ColumnSpec(name="n", kind=ColumnKind.BOOLEAN, optional=True)
JUDGED = DataCheckSpec(drift=0.2)


@pytest.fixture
def rng() -> np.random.Generator:
    """Always the same numbers."""
    return np.random.default_rng(7)


def verdict(folder: Path, column: ColumnSpec, before: Sequence[Any], now: Sequence[Any]) -> Verdict | None:
    """Of the drift of one column."""
    earlier = before_files([write_rows(folder / "before.parquet", {"n": before}, [column])])
    found = checked(folder, {"n": now}, JUDGED, [column], earlier)
    judged = finding(found, "drift", "n").verdict
    assert (Verdict.FAIL if judged is Verdict.FAIL else Verdict.PASS) is found.verdict
    return judged


@pytest.mark.parametrize(
    ("expected", "shift", "rows"),
    [
        (Verdict.PASS, 0.0, 2000),
        (Verdict.PASS, 0.1, 20_000),
        (Verdict.FAIL, 1.0, 2000),
        (Verdict.FAIL, 1.0, 20_000),
        (None, 0.0, 20),
        (None, 0.5, 20),
    ],
)
def test_the_verdict_is_on_the_size_of_the_change(
    tmp_path: Path, rng: np.random.Generator, expected: Verdict | None, shift: float, rows: int
) -> None:
    """A small change of many rows is small, a large one of some is large, and a few rows can't tell."""
    before, now = rng.normal(0, 1, 5000).tolist(), rng.normal(shift, 1, rows).tolist()
    assert expected is verdict(tmp_path, NUMBER, before, now)


@pytest.mark.parametrize(
    ("expected", "share"),
    [(Verdict.PASS, 0.5), (Verdict.FAIL, 0.95)],
)
def test_truths_are_categories(tmp_path: Path, expected: Verdict, share: float) -> None:
    """By their shares."""
    before = [True, False] * 2000
    now = [True] * int(4000 * share) + [False] * (4000 - int(4000 * share))
    assert expected is verdict(tmp_path, TRUTH, before, now)


def test_a_new_category_is_a_change(tmp_path: Path) -> None:
    """And the reason names it."""
    before = before_files([write_rows(tmp_path / "b.parquet", {"n": ["a", "b"] * 1000}, [TEXT])])
    found = checked(tmp_path, {"n": ["a", "b", "new", "new"] * 500}, JUDGED, [TEXT], before)
    assert finding(found, "drift").reason.endswith("at most 0.2; new went from 0.0% of the rows to 50.0%")
    assert found.headline.startswith("the whole batch of 2,000 rows is quarantined: n: population stability index")


def test_values_that_went_missing_are_a_change(tmp_path: Path, rng: np.random.Generator) -> None:
    """Missing is a bin of its own."""
    before = rng.normal(0, 1, 4000).tolist()
    assert Verdict.FAIL is verdict(tmp_path, NUMBER, before, [*before[:2000], *([None] * 2000)])


@pytest.mark.parametrize(("before", "now"), [([None] * 50, [1.0] * 50), ([1.0] * 50, [None] * 50)])
def test_a_column_may_be_empty_on_one_side(tmp_path: Path, before: list[Any], now: list[Any]) -> None:
    """That is a change like any other."""
    earlier = before_files([write_rows(tmp_path / "b.parquet", {"n": before}, [NUMBER])])
    found = checked(tmp_path, {"n": now}, JUDGED, [NUMBER], earlier)
    (profile,) = found.profiles
    assert Verdict.FAIL is finding(found, "drift").verdict
    assert [1.0, 1.0] == pytest.approx([sum(profile.now), sum(profile.before)])


def test_a_column_that_is_empty_on_both_sides_has_not_changed(tmp_path: Path) -> None:
    """There is one bin, with all rows."""
    earlier = before_files([write_rows(tmp_path / "b.parquet", {"n": [None] * 900}, [NUMBER])])
    found = checked(tmp_path, {"n": [None] * 900}, JUDGED, [NUMBER], earlier)
    assert (Verdict.PASS, ("missing",)) == (finding(found, "drift").verdict, found.profiles[0].labels)


def test_names_that_mostly_come_once_don_t_look_changed(tmp_path: Path, rng: np.random.Generator) -> None:
    """What is frequent in the older rows by chance alone is not looked for as if it had to be frequent again."""
    before, now = ([f"u{one}" for one in rng.integers(0, 5000, rows)] for rows in (600, 600))
    assert Verdict.FAIL is not verdict(tmp_path, TEXT, before, now)


def test_it_is_shown_and_not_judged_without_a_limit(tmp_path: Path) -> None:
    """A large change is said to be one."""
    before = before_files([write_rows(tmp_path / "b.parquet", ratings(1000, rating=[1, 2] * 500))])
    found = checked(tmp_path, ratings(1000, seed=3, rating=[4, 5] * 500), SPEC, before=before)
    drift = finding(found, "drift", "rating")
    assert (Verdict.PASS, None) == (found.verdict, drift.verdict)
    assert drift.reason.endswith("a large change")


def test_keys_and_times_are_not_compared_unless_they_are_named(tmp_path: Path) -> None:
    """Times always change, and so do keys; a column can be asked for."""
    before = before_files([write_rows(tmp_path / "b.parquet", ratings(300, seed=2))], "time")
    spec = DataCheckSpec(time="time", key=("user", "movie", "time"), drift_columns=("user", "time"), most_bad=1.0)
    found = [checked(tmp_path, ratings(300), one, before=before) for one in (SPEC, spec)]
    assert [["rating"], ["user"]] == [[one.column for one in findings(each, "drift")] for each in found]


def test_the_first_batch_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    """Its profile has the new rows alone."""
    found = checked(tmp_path, ratings(100, rating=[1, 2, 3, 4, 5] * 20))
    (profile,) = found.profiles
    assert [] == findings(found, "drift")
    assert (("1", "2", "3", "4", "5"), (0.2,) * 5, ()) == (profile.labels, profile.now, profile.before)


def test_profiles_set_new_rows_beside_the_old(tmp_path: Path) -> None:
    """In the same bins, as shares."""
    before = before_files([write_rows(tmp_path / "b.parquet", ratings(100, seed=3, rating=[1, 2] * 50))])
    found = checked(tmp_path, ratings(100, rating=[2, 5] * 50), before=before)
    (profile,) = found.profiles
    assert (("1", "2", "others"), (0.0, 0.5, 0.5), (0.5, 0.5, 0.0)) == (profile.labels, profile.now, profile.before)


def test_a_picture_has_room_for_a_dozen_bins(tmp_path: Path, rng: np.random.Generator) -> None:
    """The rest is together in one, and names are short and safe."""
    names = ["x" * 100, "a\nb", *(f"c{one}" for one in range(60))]
    now = [names[one] for one in np.minimum(rng.zipf(1.3, 3000) - 1, 61)]
    found = checked(tmp_path, {"n": now}, DataCheckSpec(), [TEXT])
    (profile,) = found.profiles
    assert 11 == len(profile.labels) == len(profile.now)
    assert {"x" * 39 + "…", "a b", "others"} <= set(profile.labels)
    assert 1.0 == pytest.approx(sum(profile.now))


def test_the_newest_rows_are_what_is_compared_with(tmp_path: Path) -> None:
    """What was long ago does not count where newer rows suffice."""
    old = write_rows(tmp_path / "old.parquet", ratings(1000, rating=[1] * 1000, first=FIRST - timedelta(days=9)))
    new = write_rows(
        tmp_path / "new.parquet", ratings(20_000, seed=3, rating=[5] * 20_000, first=FIRST - timedelta(days=4))
    )
    fetched: list[str] = []
    known = before_files([old, new], "time")

    def fetch(digest: str) -> Path:
        fetched.append(digest)
        return Path(digest)

    before = Earlier(segments=known.segments, fetch=fetch)
    found = checked(tmp_path, ratings(1000, rating=[5] * 1000), SPEC, before=before)
    assert ([str(new)], (1.0,)) == (fetched, found.profiles[0].before)


def test_of_many_rows_a_part_is_looked_at(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same verdict and nearly the same figure, always the same."""
    before = before_files([write_rows(tmp_path / "b.parquet", {"n": rng.normal(0, 1, 20_000).tolist()}, [NUMBER])])
    now = rng.normal(0.8, 1, 20_000).tolist()
    whole = finding(checked(tmp_path, {"n": now}, JUDGED, [NUMBER], before), "drift")
    monkeypatch.setattr("seatrial.retrain.check.drift.SAMPLE", 4000)
    parts = [finding(checked(tmp_path, {"n": now}, JUDGED, [NUMBER], before), "drift") for _ in range(2)]
    assert parts[0] == parts[1] != whole
    assert Verdict.FAIL is parts[0].verdict is whole.verdict
    assert whole.value == pytest.approx(parts[0].value, rel=0.15)
