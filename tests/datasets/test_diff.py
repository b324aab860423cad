"""Two versions side by side."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.datasets.diff import ColumnFigures, diff
from seatrial.datasets.names import find_version
from seatrial.datasets.text import difference_grid, version_facts, versions_grid
from seatrial.records import ColumnKind, ColumnSpec, UsageError
from tests.datasets.making import COLUMNS, Row, place_in

FIRST: list[Row] = [(0, 1, "Alien", 4.0, True), (10, 2, None, 2.0, None)]
SECOND: list[Row] = [(20, 3, "Brazil", 3.0, False), (30, 3, "Brazil", 1.0, None)]


def test_rows_are_counted_by_shared_segments(tmp_path: Path) -> None:
    """Added seen from one side are removed seen from the other; counts are those in between."""
    with place_in(tmp_path) as place:
        first = place.append(FIRST)
        place.append(SECOND, counts={"lines": 5, "dead": 1})
        third = place.append(SECOND[:1], counts={"lines": 2})
        there = diff(first, third, place.book, place.files)
        back = diff(third, first, place.book, place.files)

        assert (2, 3, 0) == (there.shared, there.added, there.removed)
        assert (2, 0, 3) == (back.shared, back.added, back.removed)
        assert (("dead", 1), ("lines", 7)) == there.counts == back.counts
        assert "3 rows added, 0 removed, 2 shared" == difference_grid(there).below[0]


def test_columns_are_told_in_figures(tmp_path: Path) -> None:
    """What is missing, the range, the mean, the most frequent values."""
    with place_in(tmp_path) as place:
        versions = place.append(FIRST), place.append(SECOND)
        found = {each.column: each for each in diff(*versions, place.book, place.files).columns}

        assert [column.name for column in COLUMNS] == list(found)
        assert found["rating"].second == ColumnFigures(
            kind=ColumnKind.NUMBER, rows=4, missing=0, low=1.0, high=4.0, mean=2.5, different=4
        )
        assert found["movie"].first == ColumnFigures(
            kind=ColumnKind.TEXT, rows=2, missing=1, different=1, top=(("Alien", 1),)
        )
        movie = found["movie"].second
        assert movie is not None
        assert (("Brazil", 2), ("Alien", 1)) == movie.top
        liked = found["liked"].second
        assert liked is not None
        assert (2, (("false", 1), ("true", 1))) == (liked.missing, liked.top)
        time = found["time"].second
        assert time is not None
        assert ("2026-05-01T12:00:00.000000Z", "2026-05-01T12:00:00.000030Z") == (time.low, time.high)
        user = found["user"].second
        assert user is not None
        assert (1, 3, 2.25) == (user.low, user.high, user.mean)


def test_columns_that_only_one_has_are_told(tmp_path: Path) -> None:
    """Also of datasets that have nothing in common, and of versions without rows."""
    with place_in(tmp_path) as place:
        wider = ColumnSpec(name="device", kind=ColumnKind.TEXT, optional=True)
        other = place.append(FIRST, dataset="others", columns=(*COLUMNS[:2], wider))
        empty = place.append(None)
        found = diff(empty, other, place.book, place.files)
        columns = {each.column: each for each in found.columns}

        assert (0, 2, 0, ()) == (found.shared, found.added, found.removed, found.counts)
        assert ["time", "user", "device", "movie", "rating", "liked"] == list(columns)
        assert (None, None) == (columns["device"].first, columns["movie"].second)
        device = columns["device"].second
        assert device is not None
        assert 2 == device.missing
        shown = difference_grid(found)
        assert ("device", "type", "–", "text") in shown.rows
        assert ("movie", "type", "text", "–") in shown.rows


def test_what_others_wrote_is_made_harmless(tmp_path: Path) -> None:
    """Notes and values with escape sequences and line breaks."""
    with place_in(tmp_path) as place:
        version = place.append([(0, 1, "\x1b[31mred\nline", 4.0, True)], note="\x1b[2Jgone\nnext")
        shown = [
            str(difference_grid(diff(version, version, place.book, place.files)).rows),
            str(versions_grid([version]).rows),
            str(version_facts(version, ())),
        ]

        assert [] == [text for text in shown if "\\x1b[" in text or "\\n" in text]
        assert "gone" in shown[1]


@pytest.mark.parametrize("text", ["ratings@2", "ratings@latest", "ratings@LATEST", "ratings", " ratings @ 2 "])
def test_a_version_is_found_by_its_name(tmp_path: Path, text: str) -> None:
    """A number, `latest`, or nothing, which is the latest."""
    with place_in(tmp_path) as place:
        place.append(None)
        second = place.append(None)

        assert second == find_version(text, place.book)


@pytest.mark.parametrize(
    ("text", "why", "remedy"),
    [
        ("", "names no version", "write NAME@3"),
        ("@2", "names no version", "write NAME@3"),
        ("ratings@", "names no version", "write NAME@3"),
        ("ratings@new", "names no version", "ratings@3 or ratings@latest"),
        ("ratings@-1", "names no version", "ratings@3 or ratings@latest"),
        ("ratings@99999999999999999999", "names no version", "ratings@3"),
        ("ratings@0", "no ratings@0", "from ratings@1 to ratings@1"),
        ("rating@latest", "no dataset 'rating'", "known are ratings"),
        ("rating", "no dataset 'rating'", "known are ratings"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_what_there_is(
    tmp_path: Path, text: str, why: str, remedy: str
) -> None:
    """In every way to be wrong."""
    with place_in(tmp_path) as place:
        place.append(None)
        with pytest.raises(UsageError, match=why) as refused:
            find_version(text, place.book)

        assert remedy in refused.value.remedy


def test_a_column_that_changed_its_kind_is_shown_as_it_was_and_is(tmp_path: Path) -> None:
    """Each version by its own columns."""
    with place_in(tmp_path) as place:
        first = place.append(FIRST)
        second = place.append(None, columns=(COLUMNS[0], replace(COLUMNS[1], kind=ColumnKind.NUMBER)))
        shown = difference_grid(diff(first, second, place.book, place.files))

        assert ("user", "type", "integer", "number") in shown.rows
