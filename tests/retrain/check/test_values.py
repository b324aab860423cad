"""Each row by itself: what a value may be, and when it may be from."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from seatrial.records import ColumnKind, ColumnSpec, DataCheckSpec, UsageError, Verdict
from seatrial.retrain.check import Earlier, check
from seatrial.testing import FakeClock
from tests.retrain.check.batches import (
    BEGAN,
    ENDED,
    RATINGS,
    SPEC,
    checked,
    collected,
    described,
    finding,
    findings,
    ratings,
    reasons_of,
    rows_of,
)

ANY = DataCheckSpec(most_bad=1.0)


def reason(folder: Path, column: ColumnSpec, value: object, good: object) -> str:
    """Why a value is refused that stands between two good ones; empty if it is not."""
    found = checked(folder, {column.name: [good, value, good]}, ANY, [column])
    assert set(reasons_of(found)) <= {1}
    return reasons_of(found).get(1, "")


def test_a_clean_batch_passes(tmp_path: Path) -> None:
    """Nothing is refused, everything counts, and each check says that it found nothing."""
    found = checked(tmp_path, ratings(300))
    assert (Verdict.PASS, 300, 0, "", "all 300 rows are good") == (
        found.verdict,
        found.good,
        found.bad,
        found.bad_file,
        found.headline,
    )
    assert {"schema", "future", "duplicates", "bad rows", "rows"} == {
        one.check for one in found.findings if one.verdict is Verdict.PASS
    }


@pytest.mark.parametrize(
    ("expected", "column", "value", "good"),
    [
        ("n: 6 is above 5", {"kind": "integer", "high": 5.0}, 6, 5),
        ("n: -1 is below 0", {"kind": "integer", "low": 0.0}, -1, 0),
        ("n: 5.5 is above 5.25", {"kind": "number", "high": 5.25}, 5.5, 5.25),
        ("n: inf is not finite", {"kind": "number"}, float("inf"), 1.0),
        ("n: is missing", {"kind": "number"}, float("nan"), 1.0),
        ("n: is missing", {"kind": "number"}, None, 1.0),
        ("n: is missing", {"kind": "integer"}, None, 2**62 + 1),
        ("n: is missing", {"kind": "text"}, None, ""),
        ("n: is missing", {"kind": "boolean"}, None, True),
        ("n: is missing", {"kind": "time"}, None, BEGAN),
        ("n: 3 is none of 1, 2.0", {"kind": "integer", "values": ("1", "2.0")}, 3, 2),
        ("n: 0.3 is none of 0.1, 1", {"kind": "number", "values": ("0.1", "1")}, 0.3, 1.0),
        ("n: 'gren' is none of red, green", {"kind": "text", "values": ("red", "green")}, "gren", "red"),
        ("n: false is none of true", {"kind": "boolean", "values": ("true",)}, False, True),
        ("n: 'tt1x' does not match tt[0-9]+", {"kind": "text", "pattern": "tt[0-9]+"}, "tt1x", "tt1"),
        ("", {"kind": "text", "pattern": "tt[0-9]+", "optional": True}, None, "tt1"),
        ("", {"kind": "integer", "low": 1.0, "values": ("1", "2"), "optional": True}, None, 1),
        ("", {"kind": "number", "optional": True}, float("nan"), 1.0),
        ("", {"kind": "boolean", "optional": True}, None, False),
        ("", {"kind": "time", "optional": True}, None, BEGAN),
    ],
)
def test_a_value_is_held_to_its_column(
    tmp_path: Path, expected: str, column: dict[str, Any], value: object, good: object
) -> None:
    """What a column does not allow is refused with the value and the rule; what it allows is not."""
    spec = ColumnSpec(name="n", **(column | {"kind": ColumnKind(column["kind"])}))
    assert expected == reason(tmp_path, spec, value, good)


def test_all_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    """A row has all its reasons, in the order of the columns, and each problem is a finding with its rows and examples."""
    found = checked(tmp_path, ratings(300, rating={3: 9, 7: 0, 8: 11}, user={3: None, 9: None}))
    assert {
        3: "user: is missing; rating: 9 is above 5",
        7: "rating: 0 is below 1",
        8: "rating: 11 is above 5",
        9: "user: is missing",
    } == reasons_of(found)
    above = next(one for one in findings(found, "schema", "rating") if one.limit == 5)
    assert (2, "2 rows whose rating is above 5", ("9", "11")) == (above.rows, above.reason, above.examples)
    assert "296 of 300 rows are good, 4 quarantined; most often: 2 rows whose user is missing" == found.headline


def test_rows_are_found_in_every_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad rows are found by their place in the batch, whichever part of it they are read with."""
    monkeypatch.setattr("seatrial.retrain.check.batch.CHUNK", 100)
    bad = [0, 99, 100, 250, 299]
    found = checked(tmp_path, ratings(300, rating=dict.fromkeys(bad, 9)))
    assert bad == sorted(reasons_of(found))


