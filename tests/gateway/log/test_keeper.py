"""The access log is counted exactly once, whatever happens to processes, clocks and disks."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.metrics.access_log import AccessLogMetrics
from seatrial.gateway.log import keeper as keeping
from seatrial.gateway.log.book import Book
from seatrial.gateway.log.keeper import LogKeeper, LogMeans
from seatrial.gateway.log.onward import OnwardClock
from seatrial.ports import Watched
from seatrial.records import Arm, Window
from tests.gateway.log.making import NOON, HandLog, Site, at, line
from tests.waiting import wait_until

WATCHED = Watched(service="wine", stable="1", canary="2", release="r1", begun=NOON)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A project without requests so far."""
    made = Site(tmp_path)
    yield made
    made.close()


def windows(site: Site, since: float = 0.0, until: float = 1e6, watched: Watched = WATCHED) -> Sequence[Window]:
    """What the judge is told."""
    return AccessLogMetrics(site.book).windows(watched, at(since), at(until))


def requests(found: Sequence[Window]) -> list[int]:
    """Of stable in each window."""
    return [window.stable.requests for window in found]


def test_a_window_is_shown_once_it_is_over_and_its_lines_are_here(site: Site) -> None:
    """A second after its end: until then the proxy may still write lines of it."""
    site.log.write([line(1.0), line(9.9)])
    site.pass_to(10.9)
    before = windows(site)
    site.log.write([line(9.95)])
    site.pass_to(11.0)

    assert () == before
    assert [3] == requests(windows(site))


def test_each_request_is_told_to_the_meters_once(site: Site) -> None:
    """Copies and testers' requests too."""
    lines = [line(1.0), line(2.0, mirrored=True), line(3.0, forced=True)]
    site.log.write(lines)
    site.pass_to(4.0)
    site.pass_to(5.0)

    assert lines == site.observed


def test_lines_that_nobody_understands_are_counted_and_passed_over(site: Site) -> None:
    """What a disk that was full left, and lines that are not about a request."""
    site.log.append(b'{"half": \nnull\n')
    site.log.write([line(1.0)])
    site.pass_to(11.0)

    assert [1] == requests(windows(site))
    assert (1, 1) == (site.keeper.figures.lines, site.keeper.figures.unreadable)
    assert () == tuple(site.keeper.troubles)


def test_users_count_where_they_are_seen_first_in_the_release(site: Site) -> None:
    """Those from before it began count once more; users without a key are each their own."""
    site.log.write([line(1.0, unit="old"), line(12.0, unit="old"), line(13.0, unit="new"), line(14.0, unit="new")])
    site.log.write(
        [line(15.0), line(16.0, assigned=Arm.CANARY, unit="c"), line(22.0, unit="old"), line(23.0, unit="c")]
    )
    site.log.write([line(24.0, unit="late")])
    site.pass_to(31.0)
    begun = Watched(service="wine", stable="1", canary="2", release="r1", begun=at(10.0))

    assert [(3, 1), (1, 0)] == [(one.stable.units, one.canary.units) for one in windows(site, 10.0, watched=begun)]


def test_without_keys_there_are_no_users(site: Site) -> None:
    """Then a request is its own."""
    site.log.write([line(1.0)])
    site.pass_to(11.0)

    assert [(None, None)] == [(one.stable.units, one.canary.units) for one in windows(site)]


def test_requests_of_another_version_are_not_the_arms(site: Site) -> None:
    """History from before the last promotion, and a canary of an earlier release that still answers."""
    site.log.write([line(1.0), line(2.0, version="0"), line(3.0, assigned=Arm.CANARY, version="1.5")])
    site.pass_to(11.0)

    (window,) = windows(site)

    assert (1, 0) == (window.stable.requests, window.canary.requests)


def test_longer_windows_are_put_together(site: Site) -> None:
    """From those that were counted."""
    site.log.write([line(float(second), unit="u") for second in range(60)])
    site.pass_to(61.0)
    watched = Watched(service="wine", stable="1", canary="2", release="r1", begun=NOON, seconds=30.0)

    assert [(30, 1), (30, 0)] == [(one.stable.requests, one.stable.units) for one in windows(site, watched=watched)]


def test_a_clock_that_is_set_back_makes_no_window_again(site: Site) -> None:
    """Time goes on from where it was, at its own speed, and lines count in the windows of then."""
    site.log.write([line(1.0)])
    site.pass_to(11.0)
    first = windows(site)
    site.set_back(3600.0)
    site.log.write([line(12.0 - 3600.0)])
    site.pass_to(21.0 - 3600.0)

    assert first == windows(site, 0.0, 15.0)
    assert [1, 1] == requests(windows(site))


