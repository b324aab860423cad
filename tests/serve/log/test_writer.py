"""The log as the server sees it: rows go in at once, and come out on the disk, whatever happens in between."""

import os
import shutil
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.records.errors import TemporaryError, UsageError
from seatrial.records.telemetry import Segment, segment_name
from seatrial.serve.log import PredictionLog, new_worker
from seatrial.serve.log.places import Directory
from seatrial.serve.log.segments import Encoder
from seatrial.serve.options import LogOptions
from tests.serve.log.makers import (
    DAY,
    INFO,
    NOON,
    NUMBERS,
    Request,
    Tally,
    answered,
    numbers,
    open_log,
    rows,
    segments,
    unanswered,
)
from tests.waiting import wait_until

NEVER = 3600.0
REFUSED = "00007"


def names(count: int) -> list[str]:
    """Request ids in order."""
    return [f"{number:05d}" for number in range(count)]


def test_a_flush_brings_everything_to_the_disk(tmp_path: Path) -> None:
    """Answers, refusals and labels that were taken before it."""
    tally = Tally()
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER), tally)
    assert log.offer(numbers("a", "b"))
    assert log.refused(unanswered("c"))
    assert log.label("a", 0, 5)
    log.flush().result(10)
    assert ["a", "b", "c"] == rows(tmp_path, "request_id")
    assert [("a", 0, 5.0)] == rows(tmp_path, "request_id, row, label", kind="labels")
    assert (4, 0, [], 0, None) == (tally.written, tally.dropped, tally.failed, log.waiting, log.failure)
    log.close(10)


def test_a_flush_with_nothing_to_write_is_done(tmp_path: Path) -> None:
    """And makes no file."""
    log = open_log(LogOptions(target=str(tmp_path)))
    log.flush().result(10)
    log.close(10)
    assert [] == segments(tmp_path)


def test_rows_are_written_when_the_time_is_over(tmp_path: Path) -> None:
    """Without any further call: the bound of what a crash can lose."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=0.1))
    for request_id in ("a", "b"):
        log.offer(numbers(request_id))
        wait_until(lambda: log.waiting == 0)
    assert ["a", "b"] == rows(tmp_path, "request_id")
    assert ["w1-000001-000001.parquet", "w1-000002-000002.parquet"] == segments(tmp_path)
    log.close(10)


def test_a_segment_is_closed_when_it_has_its_rows(tmp_path: Path) -> None:
    """And never has more; what is left over waits for the time."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER, segment_rows=1000))
    log.offer(numbers(*names(2500)))
    wait_until(lambda: log.waiting == 500)
    assert 2 == len(segments(tmp_path))
    log.close(10)
    assert (names(2500), 3) == (rows(tmp_path, "request_id"), len(segments(tmp_path)))


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """A server that stops in good order loses nothing; afterwards nothing is taken, and no flush hangs."""
    tally = Tally()
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER), tally)
    log.offer(numbers(*names(3000)))
    log.close(10)
    assert names(3000) == rows(tmp_path, "request_id")
    assert not log.offer(numbers("late"))
    assert (3000, 1) == (tally.written, tally.dropped)
    log.flush().result(1)
    log.close(1)


def test_requests_outside_the_sample_are_left_out_with_their_labels(tmp_path: Path) -> None:
    """All rows of a request and its labels are kept or left together; what is left out is not counted as lost."""
    tally = Tally()
    log = open_log(LogOptions(target=str(tmp_path), sample=0.5), tally)
    for name in names(200):
        pair = [Request(name, count=2)]
        assert log.offer(answered([[1.0, 1.0], [2.0, 2.0]], np.array([1.0, 2.0]), requests=pair))
        assert log.label(name, 1, 5)
    log.refused(unanswered(REFUSED))
    log.close(10)
    kept = rows(tmp_path, "request_id", kind="labels")
    assert 60 < len(kept) < 140
    assert sorted(kept * 2) == [
        request_id for request_id, status in rows(tmp_path, "request_id, status") if status == 200
    ]
    assert (REFUSED in kept) == ((REFUSED, 422) in rows(tmp_path, "request_id, status"))
    assert (0, 0) == (tally.dropped, log.waiting)


