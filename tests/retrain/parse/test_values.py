"""What texts are values of which kind."""

from datetime import datetime
from typing import Any

import pytest

from tests.retrain.parse.batches import batch, column, json_parser, moment, reasons, regex_parser, values


def read(kind: str, *texts: str, time_format: str = "iso") -> list[Any]:
    """The values of texts; None for those that are wrong or missing."""
    parser = regex_parser(
        (column("a", kind, optional=True),), pattern=r"<(?P<a>.*)>", prefix=(), time_format=time_format
    )
    parsed = parser.parse(batch(*(f"<{text}>".encode() for text in texts)))
    found = dict(zip(values(parsed, "_offset"), values(parsed, "a"), strict=True))
    return [found.get(number) for number in range(len(texts))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        (" 7 ", 7),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", None),
        ("7.0", None),
        ("7e2", None),
        ("1_000", None),
        ("७", None),
        ("x", None),
        ("", None),
        ("9" * 5_000, None),
    ],
)
def test_integers(text: str, value: int | None) -> None:
    """Digits with a sign, of 64 bits; alone and beside others it is the same."""
    assert [value] == read("integer", text)
    assert [1, value, 2] == read("integer", "1", text, "2")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("-1e-3", -0.001),
        (" 7 ", 7.0),
        (".5", 0.5),
        ("nan", None),
        ("inf", None),
        ("-Infinity", None),
        ("1e999", None),
        ("1_0", None),
        ("0x10", None),
        ("1,5", None),
        ("", None),
    ],
)
def test_numbers(text: str, value: float | None) -> None:
    """Finite ones, as people write them."""
    assert [value] == read("number", text)
    assert [1.0, value, 2.0] == read("number", "1", text, "2")


def test_booleans() -> None:
    """The words and figures that people use, in whatever case."""
    texts = ["true", "FALSE", "1", "0", "Yes", "no", " true ", "2", "wahr", ""]
    assert [True, False, True, False, True, False, True, None, None, None] == read("boolean", *texts)


def test_booleans_of_json() -> None:
    """Also as 0 and 1; other numbers are none."""
    parser = json_parser({"a": "a"}, column("a", "boolean"))
    assert [True, False] == values(parser.parse(batch(b'{"a": true}', b'{"a": false}')), "a")
    parsed = parser.parse(batch(b'{"a": true}', b'{"a": 0}', b'{"a": 2}', b'{"a": 1.0}'))
    assert ([True, False], {2, 3}) == (values(parsed, "a"), set(reasons(parsed)))


def test_empty_text_is_a_text() -> None:
    """Only None is no text; of every other kind blank text is missing."""
    assert ["", " "] == read("text", "", " ")
    parser = regex_parser((column("a", "integer"),), pattern=r"<(?P<a>.*)>", prefix=())
    assert {0: "a is empty"} == reasons(parser.parse(batch(b"< >", b"<1>")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-21T10:00:00", moment(2026, 11, 21, 10)),
        ("2026-11-21 10:00:00", moment(2026, 11, 21, 10)),
        ("2026-11-21T10:00:00Z", moment(2026, 11, 21, 10)),
        ("2026-11-21T10:00:00.125", moment(2026, 11, 21, 10, 0, 0, 125_000)),
        ("2026-11-21T10:00:00.125Z", moment(2026, 11, 21, 10, 0, 0, 125_000)),
        ("2026-11-21T10:00:00.000001", moment(2026, 11, 21, 10, 0, 0, 1)),
        ("2026-11-21T10:00:00.000001Z", moment(2026, 11, 21, 10, 0, 0, 1)),
        ("2026-11-21T10:00:00+02:00", moment(2026, 11, 21, 8)),
        ("2026-11-21T10:00", moment(2026, 11, 21, 10)),
        ("2026-11-21", moment(2026, 11, 21)),
        ("20261121T100000Z", moment(2026, 11, 21, 10)),
        ("2024-02-29T00:00:00", moment(2024, 2, 29)),
        ("0001-01-01T00:00:00", moment(1, 1, 1)),
        ("9999-12-31T23:59:59.999999", moment(9999, 12, 31, 23, 59, 59, 999_999)),
        ("2026-02-29T00:00:00", None),
        ("2026-11-21T24:00:00", None),
        ("2026-11-21T10:00:60", None),
        ("2026-13-21T10:00:00", None),
        ("0000-01-01T00:00:00", None),
        ("0001-01-01T00:00:00+02:00", None),
        ("2026-11-21T10:00:00X", None),
        ("2026-11-21T10:00:0٣", None),
        ("now", None),
        ("", None),
    ],
)
def test_times_of_iso_8601(text: str, value: datetime | None) -> None:
    """With or without a zone (then it is UTC); alone and beside others it is the same."""
    assert [value] == read("time", text)
    usual = "2026-11-21T09:00:00"
    assert [moment(2026, 11, 21, 9), value, moment(2026, 11, 21, 9)] == read("time", usual, text, usual)


@pytest.mark.parametrize(
    ("time_format", "text", "value"),
    [
        ("s", "1770000000", moment(2026, 2, 2, 2, 40)),
        ("s", "1770000000.25", moment(2026, 2, 2, 2, 40, 0, 250_000)),
        ("s", "-1", moment(1969, 12, 31, 23, 59, 59)),
        ("ms", "1770000000001", moment(2026, 2, 2, 2, 40, 0, 1_000)),
        ("ms", "253402300799999", moment(9999, 12, 31, 23, 59, 59, 999_000)),
        ("ms", "253402300800000", None),
        ("s", "1770000000001", None),
        ("s", "nan", None),
        ("s", "1_0", None),
        ("s", "1e300", None),
        ("s", "2026-11-21", None),
        ("%d.%m.%Y %H:%M", "21.11.2026 10:00", moment(2026, 11, 21, 10)),
        ("%d.%m.%Y %H:%M %z", "21.11.2026 10:00 +0200", moment(2026, 11, 21, 8)),
        ("%d.%m.%Y", "31.02.2026", None),
    ],
)
def test_times_of_other_formats(time_format: str, text: str, value: datetime | None) -> None:
    """Seconds, milliseconds and strptime's; beyond the years 1 to 9999 there is none."""
    assert [value] == read("time", text, time_format=time_format)


def test_times_of_json_numbers() -> None:
    """They are seconds or milliseconds if the format says so, and no ISO time."""
    seconds = json_parser({"a": "a"}, column("a", "time"), time_format="s")
    assert [moment(1970, 1, 1, 0, 0, 1, 500_000)] == values(seconds.parse(batch(b'{"a": 1.5}')), "a")
    iso = json_parser({"a": "a"}, column("a", "time"))
    assert {0: "a: 1.5 is not a time (iso)", 1: "a: True is not a time (iso)"} == reasons(
        iso.parse(batch(b'{"a": 1.5}', b'{"a": true}'))
    )
