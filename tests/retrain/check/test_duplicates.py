"""Rows that were there before, in the batch or in earlier versions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, Segment, Verdict
from seatrial.retrain.check import Earlier, before_files
from tests.retrain.check.batches import (
    FIRST,
    RATINGS,
    SPEC,
    checked,
    finding,
    findings,
    ratings,
    reasons_of,
    rows_of,
    write_rows,
)

KEY = "the same user, movie, time"
MANY = DataCheckSpec(time="time", key=("user", "movie", "time"), most_bad=1.0)


def repeated(values: dict[str, list[Any]], places: Sequence[int]) -> dict[str, list[Any]]:
    """The rows, and those of some places once more after them."""
    return {name: [*column, *(column[place] for place in places)] for name, column in values.items()}


def before_of(folder: Path, *versions: dict[str, list[Any]]) -> Earlier:
    """Earlier versions with these rows."""
    files = [write_rows(folder / f"version-{number}.parquet", values) for number, values in enumerate(versions)]
    return before_files(files, "time")


def test_the_first_of_a_key_stays(tmp_path: Path) -> None:
    """Further rows of the same key are refused, whatever else is in them."""
    values = repeated(ratings(100), [3, 3, 7])
    values["rating"][100] = 6 - values["rating"][3]
    found = checked(tmp_path, values)
    assert dict.fromkeys([100, 101, 102], f"{KEY} came before in the batch") == reasons_of(found)
    third = values["user"][3], values["movie"][3], "2026-11-02T08:00:30Z"
    assert "'{}', '{}', {}".format(*third) == finding(found, "duplicates").examples[0]
    assert f"3 rows: {KEY} came before in the batch" == finding(found, "duplicates").reason


def test_a_bad_row_does_not_stand_for_a_good_one_of_its_key(tmp_path: Path) -> None:
    """Where the first row of a key is bad, the next good one counts."""
    values = repeated(ratings(100, rating={3: 9}), [3, 3])
    values["rating"][100] = values["rating"][101] = 4
    found = checked(tmp_path, values)
    assert {3: "rating: 9 is above 5", 101: f"{KEY} came before in the batch"} == reasons_of(found)


def test_keys_of_earlier_versions_are_found(tmp_path: Path) -> None:
    """A row that an older version has is refused, and said to be from there."""
    old = ratings(50, first=FIRST - timedelta(hours=5), seed=2)
    values = ratings(100)
    for name in ("user", "movie", "time"):
        values[name][10] = old[name][20]
        values[name][11] = old[name][20]
    before = before_of(tmp_path, old, ratings(50, first=FIRST - timedelta(hours=2), seed=3))
    found = checked(tmp_path, values, before=before)
    assert dict.fromkeys([10, 11], f"{KEY} is in an earlier version") == reasons_of(found)


def test_a_replayed_batch_is_refused_as_a_whole(tmp_path: Path) -> None:
    """All of it came before: the headline says what it is."""
    found = checked(tmp_path, ratings(100), before=before_of(tmp_path, ratings(100), ratings(9, seed=5)))
    assert (Verdict.FAIL, 0, 100) == (found.verdict, found.good, found.bad)
    assert "every row is in an earlier version, so that this is a replay" in found.headline


def test_a_replay_in_another_order_and_cut_is_found_by_the_key(tmp_path: Path) -> None:
    """It does not matter how the rows were laid out before."""
    values = ratings(100)
    parts = [{name: column[place::2] for name, column in values.items()} for place in (0, 1)]
    backwards = {name: column[::-1] for name, column in values.items()}
    found = checked(tmp_path, backwards, MANY, before=before_of(tmp_path, *parts))
    assert 100 == finding(found, "duplicates").rows


def test_without_a_key_an_exact_replay_is_found_by_all_its_rows(tmp_path: Path) -> None:
    """The same rows in any order are refused; a batch that differs in one value is not."""
    values = ratings(100)
    backwards = {name: column[::-1] for name, column in values.items()}
    spec = DataCheckSpec(time="time")
    before = before_of(tmp_path, ratings(100, seed=8), backwards)
    found = checked(tmp_path, values, spec, before=before)
    assert Verdict.FAIL is found.verdict
    assert "the batch is exactly the rows of an earlier version" == finding(found, "duplicates").reason
    values["rating"][50] = 6 - values["rating"][50] if values["rating"][50] != 3 else 4
    other = checked(tmp_path, values, spec, before=before)
    assert (Verdict.PASS, []) == (other.verdict, findings(other, "duplicates"))


def test_without_a_key_rows_may_be_alike(tmp_path: Path) -> None:
    """Nothing tells whether they are one event or two."""
    found = checked(tmp_path, repeated(ratings(100), [3, 4]), DataCheckSpec(time="time"))
    assert (102, 0) == (found.good, found.bad)


def test_rows_without_any_part_of_the_key_are_not_compared(tmp_path: Path) -> None:
    """A row that lacks a part is compared by the others; one that lacks all can't be told from another."""
    columns = [
        ColumnSpec(name="user", kind=ColumnKind.TEXT, optional=True),
        ColumnSpec(name="session", kind=ColumnKind.INTEGER, optional=True),
    ]
    values: dict[str, list[Any]] = {"user": [None, None, "a", "a", "a"], "session": [None, None, None, None, 1]}
    found = checked(tmp_path, values, DataCheckSpec(key=("user", "session"), most_bad=1.0), columns)
    assert {3: "the same user, session came before in the batch"} == reasons_of(found)