def block(target: Path) -> None:
    """Makes a directory unwritable in a way that stops root too: a file stands in its place."""
    shutil.rmtree(target)
    target.write_text("")


def test_rows_wait_while_the_place_cannot_be_written(tmp_path: Path) -> None:
    """They are written when it can be again, without a restart; meanwhile the reason can be read."""
    target, tally = tmp_path / "log", Tally()
    target.mkdir()
    log = open_log(LogOptions(target=str(target), flush_seconds=0.05), tally)
    block(target)
    log.offer(numbers("a", "b"))
    wait_until(lambda: len(tally.failed) >= 2)
    log.offer(numbers("c"))
    assert (3, "NotADirectoryError") == (log.waiting, (log.failure or "").partition(":")[0])
    target.unlink()
    wait_until(lambda: log.waiting == 0)
    assert ["a", "b", "c"] == rows(target, "request_id")
    assert (3, 0, 2, None) == (tally.written, tally.dropped, tally.failed[0], log.failure)
    log.close(10)


def test_what_the_buffer_does_not_hold_is_dropped_and_counted(tmp_path: Path) -> None:
    """The server goes on; the rows that came first are kept."""
    target, tally = tmp_path / "log", Tally()
    target.write_text("")
    log = open_log(LogOptions(target=str(target), flush_seconds=0.05, buffer_rows=10), tally)
    assert [True, True, False, True] == [log.offer(numbers(*names(count))) for count in (4, 4, 4, 2)]
    assert not log.refused(unanswered("x"))
    assert not log.label("x", 0, 1)
    assert (6, 10) == (tally.dropped, log.waiting)
    target.unlink()
    wait_until(lambda: log.waiting == 0)
    assert [10] == rows(target, "count(*)", order="1")
    assert log.offer(numbers(*names(10)))
    log.close(10)
    assert (20, 6) == (tally.written, tally.dropped)


def test_a_flush_says_that_it_could_not_write(tmp_path: Path) -> None:
    """At once and each time, so that a durable answer need not wait for a disk that is full; the rows stay."""
    target = tmp_path / "log"
    target.write_text("")
    log = open_log(LogOptions(target=str(target), flush_seconds=NEVER))
    log.offer(numbers("a"))
    for _ in range(3):
        with pytest.raises(TemporaryError, match="the prediction log can't be written: NotADirectoryError"):
            log.flush().result(10)
    target.unlink()
    wait_until(lambda: log.waiting == 0)
    assert ["a"] == rows(target, "request_id")
    log.close(10)


def test_closing_gives_up_in_time(tmp_path: Path) -> None:
    """A server must stop though its disk is gone; what is lost is counted."""
    target, tally = tmp_path / "log", Tally()
    target.write_text("")
    log = open_log(LogOptions(target=str(target), flush_seconds=NEVER), tally)
    log.offer(numbers("a", "b"))
    log.close(0.5)
    wait_until(lambda: tally.dropped)
    assert (0, 2) == (tally.written, tally.dropped)


class Gate(Directory):
    """A place whose writes wait for a sign."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached, self.opened = threading.Event(), threading.Event()

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Waits, then writes."""
        self.reached.set()
        self.opened.wait(30)
        super().write(path, content)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A place that is slow until it is told otherwise."""
    place = Gate(tmp_path)
    monkeypatch.setattr("seatrial.serve.log.writer.open_place", lambda _: place)
    yield place
    place.opened.set()


def test_a_slow_place_holds_up_nobody_and_flushes_share_a_segment(tmp_path: Path, gate: Gate) -> None:
    """While one segment is written, requests go on; all that asked meanwhile are answered by the next one."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    flushes = []
    for name in names(100):
        log.offer(numbers(name))
        flushes.append(log.flush())
        gate.reached.wait(10)
    assert not any(flush.done() for flush in flushes)
    gate.opened.set()
    for flush in flushes:
        flush.result(10)
    assert (names(100), 2) == (rows(tmp_path, "request_id"), len(segments(tmp_path)))
    log.close(10)