def test_examples_are_few_and_safe_to_show(tmp_path: Path) -> None:
    """At most five different values, shortened, on one line, without control characters."""
    nasty = ["a\x1b[31mred", "x" * 500, "two\nlines", "\u202eleft", "<b>", "six", "seven"]
    column = ColumnSpec(name="colour", kind=ColumnKind.TEXT, values=("blue",))
    found = checked(tmp_path, {"colour": [*nasty, *nasty]}, ANY, [column])
    examples = finding(found, "schema", "colour").examples
    assert ("'ared'", "'" + "x" * 39 + "…'", "'two lines'", "'\\u202eleft'", "'<b>'") == examples


def test_a_column_of_another_type_is_read_as_its_kind(tmp_path: Path) -> None:
    """Where a file has other types, values are converted, and what can't be is refused as such."""
    columns = [
        ColumnSpec(name="rating", kind=ColumnKind.INTEGER, high=5.0),
        ColumnSpec(name="seen", kind=ColumnKind.BOOLEAN),
        ColumnSpec(name="note", kind=ColumnKind.TEXT, optional=True),
    ]
    values = {
        "rating": Array(["4", "4.0", "4.5", "many", "9"], DataType.utf8()),
        "seen": Array(["true", "0", "true", "true", "perhaps"], DataType.utf8()),
    }
    write_parquet(Table.from_pydict(dict(values)), tmp_path / "rows.parquet")
    found = check(
        described("rows.parquet", 5),
        ANY,
        columns,
        before=Earlier(),
        folder=tmp_path,
        clock=FakeClock(ENDED),
        project=tmp_path,
    )
    good = rows_of(found.good_file)
    assert [(4, True, None), (4, False, None)] == [(row["rating"], row["seen"], row["note"]) for row in good]
    assert [
        "rating: '4.5' is no whole number",
        "rating: 'many' is no whole number",
        "seen: 'perhaps' is neither true nor false",
    ] == [row["_why"] for row in rows_of(found.bad_file)]


def test_a_column_that_the_rows_lack_is_missing_in_all(tmp_path: Path) -> None:
    """Then every row is bad, and the batch is refused."""
    given = ratings(10)
    del given["movie"]
    columns = [column for column in RATINGS if column.name != "movie"]
    write = checked(tmp_path / "other", given, DataCheckSpec(), columns)
    found = check(
        described(write.good_file, 10),
        SPEC,
        RATINGS,
        before=Earlier(),
        folder=tmp_path,
        clock=FakeClock(ENDED),
        project=tmp_path,
    )
    assert Verdict.FAIL is found.verdict
    assert "10 rows whose movie is missing" == finding(found, "schema", "movie").reason


def test_values_of_another_type_than_their_column_are_the_configurations_fault(tmp_path: Path) -> None:
    """Nothing is quarantined for it."""
    column = ColumnSpec(name="n", kind=ColumnKind.INTEGER, values=("one", "two"))
    with pytest.raises(UsageError, match="the values of 'n' are not all of type integer"):
        checked(tmp_path, {"n": [1, 2]}, ANY, [column])


def test_late_rows_are_refused(tmp_path: Path) -> None:
    """A row may lie so long before the collection began; one right at the bound is good."""
    spec = DataCheckSpec(time="time", late=86_400.0, most_bad=1.0)
    bound = BEGAN - timedelta(days=1)
    found = checked(tmp_path, ratings(100, time={4: bound, 5: bound - timedelta(microseconds=1)}), spec)
    assert {5: "time: 2026-11-01T19:59:59Z is more than 24 h before the collection began"} == reasons_of(found)
    late = finding(found, "late")
    assert (1, "time", ("2026-11-01T19:59:59Z",)) == (late.rows, late.column, late.examples)


def test_any_age_is_all_right_where_none_is_said(tmp_path: Path) -> None:
    """Old rows are good, and nothing is said of lateness."""
    found = checked(tmp_path, ratings(100, time={0: BEGAN - timedelta(days=20_000)}))
    assert ([], []) == (list(reasons_of(found)), findings(found, "late"))


def test_rows_of_the_future_are_refused(tmp_path: Path) -> None:
    """Clocks differ by some minutes; more is an error of the sender's."""
    bound = ENDED + timedelta(seconds=300)
    found = checked(tmp_path, ratings(100, time={4: bound, 5: bound + timedelta(seconds=1)}))
    assert {5: "time: 2026-11-02T20:20:01Z is more than 5 min ahead of the clock"} == reasons_of(found)
    assert 1 == finding(found, "future").rows


def test_what_came_from_the_future_stays_bad_when_the_step_is_done_again(tmp_path: Path) -> None:
    """A run that goes on after a crash, hours later, finds the same."""
    given = collected(tmp_path, ratings(100, time={5: ENDED + timedelta(hours=1)}))
    found = [
        check(given, SPEC, RATINGS, before=Earlier(), folder=tmp_path, clock=FakeClock(now), project=tmp_path)
        for now in (ENDED, ENDED + timedelta(hours=3))
    ]
    assert found[0] == found[1]
    assert 1 == found[1].bad
