"""Logs: how much is kept of a long one, and what of it is fit to be shown."""

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.runtime.logs import LogKeeper, cut
from seatrial.logs import shown
from seatrial.logs import tail as log_tail
from tests.waiting import wait_until

MARKER = re.compile(rb"\n\[seatrial: (\d+) bytes of this log were dropped here\]\n")


def write(folder: Path, content: bytes) -> Path:
    """A log with this content."""
    path = folder / "cell.log"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "tail"),
    [
        (b"", ""),
        (b"one\ntwo\n", "one\ntwo"),
        (b"no end of line", "no end of line"),
        (b"windows\r\nlines\r\n", "windows\nlines"),
        (b"10%\r50%\r100%\ndone\n", "100%\ndone"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07shown\n", "red shown"),
        (b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\n", "link"),
        (b"bell\x07 nul\x00 del\x7f tab\t.\n", "bell nul del tab\t."),
        (b"caf\xe9 \xff\n", "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"),
        ("user\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\n".encode(), "usergpj.exe"),
        ("größe 温度\n".encode(), "größe 温度"),
        (b"\n\nafter\n\n\n", "after"),
    ],
)
def test_a_tail_is_safe_to_show(tmp_path: Path, content: bytes, tail: str) -> None:
    """Escapes, control and bidi characters are gone, undecodable bytes replaced, progress bars at their last state."""
    assert tail == log_tail(write(tmp_path, content)).lstrip("\n")


def test_a_missing_log_has_an_empty_tail(tmp_path: Path) -> None:
    """A deployment that never started has none."""
    assert log_tail(tmp_path / "never.log") == ""


def test_a_tail_is_at_most_8_kib(tmp_path: Path) -> None:
    """Also of one endless line, and without cutting a character in two."""
    tail = log_tail(write(tmp_path, "ü".encode() * 100_000 + b"end"))

    assert len(tail.encode()) <= 8192
    assert tail.endswith("üüend")
    assert {"ü"} == set(tail.removesuffix("end"))


@given(st.text())
def test_nothing_that_steers_a_terminal_is_ever_shown(line: str) -> None:
    """Whatever the line, no control character but the tab gets through."""
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", shown(line))


def test_a_cut_keeps_both_ends_and_counts_what_is_between(tmp_path: Path) -> None:
    """Kept and dropped bytes add up to what was written."""
    lines = [b"line %06d\n" % number for number in range(10_000)]
    path = write(tmp_path, b"".join(lines))

    dropped = cut(path, keep=1000, dropped=0)

    content = path.read_bytes()
    marker = MARKER.search(content)
    assert marker
    assert dropped == int(marker[1])
    assert sum(map(len, lines)) == len(content) - len(marker[0]) + dropped
    assert content.startswith(b"line 000000\n")
    assert content.endswith(b"\nline 009998\nline 009999\n")


@given(sizes=st.lists(st.integers(min_value=0, max_value=5000), min_size=1, max_size=6))
def test_repeated_cuts_have_one_marker_that_counts_all(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    """However the log grows between cuts, the bytes add up."""
    path = write(tmp_path_factory.mktemp("log"), b"begin\n" * 1000)
    written, dropped = 6000, 0
    for size in sizes:
        with path.open("ab") as log:
            log.write(b"y" * size + b"\n")
        written += size + 1
        if path.stat().st_size > 2000:
            dropped = cut(path, keep=500, dropped=dropped)

    content = path.read_bytes()
    markers = MARKER.findall(content)
    assert 1 == len(markers)
    assert written == len(content) - len(b"\n[seatrial: %d bytes of this log were dropped here]\n" % dropped) + dropped


def test_a_watched_log_is_cut_while_it_is_written(tmp_path: Path) -> None:
    """The writer's open file goes on at the end of what was kept."""
    keeper = LogKeeper(kept=10_000, interval=0.005)
    path = tmp_path / "cell.log"
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    keeper.watch(path)

    os.write(log, b"a" * 20_000 + b"\n")
    wait_until(lambda: path.stat().st_size < 10_000)
    os.write(log, b"after the cut\n")

    assert log_tail(path, 1) == "after the cut"
    os.close(log)
    keeper.release(path)


def test_a_released_log_is_left_alone(tmp_path: Path) -> None:
    """At the release it is cut a last time; later growth is not the keeper's."""
    keeper = LogKeeper(kept=1000, interval=60.0)
    path = write(tmp_path, b"")
    keeper.watch(path)
    path.write_bytes(b"z" * 5000)

    keeper.release(path)
    size = path.stat().st_size
    keeper.release(path)

    assert size <= 1000
    assert size == path.stat().st_size


def test_a_keeper_that_had_nothing_to_do_goes_on(tmp_path: Path) -> None:
    """Its thread ends with the last log and starts again with the next."""
    keeper = LogKeeper(kept=1000, interval=0.005)
    path = write(tmp_path, b"")
    keeper.watch(path)
    keeper.release(path)
    wait_until(lambda: "seatrial-logs" not in {thread.name for thread in threading.enumerate()})

    keeper.watch(path)
    path.write_bytes(b"z" * 5000)

    wait_until(lambda: path.stat().st_size < 1000)
    keeper.release(path)


def test_a_removed_log_is_no_trouble(tmp_path: Path) -> None:
    """The user may delete it while the deployment runs; other logs are still cut."""
    keeper = LogKeeper(kept=1000, interval=0.005)
    gone, other = tmp_path / "gone.log", write(tmp_path, b"")
    keeper.watch(gone)
    keeper.watch(other)

    other.write_bytes(b"z" * 5000)

    wait_until(lambda: other.stat().st_size < 1000)
    keeper.release(gone)
    keeper.release(other)