def test_a_flush_that_nobody_awaits_any_more_does_no_harm(tmp_path: Path, gate: Gate) -> None:
    """A caller went away while it waited for the disk."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    log.offer(numbers("a"))
    log.flush()
    gate.reached.wait(10)
    abandoned = log.flush()
    assert abandoned.cancel()
    gate.opened.set()
    log.flush().result(10)
    log.close(10)
    assert ["a"] == rows(tmp_path, "request_id")


def watched(log: PredictionLog) -> "weakref.ref[np.ndarray[Any, Any]]":
    """Offers a batch, and tells by its reference whether the log still holds it."""
    batch = np.array([[1.0, 2.0]])
    log.offer(answered(batch, np.array([1.0]), requests=[Request("watched")]))
    return weakref.ref(batch)


def test_what_was_answered_is_not_held_until_it_is_written(tmp_path: Path) -> None:
    """Requests hold bodies, which may be large; after a moment only columns are left of them."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    held = watched(log)
    wait_until(lambda: held() is None)
    assert (1, []) == (log.waiting, segments(tmp_path))
    log.close(10)
    assert ["watched"] == rows(tmp_path, "request_id")


def test_a_place_that_hangs_does_not_hold_requests(tmp_path: Path, gate: Gate) -> None:
    """The buffer then holds columns, which take a tenth of the memory."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    log.offer(numbers("first"))
    log.flush()
    gate.reached.wait(10)
    held = watched(log)
    wait_until(lambda: held() is None)
    gate.opened.set()
    log.close(10)
    assert ["first", "watched"] == rows(tmp_path, "request_id")


def test_closing_does_not_wait_for_a_place_that_hangs(tmp_path: Path, gate: Gate) -> None:
    """What is under way then is counted as lost, though it may arrive."""
    tally = Tally()
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER), tally)
    log.offer(numbers("a", "b"))
    late = log.flush()
    gate.reached.wait(10)
    log.close(0.2)
    with pytest.raises(TemporaryError, match="the log was closed before everything was written"):
        late.result(10)
    wait_until(lambda: tally.dropped == 2)


def test_a_segment_that_cannot_be_made_does_not_block_those_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up and counted."""
    tally, made = Tally(), []

    def fail_once(encoder: Encoder, batches: Any, count: int, rest: Any) -> memoryview:
        made.append(count)
        if len(made) == 1:
            raise ValueError("an error of the encoder")
        return encode(encoder, batches, count, rest)

    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", fail_once)
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER), tally)
    log.offer(numbers("a", "b"))
    with pytest.raises(TemporaryError, match="ValueError: an error of the encoder"):
        log.flush().result(10)
    log.offer(numbers("c"))
    log.close(10)
    assert (["c"], 1, 2) == (rows(tmp_path, "request_id"), tally.written, tally.dropped)


def test_what_cannot_be_converted_is_counted(tmp_path: Path) -> None:
    """A model that answers fewer rows than it was asked costs its own rows only."""
    tally = Tally()
    log = open_log(LogOptions(target=str(tmp_path)), tally)
    log.offer(answered([[1.0, 1.0], [2.0, 2.0]], np.array([1.0]), requests=[Request("broken", count=2)]))
    log.offer(numbers("good"))
    log.close(10)
    assert ["good"] == rows(tmp_path, "request_id")
    assert (1, 2, 0) == (tally.written, tally.dropped, log.waiting)
    assert log.failure is not None


def test_every_row_is_written_or_counted_as_dropped(tmp_path: Path) -> None:
    """Under more load than the log can take, from a thread that never waits."""
    tally = Tally()
    options = LogOptions(target=str(tmp_path), flush_seconds=0.02, segment_rows=3000, buffer_rows=4000)
    log = open_log(options, tally)
    offered = 0
    for number in range(1500):
        log.offer(numbers(*(f"{number}.{row}" for row in range(20))))
        log.refused(unanswered(f"{number}"))
        offered += 21
    log.close(20)
    assert offered == tally.written + tally.dropped
    assert [tally.written] == rows(tmp_path, "count(DISTINCT request_id || '/' || coalesce(row, -1))", order="1")


