"""FileStream: what a folder that others write to may do to its reader."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.adapters.stream.files import FileStream
from seatrial.adapters.stream.lines import count_lines, last_break
from seatrial.ports import EventBatch, LostEvents
from seatrial.records import PermanentError, TemporaryError, UsageError
from seatrial.testing import FakeClock
from tests.streams.reading import offsets_of, read_to_end, values_of

pieces = st.lists(st.binary(max_size=30) | st.sampled_from([b"\n", b"a\n", b"\r\n", b"b\nc\n"]), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=pieces, most=st.integers(1, 5))
def test_every_whole_line_comes_once_however_it_is_written(tmp_path: Path, written: list[bytes], most: int) -> None:
    """A reader beside a writer gets each line when it is whole, at the byte that it begins at."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    found: list[EventBatch] = []
    with closing(FileStream(tmp_path).read({})) as reading:
        for piece in written:
            with path.open("ab") as file:
                file.write(piece)
            found += reading.poll(0.0, most)
        found += read_to_end(reading, most=most)
        end = reading.positions()[path.name]

    data = path.read_bytes()
    lines = data.split(b"\n")[:-1]
    assert [line.removesuffix(b"\r") for line in lines] == values_of(found)
    assert [sum(len(line) + 1 for line in lines[:index]) for index in range(len(lines))] == offsets_of(found)
    assert data.rfind(b"\n") + 1 == end
    assert len(lines) == FileStream(tmp_path).waiting({})


def test_files_are_partitions_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Hidden and unfinished files, and folders, are not read; a file that comes later is."""
    for name in ("b.log", "a.log", ".hidden", "c.log.tmp", "c.log~", "d.part"):
        (tmp_path / name).write_bytes(name.encode() + b"\n")
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "z.log").write_bytes(b"z\n")

    with closing(FileStream(tmp_path).read({})) as reading:
        first = values_of(read_to_end(reading))
        (tmp_path / "0.log").write_bytes(b"0.log\n")
        second = values_of(read_to_end(reading))
        names = list(reading.positions())

    assert [b"a.log", b"b.log"] == first
    assert [b"0.log"] == second
    assert ["0.log", "a.log", "b.log"] == names


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    """It may come while it is read; waiting for it takes the clock's time."""
    clock = FakeClock()
    with closing(FileStream(tmp_path / "events", clock=clock).read({})) as reading:
        assert [] == list(reading.poll(3.0))
        assert 3.0 == pytest.approx(clock.monotonic())
        FileStream(tmp_path / "events").append([b"one"])
        assert [b"one"] == values_of(read_to_end(reading))


