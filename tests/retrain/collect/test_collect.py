"""Collecting from a stream into one file."""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from seatrial.adapters.stream.memory import MemoryReading
from seatrial.adapters.stream.memory_log import Shelf
from seatrial.ports import EventBatch
from seatrial.records import Span, TemporaryError
from seatrial.retrain.collect import Stopped, next_most, too_many_dead
from seatrial.testing import FakeClock, MemoryStream
from tests.retrain.collect.collecting import BROKEN, Collecting, dead_lines, places, rating, ratings, table

ONE, TWO = "ratings/0", "ratings/1"


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes only in waits."""
    return FakeClock()


@pytest.fixture
def stream(clock: FakeClock) -> MemoryStream:
    """With two partitions."""
    return MemoryStream(ONE, TWO, clock=clock)


@pytest.fixture
def collecting(stream: MemoryStream, clock: FakeClock, tmp_path: Path) -> Collecting:
    """From that stream."""
    return Collecting(stream=stream, folder=tmp_path / "run", clock=clock)


def test_it_ends_at_the_end_of_what_was_there(stream: MemoryStream, collecting: Collecting) -> None:
    """Rows lie by partition and offset, with both beside them; spans say what was taken."""
    stream.put(TWO, ratings(3))
    stream.put(ONE, ratings(2, first=10))
    found = collecting()
    assert [(ONE, 0), (ONE, 1), (TWO, 0), (TWO, 1), (TWO, 2)] == places(found.file)
    assert [10, 11, 0, 1, 2] == table(found.file)["user"]
    assert {ONE: Span(start=0, end=2), TWO: Span(start=0, end=3)} == found.spans
    assert {"lines": 5, "parsed": 5, "ignored": 0, "dead": 0, "empty": 0, "lost": 0} == found.counts
    assert ("end", "", ()) == (found.ended_by, found.dead_file, found.notes)


def test_what_comes_while_it_runs_is_left_for_the_next(stream: MemoryStream, collecting: Collecting) -> None:
    """The end is where the stream ended when it began, and the next collection goes on right there."""
    stream.put(ONE, ratings(2_500))

    def more() -> bool:
        stream.put(ONE, ratings(10))
        return False

    found = collecting(stop=more)
    assert {ONE: Span(start=0, end=2_500), TWO: Span(start=0, end=0)} == found.spans
    assert 2_500 == len(places(found.file))


def test_it_begins_at_the_offsets_that_it_is_given(stream: MemoryStream, collecting: Collecting) -> None:
    """What was taken before is not taken again."""
    stream.put(ONE, ratings(5))
    stream.put(TWO, ratings(5))
    found = collecting({ONE: 3, TWO: 5})
    assert [(ONE, 3), (ONE, 4)] == places(found.file)
    assert {ONE: Span(start=3, end=5), TWO: Span(start=5, end=5)} == found.spans


def test_a_window_takes_what_comes_until_it_is_over(
    stream: MemoryStream, collecting: Collecting, clock: FakeClock
) -> None:
    """An hour passes by the clock alone; between two lines nothing is asked more often than it has to be."""
    asked = 0

    def minutely() -> bool:
        nonlocal asked
        asked += 1
        if asked % 120 == 1:
            stream.put(ONE, [rating(asked)])
        return False

    begun = clock.monotonic()
    found = collecting(window=3600.0, to_end=False, stop=minutely)
    assert ("window", 3600.0) == (found.ended_by, clock.monotonic() - begun)
    assert 3600.0 == (found.ended - found.started).total_seconds()
    assert 60 <= found.counts["parsed"] <= 61
    assert 7_400 > asked


def test_a_window_does_not_outlast_the_end_where_both_are_asked_for(
    stream: MemoryStream, collecting: Collecting
) -> None:
    """Whichever comes first."""
    stream.put(ONE, ratings(2))
    assert "end" == collecting(window=60.0, to_end=True).ended_by


def test_so_many_events_are_taken_and_not_one_more(stream: MemoryStream, collecting: Collecting) -> None:
    """Dead, ignored and empty lines are events as well."""
    stream.put(ONE, [BROKEN, b"", *ratings(6_000)])
    found = collecting(events=5_000, to_end=False)
    assert ("events", 5_000, 4_998) == (found.ended_by, found.counts["lines"], found.counts["parsed"])
    assert Span(start=0, end=5_000) == found.spans[ONE]


def test_explicit_offsets_are_collected_to_exactly(stream: MemoryStream, collecting: Collecting) -> None:
    """Nothing behind them, and nothing of partitions that are not named."""
    stream.put(ONE, ratings(5_000))
    stream.put(TWO, ratings(3))
    found = collecting({ONE: 1}, to={ONE: 4_001}, to_end=False)
    assert ("offset", {ONE: Span(start=1, end=4_001)}) == (found.ended_by, found.spans)
    assert [(ONE, offset) for offset in range(1, 4_001)] == places(found.file)


def test_offsets_beyond_the_end_are_waited_for(stream: MemoryStream, collecting: Collecting) -> None:
    """Until they come, or until the window is over."""
    stream.put(ONE, ratings(2))
    waited = collecting(to={ONE: 4}, to_end=False, window=30.0)
    assert ("window", Span(start=0, end=2)) == (waited.ended_by, waited.spans[ONE])
    stream.put(ONE, ratings(2))
    assert "offset" == collecting(to={ONE: 4}, to_end=False).ended_by


def test_a_partition_that_is_never_read_does_not_hang_it(stream: MemoryStream, collecting: Collecting) -> None:
    """Another member of the group has it: that is said, not waited out for ever."""
    stream.take_away(ONE)
    with pytest.raises(TemporaryError, match="ratings/0 is to be collected and is not read here"):
        collecting(to={ONE: 4}, to_end=False)


def test_nothing_there_is_a_file_without_rows(collecting: Collecting) -> None:
    """With its columns, so that nobody has to make an exception for it."""
    found = collecting()
    assert ["time", "user", "movie", "rating", "_offset", "_partition"] == list(table(found.file))
    assert ([], 0, "end") == (places(found.file), found.counts["lines"], found.ended_by)


def test_dead_lines_are_kept_with_place_and_reason(stream: MemoryStream, collecting: Collecting) -> None:
    """What is no text as base64, a long line shortened; reasons are counted without their values."""
    long = rating(1).replace(b",1,", b"," + "ä".encode() * 20_000 + b",")
    stream.put(TWO, [rating(0), long])
    stream.put(ONE, [b"\xff\xfe", BROKEN, rating(2), BROKEN])
    found = collecting()
    first, second, third, last = dead_lines(found)
    assert {
        "partition": ONE,
        "offset": 0,
        "reason": "the line is not UTF-8 text",
        "line": base64.b64encode(b"\xff\xfe").decode(),
        "encoding": "base64",
    } == first
    assert {"partition": ONE, "offset": 1, "reason": "the line has fewer than 3 parts", "line": "hello"} == second
    assert (ONE, 3) == (third["partition"], third["offset"])
    assert (TWO, 1, len(long)) == (last["partition"], last["offset"], last["length"])
    assert long.decode().startswith(last["line"])
    assert 10_000 >= len(last["line"].encode()) > 9_990
    assert (
        ("the line has fewer than 3 parts", 2),
        ("the line is not UTF-8 text", 1),
        ("user is not an integer", 1),
    ) == found.reasons


def test_a_long_line_that_is_no_text_at_its_end_is_base64(stream: MemoryStream, collecting: Collecting) -> None:
    """Whether it is text is a matter of the whole line."""
    stream.put(ONE, [b"a" * 20_000 + b"\xff"])
    (dead,) = dead_lines(collecting())
    assert ("base64", b"a" * 10_000) == (dead["encoding"], base64.b64decode(dead["line"]))


def test_too_many_dead_lines_are_said(stream: MemoryStream, collecting: Collecting) -> None:
    """Of the lines that are the parser's business; as many as are allowed are not too many."""
    stream.put(ONE, [*ratings(97), BROKEN, BROKEN, BROKEN, *[b""] * 100])
    found = collecting(most_dead=0.03)
    assert "" == too_many_dead(found, 0.03)
    assert (
        "3 of 100 lines did not parse (3.0%; at most 2.0% may): nothing was taken from the stream; "
        "most often: the line has fewer than 3 parts"
    ) == too_many_dead(found, 0.02)