def test_a_process_that_begins_after_the_clock_was_set_back_goes_on_as_well(site: Site) -> None:
    """It knows from the book where time has been."""
    site.log.write([line(1.0)])
    site.pass_to(11.0)
    site.set_back(3600.0)
    site.begin()
    site.log.write([line(3.0 - 3600.0)])
    site.pass_to(30.0 - 3600.0)

    assert [1, 1] == requests(windows(site))[:2]
    assert 2 == sum(requests(windows(site)))


def test_a_clock_that_jumps_ahead_makes_empty_windows_of_a_day_at_most(site: Site) -> None:
    """However far it jumps."""
    site.log.write([line(1.0)])
    site.pass_to(11.0)
    assert [1] == requests(windows(site))
    site.pass_to(100 * 86_400.0)

    found = windows(site, 0.0, 101 * 86_400.0)

    assert 8639 == len(found)
    assert 0 == sum(requests(found))


def test_a_wrong_clock_of_another_process_is_not_believed(site: Site) -> None:
    """If it was days ahead, windows begin again now."""
    site.pass_to(100 * 86_400.0)
    site.set_back(100 * 86_400.0)
    site.begin()
    site.log.write([line(2.0)])
    site.pass_to(25.0)

    assert 1 == sum(requests(windows(site, 0.0, 25.0)))


