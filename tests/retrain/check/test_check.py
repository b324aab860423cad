"""The batch as a whole: what is written, what is said, and that no row is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, PermanentError, Verdict
from seatrial.retrain.check import Earlier, before_files, check
from seatrial.testing import FakeClock
from tests.retrain.check.batches import (
    BEGAN,
    ENDED,
    FIRST,
    RATINGS,
    SPEC,
    checked,
    collected,
    described,
    finding,
    ratings,
    reasons_of,
    rows_of,
    write_rows,
)

TWEETINGS = Path(__file__).parents[4] / "shared" / "data" / "movietweetings-10k-ratings.dat"


def test_good_and_bad_rows_are_apart_in_their_order(tmp_path: Path) -> None:
    """Each with all its columns and where it came from; times stay UTC with microseconds."""
    moment = BEGAN - timedelta(microseconds=1)
    found = checked(tmp_path, ratings(100, rating={3: 9, 90: 0}, time={99: moment}))
    collection = rows_of(str(tmp_path / "rows.parquet"))
    good, bad = rows_of(found.good_file), rows_of(found.bad_file)
    assert [row for place, row in enumerate(collection) if place not in {3, 90}] == good
    assert [collection[3], collection[90]] == [{k: v for k, v in row.items() if k != "_why"} for row in bad]
    assert (moment, UTC) == (good[-1]["time"].astimezone(UTC), UTC)
    assert (str(tmp_path / "good.parquet"), str(tmp_path / "bad.parquet")) == (found.good_file, found.bad_file)


def test_too_many_bad_rows_refuse_the_batch(tmp_path: Path) -> None:
    """All of it is quarantined: bad rows for their own reasons, the others for the batch's."""
    found = checked(tmp_path, ratings(100, rating=dict.fromkeys(range(6), 9)))
    assert (Verdict.FAIL, 0, 100, "") == (found.verdict, found.good, found.bad, found.good_file)
    said = "6 of 100 rows (6%) are bad, at most 5% may be; most often: 6 rows whose rating is above 5"
    assert f"the whole batch of 100 rows is quarantined: {said}" == found.headline
    share = finding(found, "bad rows")
    assert (6, 0.06, 0.05, Verdict.FAIL) == (share.rows, share.value, share.limit, share.verdict)
    reasons = reasons_of(found)
    assert ("rating: 9 is above 5", f"refused with its batch: {said}") == (reasons[5], reasons[6])
    assert rows_of(str(tmp_path / "rows.parquet")) == [
        {name: value for name, value in row.items() if name != "_why"} for row in rows_of(found.bad_file)
    ]


def test_exactly_as_many_as_may_be_are_all_right(tmp_path: Path) -> None:
    """Five in a hundred are not more than 5 %."""
    assert Verdict.PASS is checked(tmp_path, ratings(100, rating=dict.fromkeys(range(5), 9))).verdict


def test_too_few_good_rows_are_inconclusive(tmp_path: Path) -> None:
    """They are kept all the same."""
    spec = DataCheckSpec(time="time", fewest=100)
    found = checked(tmp_path, ratings(100, rating={0: 9}), spec)
    assert (Verdict.INCONCLUSIVE, 99, 1) == (found.verdict, found.good, found.bad)
    assert "too few rows to train on: 99 good rows, at least 100 wanted" == found.headline
    assert 99 == len(rows_of(found.good_file))


@pytest.mark.parametrize("file", ["", "rows.parquet"])
def test_no_rows_are_no_data(tmp_path: Path, file: str) -> None:
    """Nothing is written, and no data never pass."""
    collected(tmp_path, ratings(0))
    found = check(
        described(file, 0), SPEC, RATINGS, before=Earlier(), folder=tmp_path, clock=FakeClock(ENDED), project=tmp_path
    )
    assert (Verdict.INCONCLUSIVE, 0, 0, "", "") == (
        found.verdict,
        found.good,
        found.bad,
        found.good_file,
        found.bad_file,
    )
    assert "no row came" == found.headline


def test_dead_lines_are_told_of(tmp_path: Path) -> None:
    """With their reasons; they were judged when they were collected."""
    collection = collected(
        tmp_path,
        ratings(90),
        counts={"lines": 100, "parsed": 90, "dead": 10},
        reasons=(("no rating\x07", 8), ("no time", 2)),
    )
    found = check(
        collection, SPEC, RATINGS, before=Earlier(), folder=tmp_path, clock=FakeClock(ENDED), project=tmp_path
    )
    dead = finding(found, "dead lines")
    assert (10, 0.1, None, ("no rating\\u0007 (8)", "no time (2)")) == (
        dead.rows,
        dead.value,
        dead.verdict,
        dead.examples,
    )


def test_the_worst_is_said_first(tmp_path: Path) -> None:
    """What refuses the batch, then what refused rows, the most first."""
    values = ratings(100, rating=dict.fromkeys(range(6), 9), user={50: None})
    found = checked(tmp_path, values)
    assert ["bad rows", "schema", "schema"] == [one.check for one in found.findings[:3]]
    assert [6, 1] == [one.rows for one in found.findings[1:3]]