def test_no_lines_are_not_too_many_dead_ones(collecting: Collecting) -> None:
    """Zero of zero."""
    assert "" == too_many_dead(collecting(most_dead=0.0), 0.0)


def test_it_ends_early_once_too_many_lines_are_certain_to_be_dead(stream: MemoryStream, collecting: Collecting) -> None:
    """A wrong pattern need not read a million lines to be found out; the lines that it saw are shown."""
    stream.put(ONE, [BROKEN] * 100_000)
    found = collecting(most_dead=0.01)
    assert "dead lines" == found.ended_by
    assert 10_000 > found.counts["dead"] == len(dead_lines(found)) > 1_000
    assert "" != too_many_dead(found, 0.01)


@pytest.mark.parametrize(("dead", "ended_by"), [(400, "window"), (1_500, "dead lines")])
def test_a_window_ends_early_only_where_far_too_many_are_dead(
    stream: MemoryStream, collecting: Collecting, dead: int, ended_by: str
) -> None:
    """A burst of broken lines may be followed by many good ones; a parser that fits nothing is another matter."""
    stream.put(ONE, [*ratings(2_000 - dead), *[BROKEN] * dead])
    assert ended_by == collecting(window=60.0, to_end=False, most_dead=0.01).ended_by


def test_rows_of_a_partition_that_went_elsewhere_are_dropped(stream: MemoryStream, collecting: Collecting) -> None:
    """They are the other member's: rows, dead lines, counts and span."""
    stream.put(ONE, [*ratings(2_000), BROKEN])
    stream.put(TWO, ratings(5))

    found = collecting(stop=after(1, lambda: stream.take_away(ONE)))
    assert [(TWO, offset) for offset in range(5)] == places(found.file)
    assert ({TWO: Span(start=0, end=5)}, 5, 0, "") == (
        found.spans,
        found.counts["lines"],
        found.counts["dead"],
        found.dead_file,
    )
    assert (
        "ratings/0 went to another member of the group: 2,000 lines that had been read of it were dropped",
    ) == found.notes


