"""MemoryStream: that the tricks which tests play with it are those of a real stream."""

import threading
from contextlib import closing

import pytest

from seatrial.ports import LostEvents
from seatrial.records import PermanentError, TemporaryError
from seatrial.testing import FakeClock, MemoryStream
from tests.streams.reading import offsets_of, read_to_end, values_of

LINES = [b"%d" % number for number in range(10)]


def test_compaction_keeps_the_last_of_each_key_and_leaves_gaps() -> None:
    """Offsets stay as they were, and reading comes to the end."""
    stream = MemoryStream("a/0")
    stream.put("a/0", LINES, keys=[b"x", b"y", None, b"x", b"y", None, b"x", b"z", b"y", b"x"])
    stream.compact("a/0")

    with closing(stream.read({})) as reading:
        found = read_to_end(reading)
    assert [b"2", b"5", b"7", b"8", b"9"] == values_of(found)
    assert [2, 5, 7, 8, 9] == offsets_of(found)
    assert 5 == stream.waiting({})


def test_offsets_may_be_an_event_for_nobody() -> None:
    """Positions move past them, also at the end."""
    stream = MemoryStream("a/0")
    stream.skip("a/0", 3)
    stream.put("a/0", [b"one"])
    stream.skip("a/0", 2)

    with closing(stream.read({})) as reading:
        assert [3] == offsets_of(read_to_end(reading))
        assert {"a/0": 6} == reading.positions()
        stream.skip("a/0")
        assert [] == list(reading.poll(0.0))
        assert {"a/0": 7} == reading.positions()


def test_truncated_events_are_lost_to_who_wanted_them() -> None:
    """Before reading began, and in its middle; who is past them does not care."""
    stream = MemoryStream("a/0")
    stream.put("a/0", LINES)
    stream.truncate("a/0", 4)
    with closing(stream.read({"a/0": 2})) as reading:
        assert [b"4"] == values_of(reading.poll(0.0, 1))
        stream.truncate("a/0", 7)
        assert [b"7", b"8", b"9"] == values_of(read_to_end(reading))
        assert [
            LostEvents(partition="a/0", start=2, end=4),
            LostEvents(partition="a/0", start=5, end=7),
        ] == list(reading.lost())
    with closing(stream.read({})) as reading:
        assert [] == list(reading.lost())


def test_a_partition_that_is_taken_away_begins_once_more_when_it_comes_back() -> None:
    """It is told once, and is read by nobody here in between."""
    stream = MemoryStream("a/0", "a/1")
    stream.put("a/0", LINES)
    with closing(stream.read({"a/0": 3})) as reading:
        read_to_end(reading)
        stream.take_away("a/0")
        assert ["a/0"] == list(reading.taken_away())
        assert [] == list(reading.taken_away())
        stream.put("a/0", [b"theirs"])
        assert [] == list(reading.poll(0.0))
        assert {"a/1": 0} == reading.positions() == reading.ends()
        stream.give_back("a/0")
        assert [*LINES[3:], b"theirs"] == values_of(read_to_end(reading))
        assert [] == list(reading.taken_away())


def test_a_stream_that_does_not_answer_says_so_until_it_does() -> None:
    """Nothing is lost by that."""
    stream = MemoryStream("a/0")
    stream.put("a/0", LINES)
    with closing(stream.read({})) as reading:
        stream.answer(answering=False)
        for use in (
            lambda: reading.poll(0.0),
            reading.ends,
            lambda: stream.read({}),
            lambda: stream.waiting({}),
            lambda: stream.commit({"a/0": 1}),
            lambda: stream.append([b"x"]),
        ):
            with pytest.raises(TemporaryError, match="does not answer"):
                use()
        stream.answer(answering=True)
        assert LINES == values_of(read_to_end(reading))
    assert {} == stream.committed


def test_a_partition_that_is_made_anew_while_it_is_read_is_said() -> None:
    """Its offsets begin at 0 again."""
    stream = MemoryStream("a/0")
    stream.put("a/0", LINES)
    with closing(stream.read({})) as reading:
        read_to_end(reading)
        stream.make_anew("a/0")
        with pytest.raises(PermanentError, match="made anew"):
            reading.poll(0.0)


def test_waiting_for_events_takes_the_clocks_time_or_real_time() -> None:
    """With a clock events bear its time; without one a reader wakes up when something comes."""
    clock = FakeClock()
    timed = MemoryStream(clock=clock)
    with closing(timed.read({})) as reading:
        assert [] == list(reading.poll(5.0))
        assert 5.0 == clock.monotonic()
        timed.append([b"x"])
        assert [int(clock.now().timestamp() * 1000)] == list(reading.poll(0.0)[0].times)

    real = MemoryStream("a/0")
    with closing(real.read({})) as reading:
        writer = threading.Timer(0.05, lambda: real.put("a/0", [b"late"]))
        writer.start()
        assert [b"late"] == values_of(reading.poll(30.0))
        writer.join()


def test_events_of_a_key_go_to_one_partition_and_others_round() -> None:
    """So that tests with several partitions need no more than append."""
    stream = MemoryStream("a/0", "a/1", "a/2")
    stream.append([b"x"] * 6)
    stream.append([b"k"] * 6, keys=[b"key"] * 6)

    with closing(stream.read({})) as reading:
        found = read_to_end(reading)
    assert [2, 2, 2] == [values_of(found, f"a/{number}").count(b"x") for number in range(3)]
    assert [0, 0, 6] == sorted(values_of(found, f"a/{number}").count(b"k") for number in range(3))


def test_latest_is_latest_in_every_partition_of_a_new_topic() -> None:
    """And a partition that comes later, of a topic that is known by then, is read from its beginning."""
    stream = MemoryStream("a/0", "a/1", first="latest")
    for name in ("a/0", "a/1"):
        stream.put(name, LINES)

    with closing(stream.read({})) as reading:
        assert {"a/0": 10, "a/1": 10} == reading.positions()
        stream.put("a/2", [b"new"])
        assert [b"new"] == values_of(read_to_end(reading))
