"""The file of numbers: what is written is read, by others, at any moment, and growth moves nothing."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.serve.metrics.slots import Block, Header, Series, Sheet, SlotFile, read, write

LABELS = st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=3)
BLOCKS = st.builds(
    Block,
    kind=st.text(max_size=10),
    labels=LABELS,
    names=st.lists(st.text(max_size=5), max_size=4).map(tuple),
    edges=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30).map(tuple),
    born=st.floats(0, 1e10),
)


@given(blocks=st.lists(BLOCKS, max_size=12), size=st.sampled_from([1, 4096, 65536]))
def test_what_was_added_is_read(tmp_path_factory: pytest.TempPathFactory, blocks: list[Block], size: int) -> None:
    """Whatever the size that the file began with: all blocks, in order, each with the numbers of its slots."""
    path = tmp_path_factory.mktemp("slots") / "file"
    header = Header(id="a", worker="w", pid=1, started=2)
    file = SlotFile(path, header, size)
    views = [file.add(block) for block in blocks]
    for number, view in enumerate(views, start=1):
        np.asarray(view)[:] = np.arange(len(view)) + number
    sheet = read(path)
    assert sheet is not None
    assert header == sheet.header
    assert blocks == [series.block for series in sheet.series]
    assert [list(view) for view in views] == [list(series.values) for series in sheet.series]


def test_early_slots_stay_shared_when_the_file_grows(tmp_path: Path) -> None:
    """A view that was given out before the file grew tenfold is still what readers see."""
    file = SlotFile(tmp_path / "file", Header(id="a"), 4096)
    first = file.add(Block(kind="first", names=("x",)))
    for number in range(50):
        file.add(Block(kind=f"k{number}", names=tuple(f"n{one}" for one in range(100))))
    first[0] = 7.0
    sheet = read(tmp_path / "file")
    assert sheet is not None
    assert 40_000 < (tmp_path / "file").stat().st_size
    assert {"x": 7.0} == sheet.series[0].named


def test_room_is_taken_before_it_is_used(tmp_path: Path) -> None:
    """Every page is backed, so that a full file system refuses instead of killing the process."""
    SlotFile(tmp_path / "file", Header(id="a"), 65536)
    assert (tmp_path / "file").stat().st_blocks * 512 >= 65536


def test_a_file_that_cannot_grow_keeps_the_worker_alive(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The slots that found no room can be added to; nobody sees them, and the log says so."""
    file = SlotFile(tmp_path / "file", Header(id="a"), 4096)
    with (tmp_path / "file").open("rb") as closed_to_writing:
        os.dup2(closed_to_writing.fileno(), file._fd)
    slots = file.add(Block(kind="big", names=tuple(map(str, range(5000)))))
    slots[4999] += 1.0
    sheet = read(tmp_path / "file")
    assert sheet is not None
    assert () == sheet.series
    assert "no room" in caplog.text


@pytest.mark.parametrize("cut", [0, 4, 8, 20, 60])
def test_a_file_that_has_only_begun_is_none(tmp_path: Path, cut: int) -> None:
    """Opened but not yet written, or cut anywhere in its header."""
    whole = tmp_path / "whole"
    SlotFile(whole, Header(id="a" * 32, worker="w"))
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:cut])
    assert read(tmp_path / "cut") is None


def test_a_block_that_is_not_whole_is_not_there(tmp_path: Path) -> None:
    """A reader that sees the size of a block before its text reads what stands before it."""
    path = tmp_path / "file"
    file = SlotFile(path, Header(id="a"))
    file.add(Block(kind="whole", names=("x",)))
    file.add(Block(kind="torn", names=("x",)))
    data = path.read_bytes()
    at = data.index(b"torn")
    path.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    sheet = read(path)
    assert sheet is not None
    assert ["whole"] == [series.block.kind for series in sheet.series]


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    """It was folded since the folder was listed."""
    assert read(tmp_path / "gone") is None


def test_a_whole_sheet_can_be_written(tmp_path: Path) -> None:
    """`write` and `read` are inverse, also beyond the usual first size."""
    block = Block(kind="k", labels={"a": "ü"}, names=tuple(map(str, range(20_000))))
    header = Header(id="p", folded=("x", "y"))
    write(
        tmp_path / "file", Sheet(header=header, series=(Series(block=block, values=tuple(map(float, range(20_000)))),))
    )
    sheet = read(tmp_path / "file")
    assert sheet is not None
    assert header == sheet.header
    assert msgspec.to_builtins(block) == msgspec.to_builtins(sheet.series[0].block)
    assert tuple(map(float, range(20_000))) == sheet.series[0].values


def test_files_are_for_their_user_alone(tmp_path: Path) -> None:
    """Mode 0600."""
    SlotFile(tmp_path / "file", Header(id="a"))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