def test_only_segments_that_the_times_reach_are_fetched(tmp_path: Path) -> None:
    """Where the time is part of the key, older segments stay where they are."""
    fetched: list[str] = []
    reached = write_rows(tmp_path / "reached.parquet", ratings(100))

    def fetch(digest: str) -> Path:
        fetched.append(digest)
        return reached

    def segment(digest: str, first: datetime, last: datetime) -> Segment:
        return Segment(digest=digest, rows=100, size=1, earliest=first, latest=last)

    ages = datetime(2020, 1, 1, tzinfo=UTC)
    before = Earlier(
        segments=[segment("old", ages, ages), segment("touching", ages, FIRST)],
        fetch=fetch,
    )
    spec = DataCheckSpec(time="time", key=("user", "movie", "time"), drift_columns=("time",), most_bad=1.0)
    found = checked(tmp_path, ratings(100), spec, before=before)
    assert (["touching"], 100) == (fetched, finding(found, "duplicates").rows)
    fetched.clear()
    checked(tmp_path, ratings(100), DataCheckSpec(time="time", key=("user",), drift_columns=("time",)), before=before)
    assert ["old", "touching"] == fetched


def test_earlier_versions_may_have_other_columns(tmp_path: Path) -> None:
    """A column that came later is missing in older rows, and types may have changed."""
    old = [ColumnSpec(name="user", kind=ColumnKind.INTEGER), ColumnSpec(name="gone", kind=ColumnKind.NUMBER)]
    file = write_rows(tmp_path / "old.parquet", {"user": [1, 2], "gone": [0.5, 0.5]}, old)
    columns = [ColumnSpec(name="user", kind=ColumnKind.TEXT), ColumnSpec(name="new", kind=ColumnKind.BOOLEAN)]
    spec = DataCheckSpec(key=("user",), most_bad=1.0)
    found = checked(tmp_path, {"user": ["2", "3"], "new": [True, False]}, spec, columns, before_files([file]))
    assert {0: "the same user is in an earlier version"} == reasons_of(found)
    assert ["3"] == [row["user"] for row in rows_of(found.good_file)]


def test_no_duplicates_are_said_to_be_none(tmp_path: Path) -> None:
    """Also where there are earlier versions."""
    found = checked(tmp_path, ratings(100), SPEC, RATINGS, before_of(tmp_path, ratings(100, seed=4)))
    assert (Verdict.PASS, 0) == (finding(found, "duplicates").verdict, finding(found, "duplicates").rows)