def test_a_partition_that_comes_back_is_collected_once(stream: MemoryStream, collecting: Collecting) -> None:
    """From where it had begun."""
    stream.put(ONE, ratings(5_000))

    def move() -> None:
        stream.take_away(ONE)
        stream.give_back(ONE)

    found = collecting({ONE: 1}, stop=after(1, move))
    assert [(ONE, offset) for offset in range(1, 5_000)] == places(found.file)
    assert (Span(start=1, end=5_000), 4_999) == (found.spans[ONE], found.counts["lines"])


def test_what_was_read_right_before_it_went_elsewhere_is_not_taken(clock: FakeClock, tmp_path: Path) -> None:
    """The lines of a poll behind which their partition was taken away are the other member's, too."""
    stream = MovingStream(ONE, TWO, clock=clock)
    stream.put(ONE, ratings(10))
    stream.put(TWO, ratings(3))
    found = Collecting(stream=stream, folder=tmp_path, clock=clock)()
    assert [(TWO, 0), (TWO, 1), (TWO, 2)] == places(found.file)
    assert {TWO: Span(start=0, end=3)} == found.spans


def test_a_stream_that_does_not_wait_is_not_asked_without_a_pause(clock: FakeClock, tmp_path: Path) -> None:
    """An empty poll takes as long as it may, whoever waits."""
    stream = HastyStream(ONE, clock=clock)
    found = Collecting(stream=stream, folder=tmp_path, clock=clock)(window=60.0, to_end=False)
    assert ("window", 120) == (found.ended_by, stream.polls)


def test_offsets_that_are_gone_are_counted_and_noted(stream: MemoryStream, collecting: Collecting) -> None:
    """The span holds them, so that the next collection goes on behind them."""
    stream.put(ONE, ratings(10))
    stream.truncate(ONE, 4)
    found = collecting({ONE: 1})
    assert (3, Span(start=1, end=10)) == (found.counts["lost"], found.spans[ONE])
    assert ("the stream had 3 offsets of ratings/0 no more, from 1 on: they are lost",) == found.notes


def test_what_is_lost_of_a_partition_that_went_elsewhere_is_not_ours_to_count(
    stream: MemoryStream, collecting: Collecting
) -> None:
    """Nor what is lost of one of which nothing is taken, or beyond the offset that is collected to."""
    stream.put(ONE, ratings(5_000))
    stream.put(TWO, ratings(10))
    stream.truncate(ONE, 4)
    stream.truncate(TWO, 8)
    gone = collecting({ONE: 1}, stop=after(1, lambda: stream.take_away(ONE)), to_end=False, window=5.0)
    assert (0, {TWO: Span(start=8, end=10)}) == (gone.counts["lost"], gone.spans)
    stream.give_back(ONE)
    assert 0 == collecting({ONE: 1}, to={TWO: 10}).counts["lost"]
    cut = collecting({ONE: 1}, to={ONE: 3})
    assert (2, Span(start=1, end=3)) == (cut.counts["lost"], cut.spans[ONE])


def test_gaps_of_a_compacted_topic_are_no_loss(stream: MemoryStream, collecting: Collecting) -> None:
    """Offsets stay with their lines, and the end is reached past what is no event for anybody."""
    stream.put(ONE, ratings(4), keys=[b"a", b"b", b"a", b"c"])
    stream.compact(ONE)
    stream.skip(ONE, 2)
    found = collecting()
    assert [(ONE, 1), (ONE, 2), (ONE, 3)] == places(found.file)
    assert (0, Span(start=0, end=6)) == (found.counts["lost"], found.spans[ONE])


