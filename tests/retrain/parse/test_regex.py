"""Lines that a regular expression reads."""

from dataclasses import replace

import pytest

from tests.retrain.parse.batches import LINE, batch, column, moment, reasons, regex_parser, rows, values

WATCH = b"2026-11-21T10:00:01,123,GET /data/m/the+matrix+1999/17.mpg"


def test_a_rating_line_is_a_row_of_its_columns_kinds() -> None:
    """Prefix parts and groups become values of the columns' kinds, with the offset beside them."""
    parsed = regex_parser().parse(batch(LINE, offset=7))
    assert [
        {"time": moment(2026, 11, 21, 10), "user": 123, "movie": "the+matrix+1999", "rating": 4, "_offset": 7}
    ] == rows(parsed)
    assert (1, 0, 0) == (parsed.lines, parsed.ignored, parsed.empty)


def test_groups_without_names_get_the_fields_in_their_order() -> None:
    """Named and unnamed groups may be mixed; a part of the line before them is not needed."""
    parser = regex_parser(
        (column("a", "text"), column("b", "integer"), column("c", "text")),
        pattern=r"(\w+)-(?P<b>\d+)-(\w+)",
        prefix=(),
        fields=("a", "c"),
    )
    assert [{"a": "x", "b": 5, "c": "y", "_offset": 0}] == rows(parser.parse(batch(b"... x-5-y ...")))


def test_the_pattern_is_searched_for_behind_the_prefix_alone() -> None:
    """What looks like the pattern in a prefix part is not taken for it."""
    parser = regex_parser((column("a", "text"), column("n", "integer")), pattern=r"n=(?P<n>\d+)", prefix=("a",))
    parsed = parser.parse(batch(b"n=1,n=2", b"n=1,nothing"))
    assert [{"a": "n=1", "n": 2, "_offset": 0}] == rows(parsed)
    assert {1: "the pattern is not found in it"} == reasons(parsed)


def test_a_dead_line_says_which_column_and_value() -> None:
    """The offset is exact, the reason names column and value, and the line is kept as it came."""
    lines = [LINE, LINE.replace(b"=4", b"=four"), b"hello", LINE.replace(b"2026-11-21", b"2026-02-30"), LINE]
    parsed = regex_parser().parse(batch(*lines, offset=40))
    assert {
        41: "rating: 'four' is not an integer",
        42: "the line has fewer than 3 parts",
        43: "time: '2026-02-30T10:00:00' is not a time (iso)",
    } == reasons(parsed)
    assert [40, 44] == values(parsed, "_offset")
    assert lines[1:4] == [line.line for line in parsed.dead]
    assert "rating is not an integer" == parsed.dead[0].fault.kind


def test_of_several_wrong_columns_the_first_is_named() -> None:
    """A line is dead once, for the first of its columns that is wrong."""
    parsed = regex_parser().parse(batch(b"yesterday,nobody,GET /rate/x=good"))
    assert {0: "time: 'yesterday' is not a time (iso)"} == reasons(parsed)


def test_lines_of_somebody_else_are_counted_and_not_dead() -> None:
    """`ignore` is looked for first."""
    parsed = regex_parser(ignore=r"GET /data/m/").parse(batch(WATCH, LINE, WATCH))
    assert ([1], 2, ()) == (values(parsed, "_offset"), parsed.ignored, parsed.dead)


def test_what_is_no_text_or_nothing_at_all() -> None:
    """Bytes that are not UTF-8 are dead; blank lines and events without a value are counted as empty."""
    parsed = regex_parser().parse(batch(b"\xff\xfe", b"", None, b"  \t", LINE, b"\r\n"))
    assert {0: "the line is not UTF-8 text"} == reasons(parsed)
    assert ([4], 6, 4) == (values(parsed, "_offset"), parsed.lines, parsed.empty)


def test_a_line_of_another_system_loses_its_carriage_return() -> None:
    """CRLF is no part of the last value."""
    parser = regex_parser((column("a", "text"),), pattern=r"a=(?P<a>.*)$", prefix=())
    assert ["x", "y"] == values(parser.parse(batch(b"a=x\r\n", b"a=y\r")), "a")


def test_lines_of_hundreds_of_kilobytes() -> None:
    """A long line is parsed like any other, and the reason of a dead one is short all the same."""
    long = b"a" * 500_000
    parsed = regex_parser().parse(
        batch(LINE.replace(b"the+matrix", long), LINE.replace(b",123,", b"," + long + b","), LINE)
    )
    assert 500_005 == len(values(parsed, "movie")[0])
    assert 80 > len(reasons(parsed)[1])


def test_a_reason_shows_no_control_characters() -> None:
    """What a line holds can't write into a terminal or a log."""
    parsed = regex_parser().parse(batch(LINE.replace(b",123,", b",\x1b[31m\n\xe2\x80\xae,")))
    assert r"user: '\x1b[31m\n\u202e' is not an integer" == reasons(parsed)[0]


def test_a_group_that_took_no_part_is_missing() -> None:
    """It is null in an optional column, and makes the line dead in any other."""
    pattern = r"a(?:=(?P<a>\d+))?"
    optional = regex_parser((column("a", "integer", optional=True),), pattern=pattern, prefix=())
    required = regex_parser((column("a", "integer"),), pattern=pattern, prefix=())
    assert [5, None] == values(optional.parse(batch(b"a=5", b"a")), "a")
    assert {1: "a is missing"} == reasons(required.parse(batch(b"a=5", b"a")))


@pytest.mark.parametrize("offsets", [[], [3], [3, 9, 10]])
def test_offsets_with_gaps_stay_with_their_lines(offsets: list[int]) -> None:
    """A compacted topic has gaps; a batch may hold nothing."""
    given = replace(batch(*[LINE] * len(offsets)), offsets=offsets)
    assert offsets == values(regex_parser().parse(given), "_offset")
