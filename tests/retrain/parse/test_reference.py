"""The quick way and a plain one, line by line, are the same for whatever lines come."""

import re
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.retrain.parse.batches import batch, column, regex_parser, rows

COLUMNS = (
    column("time", "time"),
    column("user", "integer"),
    column("movie", "text"),
    column("rating", "integer"),
    column("share", "number", optional=True),
)
PATTERN = r"GET /rate/(?P<movie>.*?)=(?P<rating>[^ ]*)(?: (?P<share>.*))?"
IGNORE = r"/data/m/"


def plain(line: bytes) -> tuple[Any, ...] | str:
    """A row's values, or `empty`, `ignored` or `dead`: as one would write it down."""
    try:
        text = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return "dead"
    if not text.strip():
        return "empty"
    if re.search(IGNORE, text):
        return "ignored"
    parts = text.split(",", 2)
    found = re.search(PATTERN, parts[2]) if len(parts) == 3 else None
    if found is None:
        return "dead"
    try:
        return (
            plain_time(parts[0].strip()),
            plain_integer(parts[1]),
            found["movie"],
            plain_integer(found["rating"]),
            plain_number(found["share"]),
        )
    except (ValueError, OverflowError):
        return "dead"


def plain_time(text: str) -> datetime:
    """Without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plain_integer(text: str) -> int:
    """ASCII digits, 64 bits."""
    if not re.fullmatch(r"[ \t\n\r\f\v]*[+-]?[0-9]+[ \t\n\r\f\v]*", text):
        raise ValueError(text)
    if not -(2**63) <= int(text) < 2**63:
        raise OverflowError
    return int(text)


def plain_number(text: str | None) -> float | None:
    """None if there is none."""
    if text is None or not text.strip():
        return None
    if "_" in text or not text.isascii():
        raise ValueError(text)
    number = float(text)
    if number - number != 0:
        raise OverflowError
    return number


times = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat(timespec="milliseconds")),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z"),
    st.sampled_from(
        ["2026-02-30T00:00:00", "2026-11-21", "0000-01-01T00:00:00", "2026-11-21T25:00:00", "", "now", "NaT"]
    ),
    st.text(st.sampled_from("0123456789-:T.Z +"), max_size=28),
)
figures = st.one_of(
    st.integers(-5, 10**7).map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(str),
    st.sampled_from(["", " ", " 4 ", "+4", "4.0", "1_0", "٣", "1_0 ", "four", "0x4", "\x1f4", "\x854"]),
)
words = st.one_of(st.sampled_from(["the+matrix+1999", "", "ä b", "a=b"]), st.text(max_size=8))
ratings = st.builds(
    "{},{},{}GET /rate/{}={}{}".format,
    times,
    figures,
    st.sampled_from(["", "x "]),
    words,
    figures,
    st.one_of(st.just(""), figures.map(lambda text: f" {text}")),
)
lines = st.one_of(
    ratings.map(lambda text: text.encode(errors="replace")),
    ratings.map(lambda text: text.encode(errors="replace")[:-2]),
    st.binary(max_size=12),
    st.sampled_from([b"", b"\r\n", b" \t", b"2026-11-21T10:00:00,1,GET /data/m/x/1.mpg", b"a,b,c", b",,GET /rate/x=1"]),
)
usual = st.builds(
    "2026-11-21T10:{:02}:{:02},{},GET /rate/m+{}={}".format,
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 10**6),
    st.integers(1900, 2026),
    st.integers(1, 5),
).map(str.encode)


nearly = st.builds(
    "{},{},GET /rate/{}={}{}".format,
    st.one_of(st.just("2026-11-21T10:00:00"), times),
    st.one_of(st.just("7"), figures),
    st.one_of(st.just("m+1999"), words),
    st.one_of(st.just("4"), figures),
    st.one_of(st.just(" 0.5"), figures.map(lambda text: f" {text}")),
).map(lambda text: text.encode(errors="replace"))
batches = st.one_of(
    st.lists(st.one_of(usual, usual, lines), max_size=30),
    # One odd line among usual ones: what a quick way would be tempted to take along.
    st.builds(lambda before, odd, behind: [*before, odd, *behind], st.lists(usual), nearly, st.lists(usual)),
)


@settings(max_examples=300, deadline=None)
@given(batches, st.integers(0, 2**40))
def test_a_batch_gives_what_its_lines_give_one_by_one(given_lines: list[bytes], first: int) -> None:
    """The same rows at the same offsets, the same dead lines, and every line accounted for."""
    parser = regex_parser(COLUMNS, pattern=PATTERN, ignore=IGNORE)
    parsed = parser.parse(batch(*given_lines, offset=first))
    expected = [plain(line) for line in given_lines]
    assert [(*values, first + number) for number, values in enumerate(expected) if isinstance(values, tuple)] == [
        tuple(row.values()) for row in rows(parsed)
    ]
    dead = [first + number for number, values in enumerate(expected) if values == "dead"]
    assert dead == [line.offset for line in parsed.dead]
    assert [given_lines[offset - first] for offset in dead] == [line.line for line in parsed.dead]
    assert (expected.count("ignored"), expected.count("empty")) == (parsed.ignored, parsed.empty)


@settings(max_examples=100, deadline=None)
@given(batches, st.integers(1, 30))
def test_how_lines_are_cut_into_batches_changes_nothing(given_lines: list[bytes], size: int) -> None:
    """What becomes of a line, and what is said of it, does not depend on the lines beside it."""
    parser = regex_parser(COLUMNS, pattern=PATTERN, ignore=IGNORE)
    whole = parser.parse(batch(*given_lines))
    parts = [
        parser.parse(batch(*given_lines[begin : begin + size], offset=begin))
        for begin in range(0, len(given_lines), size)
    ]
    assert rows(whole) == [row for part in parts for row in rows(part)]
    assert list(whole.dead) == [line for part in parts for line in part.dead]