def test_done_again_it_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """Also where a cut-off attempt left something."""
    values = ratings(3000, rating=dict.fromkeys(range(0, 3000, 50), 9))
    before = before_files([write_rows(tmp_path / "b.parquet", ratings(500, first=FIRST - timedelta(days=1)))], "time")
    first = checked(tmp_path, values, before=before)
    kept = [Path(file).read_bytes() for file in (first.good_file, first.bad_file)]
    (tmp_path / ".good.parquet").write_bytes(b"half")
    (tmp_path / "bad.parquet").write_bytes(b"half")
    again = checked(tmp_path, values, before=before)
    assert first == again
    assert kept == [Path(file).read_bytes() for file in (again.good_file, again.bad_file)]


def test_a_file_that_can_t_be_read_is_an_error(tmp_path: Path) -> None:
    """It is no bad batch."""
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(PermanentError, match="can't be checked"):
        check(
            described("rows.parquet", 1),
            SPEC,
            RATINGS,
            before=Earlier(),
            folder=tmp_path,
            clock=FakeClock(ENDED),
            project=tmp_path,
        )


def tweetings() -> dict[str, list[Any]]:
    """Ten thousand ratings that people tweeted, 0 to 10."""
    if not TWEETINGS.is_file():
        pytest.skip("the ratings of MovieTweetings are missing; see examples/movie-recommender")
    lines = [line.split("::") for line in TWEETINGS.read_text().splitlines()]
    users, movies, given_ratings, times = zip(*lines, strict=True)
    return {
        "user": list(users),
        "movie": list(movies),
        "rating": [int(one) for one in given_ratings],
        "time": [datetime.fromtimestamp(int(one), UTC) for one in times],
    }


def test_real_ratings_pass_and_their_replay_does_not(tmp_path: Path) -> None:
    """They come twice: as a first batch, and again a week later."""
    columns = [
        ColumnSpec(name="rating", kind=ColumnKind.INTEGER, low=0.0, high=10.0) if one.name == "rating" else one
        for one in RATINGS
    ]
    values = tweetings()
    first = checked(tmp_path, values, SPEC, columns)
    assert (Verdict.PASS, len(values["user"]), 0) == (first.verdict, first.good, first.bad)
    kept = Path(first.good_file).rename(tmp_path / "first.parquet")
    again = checked(tmp_path, values, SPEC, columns, before_files([kept], "time"))
    assert (Verdict.FAIL, len(values["user"])) == (again.verdict, finding(again, "duplicates").rows)
    halves = sorted(range(len(values["time"])), key=values["time"].__getitem__)
    parts = [
        {name: [column[place] for place in half] for name, column in values.items()}
        for half in (halves[:7000], halves[7000:])
    ]
    older = before_files([write_rows(tmp_path / "older.parquet", parts[0], columns)], "time")
    later = checked(tmp_path, parts[1], DataCheckSpec(time="time", key=SPEC.key, drift=0.2), columns, older)
    assert (Verdict.PASS, 0) == (later.verdict, later.bad)


values_of_rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(["u1", "u2", "u\x00", "ü'\"; --", ""])),
        st.one_of(st.none(), st.sampled_from(["m1", "m2"])),
        st.one_of(st.none(), st.integers(-1, 7), st.sampled_from([2**63 - 1, -(2**63)])),
        st.one_of(st.none(), st.integers(-30, 40).map(lambda minutes: BEGAN + timedelta(minutes=minutes))),
    ),
    max_size=25,
)


@pytest.mark.slow
@given(rows=values_of_rows, most_bad=st.sampled_from([0.0, 0.3, 1.0]), earlier=values_of_rows)
@settings(max_examples=20)
def test_no_row_is_lost_and_none_is_changed(
    rows: list[tuple[Any, ...]], most_bad: float, earlier: list[tuple[Any, ...]]
) -> None:
    """Good and bad rows together are what was collected; the good ones obey every rule, and pass again as they are."""
    columns = tuple(
        ColumnSpec(name=one.name, kind=one.kind, low=one.low, high=one.high, optional=one.name == "movie")
        for one in RATINGS
    )
    spec = DataCheckSpec(time="time", key=("user", "movie", "time"), late=1200.0, most_bad=most_bad)
    with TemporaryDirectory() as name:
        folder = Path(name)
        old = {column.name: [row[place] for row in earlier] for place, column in enumerate(columns)}
        before = before_files([write_rows(folder / "old.parquet", old, columns)], "time")
        values = {column.name: [row[place] for row in rows] for place, column in enumerate(columns)}
        found = checked(folder, values, spec, columns, before)
        collection = rows_of(str(folder / "rows.parquet"))
        good, bad = rows_of(found.good_file), rows_of(found.bad_file)
        again = checked(
            folder / "again", {one.name: [row[one.name] for row in good] for one in columns}, spec, columns, before
        )
    apart = sorted(
        [*good, *({k: v for k, v in row.items() if k != "_why"} for row in bad)], key=lambda row: row["_offset"]
    )
    assert collection == apart
    assert (len(good), len(bad)) == (found.good, found.bad)
    assert all(row["_why"] for row in bad)
    assert [] == [row for row in good if row["user"] is None or row["time"] is None or row["rating"] not in range(1, 6)]
    keys = [(row["user"], row["movie"], row["time"]) for row in good]
    assert len(keys) == len(set(keys))
    assert set(keys).isdisjoint((user, movie, moment) for user, movie, _, moment in earlier)
    assert 0 == again.bad
