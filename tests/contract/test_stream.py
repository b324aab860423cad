"""The contract of the Stream port, on the shipped fake, a folder, a mock cluster of Kafka and a real broker."""

from contextlib import closing
from pathlib import Path

import pytest

from seatrial.records import PermanentError
from tests.streams.reading import followings_of, offsets_of, read_some, read_to_end, values_of
from tests.streams.scenes import FilesScene, KafkaScene, MemoryScene, Scene

LINES = [b'{"ship": 1}', b"", b"\xff\xfe no text", b"last"]


EVERYWHERE = ["memory", "files", pytest.param("kafka", marks=pytest.mark.slow)]


@pytest.fixture(params=EVERYWHERE)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """Each kind of stream in turn, empty."""
    if request.param == "memory":
        return MemoryScene()
    if request.param == "files":
        return FilesScene(tmp_path)
    return KafkaScene(request.getfixturevalue(request.param))


# The mock cluster lets the first member of a group wait for three seconds, so that it is not asked everything.
on_a_mock_too = pytest.mark.parametrize("scene", [*EVERYWHERE, "mock_kafka"], indirect=True)


@on_a_mock_too
def test_events_are_read_as_they_were_written(scene: Scene) -> None:
    """In their order, byte for byte, each with an offset of its own; after the last one the reading is at the end."""
    scene.put(LINES)

    with closing(scene.stream().read({})) as reading:
        found = read_to_end(reading)

        assert LINES == values_of(found)
        assert sorted(set(offsets_of(found))) == offsets_of(found)
        assert {scene.partition: reading.ends()[scene.partition]} == followings_of(found)
        assert reading.ends() == reading.positions()
        for batch in found:
            assert len(batch.offsets) == len(batch.values) == len(batch.times)
        assert [] == list(reading.lost())
        assert [] == list(reading.taken_away())


def test_reading_begins_at_the_offset_that_is_handed_in(scene: Scene) -> None:
    """That of any event, or the one where an earlier reading stopped; whatever else is known."""
    scene.put(LINES)
    with closing(scene.stream().read({})) as reading:
        [*earlier] = read_to_end(reading)

    with closing(scene.stream().read({scene.partition: offsets_of(earlier)[2]})) as reading:
        assert LINES[2:] == values_of(read_to_end(reading))
        scene.put([b"new"])
        later = read_some(reading, 1)
    with closing(scene.stream().read(followings_of(earlier))) as reading:
        again = read_to_end(reading)

    assert [b"new"] == values_of(later)
    assert [b"new"] == values_of(again)


def test_no_more_come_at_once_than_are_wanted(scene: Scene) -> None:
    """And the rest comes after them, each once."""
    lines = [b"%d" % number for number in range(25)]
    scene.put(lines)

    with closing(scene.stream().read({})) as reading:
        found = read_to_end(reading, most=10)

    assert lines == values_of(found)
    assert 10 >= max(len(batch.offsets) for batch in found)


def test_nothing_comes_where_nothing_is(scene: Scene) -> None:
    """A poll ends when its time is up, and positions are at the ends."""
    with closing(scene.stream().read({})) as reading:
        assert [] == list(reading.poll(0.05))
        assert [] == list(reading.poll(0.0))
        read_to_end(reading)
        assert reading.ends() == reading.positions()


@on_a_mock_too
def test_what_comes_later_is_not_part_of_the_ends_before(scene: Scene) -> None:
    """Who collects to the end of now can."""
    scene.put(LINES)
    with closing(scene.stream().read({})) as reading:
        before = reading.ends()[scene.partition]
        scene.put([b"late"])

        assert before < reading.ends()[scene.partition]
        found = read_to_end(reading)

    assert [b"late"] == [
        value for batch in found for at, value in zip(batch.offsets, batch.values, strict=True) if at >= before
    ]


@on_a_mock_too
def test_waiting_events_are_counted_without_reading(scene: Scene) -> None:
    """After the offsets that are given, or all of them."""
    stream = scene.stream()
    assert 0 == stream.waiting({})
    scene.put(LINES)
    with closing(stream.read({})) as reading:
        found = read_to_end(reading)

    assert len(LINES) == stream.waiting({})
    assert 2 == stream.waiting({scene.partition: offsets_of(found)[2]})
    assert 0 == stream.waiting(followings_of(found))


def test_closing_commits_nothing(scene: Scene) -> None:
    """What was read and is in no dataset is read again."""
    scene.put(LINES)
    for _ in range(2):
        with closing(scene.stream().read({})) as reading:
            assert LINES == values_of(read_to_end(reading))
            reading.close()


def test_a_commit_tells_the_group_and_no_more(scene: Scene) -> None:
    """Twice is as once; who hands in an offset gets that one."""
    scene.put(LINES)
    stream = scene.stream()
    with closing(stream.read({})) as reading:
        found = read_to_end(reading)
        stream.commit(followings_of(found))
    stream.commit({scene.partition: offsets_of(found)[3]})
    stream.commit({scene.partition: offsets_of(found)[3]})

    with closing(scene.stream().read({})) as reading:
        rest = values_of(read_to_end(reading))
    assert (LINES[3:] if scene.has_group else LINES) == rest
    assert 3 == scene.stream().waiting({scene.partition: offsets_of(found)[1]})


@on_a_mock_too
def test_what_was_appended_is_there(scene: Scene) -> None:
    """As soon as append returns."""
    stream = scene.stream()
    stream.append(LINES)
    stream.append([])
    stream.append([b"more"], keys=[b"ship"])

    assert len(LINES) + 1 == stream.waiting({})
    with closing(stream.read({})) as reading:
        assert sorted([*LINES, b"more"]) == sorted(values_of(read_to_end(reading)))


def test_latest_leaves_out_what_is_there(scene: Scene) -> None:
    """Once: where something is known already nothing is left out."""
    scene.put(LINES)
    stream = scene.stream("latest")

    assert 0 == stream.waiting({})
    with closing(stream.read({})) as reading:
        scene.put([b"new"])
        found = read_some(reading, 1)
    assert [b"new"] == values_of(found)
    assert 1 == stream.waiting({scene.partition: found[0].offsets[0]})


def test_an_offset_beyond_the_end_is_said(scene: Scene) -> None:
    """The stream was made anew: what comes is not what came before, and waiting would not help."""
    scene.put(LINES)
    with closing(scene.stream().read({})) as reading:
        end = reading.ends()[scene.partition]

    with pytest.raises(PermanentError, match=str(end + 1000)) as raised:
        scene.stream().read({scene.partition: end + 1000})
    with pytest.raises(PermanentError, match=str(end + 1000)):
        scene.stream().waiting({scene.partition: end + 1000})
    assert raised.value.remedy


def test_a_closed_reading_gives_no_more(scene: Scene) -> None:
    """Closing twice is as once."""
    reading = scene.stream().read({})
    reading.close()
    reading.close()

    with pytest.raises(PermanentError, match="closed"):
        reading.poll(0.0)