def test_a_stop_leaves_nothing_behind(stream: MemoryStream, collecting: Collecting) -> None:
    """Also not what it had spooled."""
    stream.put(ONE, ratings(5_000))
    with pytest.raises(Stopped):
        collecting(stop=after(1, lambda: None, answer=True))
    assert [] == list(collecting.folder.iterdir())


def test_a_stream_that_falls_silent_ends_it_without_a_file(stream: MemoryStream, collecting: Collecting) -> None:
    """A file is there only once it is whole."""
    stream.put(ONE, ratings(5_000))
    with pytest.raises(TemporaryError):
        collecting(stop=after(1, lambda: stream.answer(answering=False)))
    assert [] == list(collecting.folder.iterdir())


def test_begun_again_it_overwrites_what_was_there(stream: MemoryStream, collecting: Collecting) -> None:
    """The dead lines of an earlier collection do not stay beside the rows of this one."""
    stream.put(ONE, [BROKEN, rating(1)])
    assert "" != collecting().dead_file
    found = collecting({ONE: 1})
    assert [(ONE, 1)] == places(found.file)
    assert ["rows.parquet"] == [path.name for path in collecting.folder.iterdir()]


def test_the_same_offsets_give_the_same_file(stream: MemoryStream, collecting: Collecting, tmp_path: Path) -> None:
    """However the lines were mixed on their way: partitions are in their natural order."""
    names = [f"ratings/{number}" for number in range(11)]
    for number in range(6_000):
        stream.put(names[number % 11], [rating(number)])
    whole = collecting()
    other = Collecting(stream=stream, folder=tmp_path / "other", clock=collecting.clock)

    def shuffle() -> None:
        stream.take_away(names[3])
        stream.give_back(names[3])

    again = other(stop=after(2, shuffle), to=dict.fromkeys(names, 600))
    first = collecting(to=dict.fromkeys(names, 600))
    assert names == list(whole.spans)
    assert names == list(dict.fromkeys(partition for partition, _ in places(whole.file)))
    assert Path(first.file).read_bytes() == Path(again.file).read_bytes()


def test_whoever_watches_is_told_once_a_second_and_at_the_end(stream: MemoryStream, collecting: Collecting) -> None:
    """With what came, how fast, and how long it will take."""
    stream.put(ONE, [BROKEN, *ratings(9)])
    collecting(window=10.0, to_end=False)
    assert 12 >= len(collecting.told) >= 10
    assert (10, 9, 1, 0.0) == (
        collecting.told[-1].lines,
        collecting.told[-1].rows,
        collecting.told[-1].dead,
        collecting.told[-1].seconds_left,
    )
    assert sorted([one.seconds_left or 0 for one in collecting.told], reverse=True) == [
        one.seconds_left for one in collecting.told
    ]


def test_long_lines_are_asked_for_a_few_at_a_time(stream: MemoryStream, collecting: Collecting) -> None:
    """A gigabyte of them must not lie in memory because each poll takes so many lines."""
    batch = collecting.stream.read({}).poll
    stream.put(ONE, [b"a" * 400_000] * 50)
    long = batch(0.0, 50)
    stream.put(ONE, ratings(1_000))
    assert 41 == next_most(long)
    assert 20_000 == next_most(batch(0.0, 1_000))


class MovingStream(MemoryStream):
    """Gives `ratings/0` to another member of the group behind each poll, before anything else is asked."""

    def read(self, offsets: Mapping[str, int]) -> "MovingReading":
        """Begin to read."""
        return MovingReading(self, self._shelf, offsets)


class MovingReading(MemoryReading):
    """Made by MovingStream."""

    def __init__(self, stream: MovingStream, shelf: Shelf, offsets: Mapping[str, int]) -> None:
        super().__init__(shelf, offsets)
        self._stream = stream

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come."""
        found = super().poll(seconds, most)
        self._stream.take_away(ONE)
        return found


class HastyStream(MemoryStream):
    """Never waits.

    Attributes:
        polls: how many there were.
    """

    polls = 0

    def read(self, offsets: Mapping[str, int]) -> "HastyReading":
        """Begin to read."""
        return HastyReading(self, self._shelf, offsets)


class HastyReading(MemoryReading):
    """Made by HastyStream."""

    def __init__(self, stream: HastyStream, shelf: Shelf, offsets: Mapping[str, int]) -> None:
        super().__init__(shelf, offsets)
        self._stream = stream

    def poll(self, seconds: float, most: int = 10_000) -> Sequence[EventBatch]:
        """What has come, at once."""
        del seconds
        self._stream.polls += 1
        return super().poll(0.0, most)


def after(polls: int, act: Callable[[], None], *, answer: bool = False) -> Callable[[], bool]:
    """A `stop` that does something once, after so many polls; from then on its answer is `answer`."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == polls + 1:
            act()
        return answer and asked > polls

    return stop