def test_small_segments_are_merged_on_the_way(tmp_path: Path) -> None:
    """After each 32 of them; readers see the same rows before and after."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    for name in names(40):
        log.offer(numbers(name))
        log.flush().result(10)
    wait_until(lambda: len(segments(tmp_path)) == 9)
    assert "w1-000001-000032.parquet" == segments(tmp_path)[0]
    assert names(40) == rows(tmp_path, "request_id")
    log.close(10)


def test_the_rest_of_a_date_is_merged_when_it_is_over(tmp_path: Path) -> None:
    """When the first segment of the next date is there."""
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    for number, name in enumerate(names(6)):
        log.offer(numbers(name, time=NOON + DAY * (number == 5)))
        log.flush().result(10)
    wait_until(lambda: len(segments(tmp_path)) == 2)
    assert ["w1-000001-000005.parquet", "w1-000006-000006.parquet"] == segments(tmp_path)
    log.close(10)


def test_a_start_clears_up_what_is_old_and_what_a_crash_left(tmp_path: Path) -> None:
    """Unfinished files of others after a minute, and segments beyond the retention."""
    folder = tmp_path / "predictions" / "date=2026-11-01"
    folder.mkdir(parents=True)
    old, left = folder / "v-000001-000001.parquet", folder / f".v-000002-000002.parquet.{'a' * 16}"
    for path in (old, left):
        path.write_bytes(b"")
        os.utime(path, (NOON - 20 * DAY, NOON - 20 * DAY))
    log = open_log(LogOptions(target=str(tmp_path), retain_days=7))
    wait_until(lambda: not folder.exists())
    log.close(10)


def test_upkeep_that_fails_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket may allow writing and forbid listing."""

    class Unlisted(Directory):
        def list(self, folder: str) -> "list[object]":  # type: ignore[override]
            raise PermissionError(f"no listing of {folder}")

    monkeypatch.setattr("seatrial.serve.log.writer.open_place", lambda _: Unlisted(tmp_path))
    log = open_log(LogOptions(target=str(tmp_path), flush_seconds=NEVER))
    for name in names(33):
        log.offer(numbers(name))
        log.flush().result(10)
    assert "PermissionError: no listing of predictions/date=2026-11-21" == wait_until(lambda: log.failure)
    log.close(10)
    assert names(33) == rows(tmp_path, "request_id")


def test_worker_names_are_unique_and_make_segment_names() -> None:
    """Without a hyphen, which separates the numbers."""
    one, other = new_worker(lambda: NOON), new_worker(lambda: NOON)
    assert one != other
    assert f"20261121T120000_{os.getpid()}_" == one[:-16]
    parsed = Segment.parse(segment_name(one, 1, 2))
    assert parsed is not None
    assert (one, 1, 2) == (parsed.worker, parsed.first, parsed.last)


@pytest.mark.parametrize("worker", ["", "a-b", "a/b"])
def test_a_worker_name_that_would_not_be_understood_is_refused(tmp_path: Path, worker: str) -> None:
    """At once, not at the first segment."""
    with pytest.raises(ValueError, match="neither - nor /"):
        open_log(LogOptions(target=str(tmp_path)), worker=worker)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "arro3.core", None)
    with pytest.raises(UsageError, match=r"pip install 'seatrial\[log\]'"):
        open_log(LogOptions(target=str(tmp_path)))


def test_time_comes_from_the_clocks_that_are_given(tmp_path: Path) -> None:
    """The clock stamps labels; the monotonic one says when a segment is due."""
    now = [0.0]
    tally = Tally()
    log = PredictionLog(
        LogOptions(target=str(tmp_path), flush_seconds=100.0),
        INFO,
        NUMBERS,
        worker="w1",
        clock=lambda: NOON + 7,
        monotonic=lambda: now[0],
        on_written=tally.wrote,
        on_dropped=tally.lost,
        on_failed=tally.failed.append,
    )
    log.label("a", 0, 1)
    assert 1 == log.waiting

    def passes() -> bool:
        now[0] += 60.0
        return log.waiting == 0

    wait_until(passes)
    assert [NOON + 7] == rows(tmp_path, "epoch(time)", kind="labels", order="1")
    log.close(10)