def test_many_lines_at_once_are_taken_in_bunches(site: Site) -> None:
    """A window is not over before all its lines are counted, however late it is."""
    site.log.write(line(second / 10, path="/" + "x" * 8000) for second in range(1000))
    site.clock.sleep(1000.0)
    turns = 1
    while not site.keeper.turn():
        turns += 1

    assert 2 == turns
    assert [100] * 10 == requests(windows(site))[:10]


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["write", "write", "pass", "wait", "kill", "rotate", "back"]), min_size=5, max_size=40
    )
)
def test_no_request_is_lost_or_counted_twice(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Whenever a process is killed, the log is rotated or the clock is set back."""
    site = Site(tmp_path_factory.mktemp("site"))
    written, shown = 0, list[Window]()
    for step in steps:
        now = (site.clock.now() - NOON).total_seconds()
        if step == "write":
            site.log.write([line(now, request_id=f"r{written}"), line(now, request_id=f"q{written}", unit="u")])
            written += 2
        elif step == "kill":
            site.begin()
        elif step == "rotate":
            site.log.rotate_log()
        elif step == "back":
            site.set_back(4.0)
        else:
            site.pass_to(now + (7.0 if step == "pass" else 0.5))
            shown += windows(site, (shown[-1].end - NOON).total_seconds() if shown else -100.0)
    site.pass_to((site.clock.now() - NOON).total_seconds() + 200.0)
    shown += windows(site, (shown[-1].end - NOON).total_seconds() if shown else -100.0)
    site.close()

    assert written == sum(requests(shown))
    assert sorted({one.start for one in shown}) == [one.start for one in shown]


_RUN = """
import sys, threading
from pathlib import Path
from tests.gateway.log.test_keeper import run
run(Path(sys.argv[1]), int(sys.argv[2]))
"""


def run(folder: Path, most: int) -> None:
    """What a process of a server does: keep the log in `folder` for ever; its own files may have `most` bytes, if not 0."""
    import resource
    import threading

    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    means = LogMeans(
        traffic=lambda: HandLog(folder / "log"),
        seconds=lambda: {"wine": 1.0},
        clock=SystemClock(),
        telemetry=folder / "telemetry",
    )
    book = Book(folder)
    keeper = LogKeeper(book, means)
    stop = threading.Event()
    metrics, now = AccessLogMetrics(book), SystemClock().now()
    since, watched = now, Watched(service="wine", stable="1", canary="2", release="r", begun=now, seconds=1.0)
    while not stop.wait(0.02):
        keeper.turn()
        for window in metrics.windows(watched, since, SystemClock().now()):
            since = window.end
            sys.stdout.write(f"{window.stable.requests} {keeper.troubles}\n")
            sys.stdout.flush()


def started(folder: Path, most: int = 0) -> subprocess.Popen[str]:
    """That process."""
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, str(folder), str(most)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_kill_9_loses_and_repeats_no_request(tmp_path: Path) -> None:
    """A process that counts is killed again and again while a proxy writes; in the end each request is in one window."""
    log, clock, written = HandLog(tmp_path / "log"), SystemClock(), 0
    begun = clock.now()
    for _ in range(2):
        process = started(tmp_path)
        assert process.stdout is not None
        end = clock.monotonic() + 1.2
        while clock.monotonic() < end:
            log.write([line(time=clock.now(), request_id=f"r{written}")])
            written += 1
            clock.sleep(0.002)
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    book = Book(tmp_path)
    keeper = LogKeeper(
        book,
        LogMeans(traffic=lambda: log, seconds=lambda: {"wine": 1.0}, clock=clock, telemetry=tmp_path / "telemetry"),
    )
    watched = Watched(service="wine", stable="1", canary="2", release="r", begun=begun, seconds=1.0)

    def told() -> int:
        keeper.turn()
        found = AccessLogMetrics(book).windows(watched, begun - timedelta(seconds=2), clock.now())
        return sum(window.stable.requests for window in found)

    wait_until(lambda: told() >= written)
    assert written == told()
    book.close()


@pytest.mark.slow
def test_on_a_full_disk_windows_are_told_from_memory(tmp_path: Path) -> None:
    """Nothing of the book can be written any more; the judge goes on, and a sentence says so."""
    log, clock = HandLog(tmp_path / "log"), SystemClock()
    Book(tmp_path).close()
    process = started(tmp_path, most=(tmp_path / "windows.db").stat().st_size)
    assert process.stdout is not None
    counts: list[int] = []
    try:
        while sum(counts) < 20:
            log.write([line(time=clock.now(), request_id=f"r{number}") for number in range(10)])
            count, _, trouble = process.stdout.readline().partition(" ")
            counts.append(int(count))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert "kept in memory" in trouble


def test_trouble_is_said_once_and_windows_are_written_when_it_is_over(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is locked stands for a disk that is full: what waits is written with what comes later."""
    import sqlite3

    with caplog.at_level(logging.WARNING):
        other = sqlite3.connect(site.folder / "windows.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for second in range(3):
            site.log.write([line(second * 10.0, status=500)])
            site.pass_to(second * 10.0 + 11.0)
        held = requests(windows(site))
        told = site.book.failing("wine", Arm.STABLE, at(0.0), at(100.0))
        other.execute("ROLLBACK")
        other.close()
        troubles = list(site.keeper.troubles)
        site.pass_to(45.0)

    assert [1, 1, 1] == held
    assert 3 == len(told)
    assert 1 == len(troubles)
    assert [] == list(site.keeper.troubles)
    assert 2 == sum("seatrial.gateway" == one.name for one in caplog.records)
    site.begin()
    assert [1, 1, 1] == requests(windows(site))[:3]


def test_a_damaged_book_is_begun_anew_from_the_log(site: Site) -> None:
    """What the log files still hold is counted again."""
    site.log.write([line(1.0)])
    site.pass_to(11.0)
    site.close()
    (site.folder / "windows.db").write_bytes(b"no database" * 1000)
    site.begin()
    site.pass_to(12.0)

    assert [1] == requests(windows(site))
    assert (site.folder / "windows.db.damaged").exists()


def test_old_files_are_put_away_once_they_are_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotated by size or age, then Parquet, then gone."""
    monkeypatch.setattr(keeping, "ROTATE_BYTES", 1000)
    site.log.write([line(float(second)) for second in range(9)])
    site.pass_to(9.0)
    rotated = len(site.log.log_files())
    site.pass_to(9.5)
    kept_until_counted = len(site.log.log_files())
    site.pass_to(12.0)
    wait_until(lambda: 1 == len(site.log.log_files()))

    assert (2, 2) == (rotated, kept_until_counted)
    assert [9] == requests(windows(site))
    assert 1 == len(list(site.folder.glob("telemetry/requests/date=2026-11-20/*.parquet")))


def test_a_log_with_lines_gets_a_new_file_after_a_while(site: Site) -> None:
    """So that telemetry is no more than ten minutes behind; without lines there is nothing to put away."""
    site.pass_to(601.0)
    empty = len(site.log.log_files())
    site.log.write([line(602.0)])
    site.pass_to(603.0)

    assert (1, 2) == (empty, len(site.log.log_files()))


def test_the_onward_clock_never_goes_back(site: Site) -> None:
    """It follows jumps ahead, and runs on where the other was set back."""
    clock = OnwardClock(site.clock)
    site.clock.sleep(100.0)
    ahead = clock.now()
    site.set_back(50.0)
    site.clock.sleep(20.0)
    beside = clock.now()
    site.clock.sleep(1000.0)

    assert (at(100.0), at(120.0), at(1120.0)) == (ahead, beside, clock.now())