def test_a_line_without_its_end_is_none_yet(tmp_path: Path) -> None:
    """A writer is in the middle of it; it comes when it is whole, and counts neither as waiting nor as an end before."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")

    with closing(FileStream(tmp_path).read({})) as reading:
        assert [b"one"] == values_of(read_to_end(reading))
        assert {"a.log": 4} == reading.ends()
        assert 1 == FileStream(tmp_path).waiting({})
        with path.open("ab") as file:
            file.write(b"o\n")
        assert [b"two"] == values_of(read_to_end(reading))


def test_lines_longer_than_any_block_are_read(tmp_path: Path) -> None:
    """Blocks grow for the sake of one line, and lines around it are not touched."""
    lines = [b"short", b"x" * 5_000_000, b"", b"y" * 70_000, b"last"]
    (tmp_path / "a.log").write_bytes(b"".join(line + b"\n" for line in lines) + b"z" * 3_000_000)

    with closing(FileStream(tmp_path).read({})) as reading:
        found = read_to_end(reading, most=3)

    assert lines == values_of(found)
    assert 0 == FileStream(tmp_path).waiting({"a.log": found[-1].following})


def test_a_file_that_became_shorter_is_said(tmp_path: Path) -> None:
    """When reading begins and in its middle: what was read is not what is there, and guessing would double or lose lines."""
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    stream = FileStream(tmp_path)
    with closing(stream.read({})) as reading:
        read_to_end(reading)
        path.write_bytes(b"new\n")
        with pytest.raises(PermanentError, match="read up to byte 14 and has only 4") as raised:
            reading.poll(0.0)
    assert raised.value.remedy
    assert str(path) == raised.value.where

    with pytest.raises(PermanentError, match="read up to byte 14"):
        stream.read({"a.log": 14})
    with pytest.raises(PermanentError, match="no line begins at byte 2"):
        stream.read({"a.log": 2})


def test_files_that_vanish_are_noted(tmp_path: Path) -> None:
    """With what was left in them, where that was seen; reading goes on with the others."""
    for name in ("a.log", "b.log", "read.log"):
        (tmp_path / name).write_bytes(b"one\ntwo\n")

    with closing(FileStream(tmp_path).read({"long-gone.log": 12, "a.log": 4, "read.log": 8})) as reading:
        (tmp_path / "a.log").unlink()
        (tmp_path / "read.log").unlink()
        assert [b"one", b"two"] == values_of(read_to_end(reading))
        assert ["b.log"] == list(reading.positions())
        lost = list(reading.lost())

    assert LostEvents(partition="long-gone.log", start=12, end=12) in lost
    assert LostEvents(partition="a.log", start=4, end=8) in lost
    assert 2 == len(lost)


def test_what_can_not_be_read_is_said(tmp_path: Path) -> None:
    """A file in place of the folder, and a name that nobody could write down."""
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="can't be read"):
        FileStream(tmp_path / "file").read({})
    (tmp_path / "bad\nname.log").touch()
    with pytest.raises(PermanentError, match="rename") as raised:
        FileStream(tmp_path).read({})
    assert "\n" not in raised.value.what


def test_appended_lines_go_on_in_the_next_file_when_one_is_full(tmp_path: Path) -> None:
    """Files never shrink and never move, so that offsets stay right."""
    stream = FileStream(tmp_path, rotate=10)
    for number in range(4):
        stream.append([b"line %d" % number])

    assert ["events-000001.jsonl", "events-000002.jsonl"] == sorted(
        each.name for each in tmp_path.iterdir() if not each.name.startswith(".")
    )
    with closing(stream.read({})) as reading:
        assert [b"line %d" % number for number in range(4)] == values_of(read_to_end(reading))


def test_a_torn_line_is_not_joined_to_the_next(tmp_path: Path) -> None:
    """Of a writer that died in its middle: what comes next begins a new file."""
    (tmp_path / "events-000007.jsonl").write_bytes(b"whole\ntorn")
    FileStream(tmp_path).append([b"next"])

    with closing(FileStream(tmp_path).read({})) as reading:
        assert [b"whole", b"next"] == values_of(read_to_end(reading))
    assert b"next\n" == (tmp_path / "events-000008.jsonl").read_bytes()


def test_an_event_with_a_line_break_is_refused(tmp_path: Path) -> None:
    """It would be two; and then nothing is written."""
    with pytest.raises(UsageError, match="line break"):
        FileStream(tmp_path).append([b"one", b"t\nwo"])
    assert 0 == FileStream(tmp_path).waiting({})


def test_lines_that_find_no_room_are_not_written_by_half(tmp_path: Path) -> None:
    """A full disk is a matter of time; what was there before is as it was."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from seatrial.adapters.stream.files import FileStream\n"
        "from seatrial.records import TemporaryError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "stream = FileStream(Path(sys.argv[1])); stream.append([b'fits'])\n"
        "try: stream.append([b'does', b'not', b'fit', b'at', b'all.'])\n"
        "except TemporaryError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )

    assert "could not be written" in done.stdout
    assert b"fits\n" == (tmp_path / "events-000001.jsonl").read_bytes()


def test_writers_at_once_keep_each_line_whole(tmp_path: Path) -> None:
    """Also while files are rotated under them."""
    lines = [b"%d %s" % (number, b"x" * 100) for number in range(200)]

    def write(line: bytes) -> None:
        FileStream(tmp_path, rotate=2000).append([line])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, lines))

    with closing(FileStream(tmp_path).read({})) as reading:
        assert sorted(lines) == sorted(values_of(read_to_end(reading)))


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    """With where."""
    (tmp_path / "file").touch()
    with pytest.raises(TemporaryError, match="could not be written") as raised:
        FileStream(tmp_path / "file" / "events").append([b"one"])
    assert str(tmp_path / "file" / "events") == raised.value.where


def test_ends_and_counts_of_large_files_take_no_reading_of_the_whole(tmp_path: Path) -> None:
    """The last line break is found from behind; after 64 MiB lines are counted by their usual length."""
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        for _ in range(80):
            file.write(b"0123456789abcde\n" * (1 << 16))
        file.write(b"x" * 200_000)

    assert 80 << 20 == last_break(path, 0)
    assert 80 << 20 == last_break(path, 80 << 20)
    assert 80 << 16 == pytest.approx(count_lines(path, 0), rel=0.01)
