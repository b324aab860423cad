"""The contract of the Metrics port, on the shipped fake and every real source.

Each source is given the same requests: stable answers one a second, the canary one every two seconds from the fourth
minute on, and a third of the canary's fail.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seatrial.adapters.metrics.access_log import AccessLogMetrics
from seatrial.ports import Metrics, Watched
from seatrial.records import AccessLine, Arm, ArmWindow, Window
from seatrial.testing import ScriptedMetrics, made_up
from tests.gateway.log.making import NOON, Site, at, line

MINUTES = 5
CANARY_FROM = 180.0
END = MINUTES * 60.0
WATCHED = Watched(service="wine", stable="1", canary="2", release="r1", begun=at(CANARY_FROM))
COMPLETE = at(END + 5.0)
"""By then every source knows all windows."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One that is told to a source: when it was answered, by whom, how fast, and whether it went wrong."""

    after: float
    arm: Arm
    seconds: float
    failed: bool = False


def requests() -> Iterator[Request]:
    """All of them, by time."""
    for second in range(int(END)):
        yield Request(after=second + 0.25, arm=Arm.STABLE, seconds=0.05)
        if second >= CANARY_FROM and not second % 2:
            yield Request(after=second + 0.5, arm=Arm.CANARY, seconds=0.2, failed=not second % 3)


@contextmanager
def scripted(_: Path) -> Iterator[Metrics]:
    """The shipped fake."""

    def script(start: datetime) -> Window:
        inside = [one for one in requests() if start <= at(one.after) < start + timedelta(seconds=WATCHED.seconds)]
        return Window(
            start=start,
            weight=0.0,
            stable=_arm([one for one in inside if one.arm is Arm.STABLE]),
            canary=_arm([one for one in inside if one.arm is Arm.CANARY]),
        )

    yield ScriptedMetrics(script, settle=1.0)


def _arm(some: Sequence[Request]) -> ArmWindow:
    failed = sum(one.failed for one in some)
    return made_up(len(some), errors=failed, median=some[0].seconds if some else 0.1, sigma=0.0)


@contextmanager
def access_log(folder: Path) -> Iterator[Metrics]:
    """The gateway's access log, kept as a server keeps it: a turn a second."""
    site = Site(folder)
    waiting = list(requests())
    for second in range(int(END) + 3):
        while waiting and waiting[0].after <= second:
            site.log.write([_line(waiting.pop(0))])
        site.pass_to(second)
    with closing(site.keeper), closing(site.book):
        yield AccessLogMetrics(site.book)


def _line(one: Request) -> AccessLine:
    return line(one.after, assigned=one.arm, seconds=one.seconds, status=500 if one.failed else 200)


SOURCES: dict[str, Callable[[Path], AbstractContextManager[Metrics]]] = {"scripted": scripted, "access-log": access_log}
"""Each is opened with an empty folder and has been told all `requests` when it is."""


@pytest.fixture(params=sorted(SOURCES), scope="module")
def metrics(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """Each source in turn, told the same requests."""
    with SOURCES[request.param](tmp_path_factory.mktemp("metrics")) as source:
        yield source


def test_windows_follow_each_other_without_gaps(metrics: Metrics) -> None:
    """From the first one that begins at `since` or later, up to the last that is complete."""
    windows = metrics.windows(WATCHED, NOON, COMPLETE)

    assert [at(10.0 * number) for number in range(30)] == [window.start for window in windows]
    assert {10.0} == {window.seconds for window in windows}


def test_the_same_again_gives_the_same(metrics: Metrics) -> None:
    """Whatever was asked in between."""
    first = metrics.windows(WATCHED, at(60.0), at(250.0))
    metrics.windows(WATCHED, at(200.0), COMPLETE)

    assert first == metrics.windows(WATCHED, at(60.0), at(250.0))


def test_parts_are_the_whole(metrics: Metrics) -> None:
    """Asked again and again from the end of the last window that it got, a release misses none and gets none twice."""
    whole = metrics.windows(WATCHED, NOON, COMPLETE)
    pieces: list[Window] = []
    for second in range(0, int(END) + 6, 7):
        pieces += metrics.windows(WATCHED, pieces[-1].end if pieces else NOON, at(second))
    pieces += metrics.windows(WATCHED, pieces[-1].end, COMPLETE)

    assert list(whole) == pieces


def test_requests_and_errors_are_told_by_arm(metrics: Metrics) -> None:
    """All of them, and those that went wrong."""
    windows = metrics.windows(WATCHED, NOON, COMPLETE)
    told = [one for one in requests() if one.arm is Arm.CANARY]

    assert END == sum(window.stable.requests for window in windows)
    assert 0 == sum(window.stable.failed for window in windows)
    assert len(told) == sum(window.canary.requests for window in windows)
    assert sum(one.failed for one in told) == sum(window.canary.failed for window in windows)


def test_latency_is_counted_for_each_arm(metrics: Metrics) -> None:
    """Where there are requests, they have one."""
    last = metrics.windows(WATCHED, NOON, COMPLETE)[-1]

    assert 10 == sum(last.stable.latency.values())
    assert 5 == sum(last.canary.latency.values())
    assert max(last.stable.latency) < min(last.canary.latency)


def test_a_window_without_requests_has_zeros(metrics: Metrics) -> None:
    """Before the canary came, and for a service that nobody asks."""
    first = metrics.windows(WATCHED, NOON, COMPLETE)[0]

    assert (0, {}) == (first.canary.requests, dict(first.canary.errors))
    assert 0 == sum(first.canary.latency.values())


def test_a_window_that_is_not_over_is_not_told(metrics: Metrics) -> None:
    """Not even a moment before its end."""
    assert at(50.0) == metrics.windows(WATCHED, NOON, at(59.9))[-1].end
    assert () == tuple(metrics.windows(WATCHED, at(60.0), at(69.9)))


def test_windows_begin_at_multiples_of_their_length(metrics: Metrics) -> None:
    """Whatever `since` is; one that began before it is left out."""
    windows = metrics.windows(WATCHED, at(13.0), at(45.0))

    assert [at(20.0), at(30.0)] == [window.start for window in windows if window.end <= at(40.0)]
    assert {0.0} == {window.start.astimezone(UTC).timestamp() % WATCHED.seconds for window in windows}


@pytest.mark.parametrize(("since", "until"), [(100.0, 100.0), (100.0, 105.0), (200.0, 100.0)])
def test_nothing_to_tell_is_nothing(metrics: Metrics, since: float, until: float) -> None:
    """An empty span, one that is too short, and one that ends before it begins: a clock was set back."""
    assert () == tuple(metrics.windows(WATCHED, at(since), at(until)))


def test_weight_and_labels_are_for_others(metrics: Metrics) -> None:
    """A source of requests knows neither what share was asked for, nor what was right."""
    window = metrics.windows(WATCHED, NOON, COMPLETE)[-1]

    assert (0.0, True, ()) == (window.weight, window.steady, window.labels)
