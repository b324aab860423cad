"""Windows from model servers' own pages, from real `seatrial serve`s, and from pages whose counters the test sets."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from seatrial.adapters.metrics.serve import Replica, ServeMetrics
from seatrial.adapters.metrics.serve_page import read_page
from seatrial.ports import Watched
from seatrial.records import Arm, TemporaryError, UsageError, Window
from tests.adapters.metrics.pages import EDGES, Page
from tests.adapters.prometheus_server import Exporters
from tests.serve.running import Server, serving

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WATCHED = Watched(service="shop", stable="1", canary="2", release="r", begun=NOON, seconds=10.0)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


class Site:
    """Two replicas of stable and one of the canary."""

    def __init__(self, exporters: Exporters, folder: Path) -> None:
        self.stable = [Page(exporters, "s1"), Page(exporters, "s2")]
        self.canary = Page(exporters, "c1")
        self.replicas = [
            *(page.replica(Arm.STABLE) for page in self.stable),
            self.canary.replica(Arm.CANARY),
        ]
        self.folder = folder
        for page in (*self.stable, self.canary):
            page.show()

    def opened(self) -> ServeMetrics:
        """The source, as a seatrial that was just started has it."""
        return ServeMetrics(lambda _: self.replicas, self.folder)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Pages that are asked over HTTP."""
    exporters = Exporters()
    yield Site(exporters, tmp_path / "looks")
    exporters.stop()


def _requests(windows: Sequence[Window]) -> list[tuple[int, int]]:
    return [(window.stable.requests, window.canary.requests) for window in windows]


def test_a_window_is_what_was_counted_between_two_looks(site: Site) -> None:
    """By arm, replica, bucket and kind of error; the past from before the first look is none of it."""
    site.stable[0].answer(1000)
    metrics = site.opened()
    metrics.windows(WATCHED, at(0), at(0.5))
    site.stable[0].answer(4)
    site.stable[1].answer(2, seconds=0.3)
    site.canary.answer(3, seconds=0.7)
    site.canary.answer(1, status=503)
    (window,) = metrics.windows(WATCHED, at(0), at(10.5))

    assert at(0) == window.start
    assert EDGES == window.edges
    assert (6, {0: 4, 1: 2}, {}) == (window.stable.requests, window.stable.latency, window.stable.errors)
    assert (4, {0: 1, 2: 3}, {"5xx": 1}) == (window.canary.requests, window.canary.latency, window.canary.errors)
    assert pytest.approx(4 * 0.05 + 2 * 0.3) == window.stable.seconds
    assert {"s1": 4, "s2": 2} == {name: part.requests for name, part in window.stable.replicas.items()}


def test_the_same_again_gives_the_same(site: Site) -> None:
    """Also after more was counted, and later windows were handed out."""
    metrics = site.opened()
    for second in (0, 10, 20, 30):
        metrics.windows(WATCHED, at(second), at(second + 0.5))
        site.stable[0].answer(second + 1)
    first = metrics.windows(WATCHED, at(0), at(30.9))

    assert [(1, 0), (11, 0), (21, 0)] == _requests(first)
    assert first[1:] == site.opened().windows(WATCHED, at(10), at(35))


def test_a_seatrial_that_is_started_again_loses_nothing(site: Site) -> None:
    """What was counted while nobody looked is one window, as long as nobody looked."""
    site.opened().windows(WATCHED, at(0), at(0.5))
    site.stable[0].answer(50)
    later = site.opened().windows(WATCHED, at(0), at(47))

    assert [(50, 0)] == _requests(later)
    assert (at(0), 40.0) == (later[0].start, later[0].seconds)


def test_a_restart_of_a_server_counts_from_zero(site: Site) -> None:
    """Also where it has counted more since than before."""
    metrics = site.opened()
    site.stable[0].answer(5)
    metrics.windows(WATCHED, at(0), at(0.5))
    site.stable[0].restart(at(3))
    site.stable[0].answer(8)

    assert [(8, 0)] == _requests(metrics.windows(WATCHED, at(0), at(10.5)))


def test_replicas_come_and_go(site: Site) -> None:
    """One that was started since counts from its start; one that is new to the list and older, from now."""
    extra = [Page(site.canary.exporters, "c2", started=at(4).timestamp()), Page(site.canary.exporters, "old")]
    metrics = site.opened()
    metrics.windows(WATCHED, at(0), at(0.5))
    for page in extra:
        page.answer(7)
    site.replicas = [*site.replicas[1:], *(page.replica(Arm.CANARY) for page in extra)]

    assert [(0, 7)] == _requests(metrics.windows(WATCHED, at(0), at(10.5)))


def test_a_replica_that_does_not_answer_once_is_caught_up(site: Site) -> None:
    """It may be busy: what it counted meanwhile is in the next window."""
    metrics = site.opened()
    metrics.windows(WATCHED, at(0), at(0.5))
    site.canary.exporters.restart("c1", {})
    first = metrics.windows(WATCHED, at(0), at(10.5))
    site.canary.answer(9)
    second = metrics.windows(WATCHED, at(10), at(20.5))

    assert ([(0, 0)], [(0, 9)]) == (_requests(first), _requests(second))


def test_nobody_answers(site: Site) -> None:
    """It may be asked later, and nothing is lost."""
    metrics = site.opened()
    metrics.windows(WATCHED, at(0), at(0.5))
    for name in ("s1", "s2", "c1"):
        site.canary.exporters.restart(name, {})
    with pytest.raises(TemporaryError, match="none of 3 replicas"):
        metrics.windows(WATCHED, at(0), at(10.5))
    site.canary.answer(2)

    assert [(0, 2)] == _requests(metrics.windows(WATCHED, at(0), at(20.5)))


def test_before_the_first_look_there_is_nothing(site: Site) -> None:
    """Windows of a time in which nobody looked are zeros, without gaps."""
    windows = site.opened().windows(WATCHED, at(-60), at(0.5))

    assert [(0, 0)] * 6 == _requests(windows)
    assert [at(-60 + 10 * number) for number in range(6)] == [window.start for window in windows]


def test_what_was_kept_for_other_windows_is_not_used(site: Site) -> None:
    """A file of something else, or a damaged one, is as none."""
    site.opened().windows(WATCHED, at(0), at(0.5))
    (kept,) = site.folder.iterdir()
    kept.write_text("{")
    site.stable[0].answer(5)

    assert [(0, 0)] == _requests(site.opened().windows(WATCHED, at(0), at(10.5)))


def test_something_else_is_no_model_server(site: Site) -> None:
    """A page of other metrics is refused, and the message says where."""
    site.canary.exporters.restart("c1", {"other_total": 5})

    with pytest.raises(UsageError, match=r"/c1/metrics: this is not the /metrics of a seatrial model server"):
        site.opened().windows(WATCHED, at(0), at(0.5))


@pytest.mark.slow
@pytest.mark.parametrize("compat", ["seatrial", "flask"])
def test_a_real_server_is_counted_whatever_its_names(tmp_path: Path, compat: str) -> None:
    """Predictions count, good ones and bad ones; health, metrics and documentation do not."""
    (tmp_path / "models.py").write_text(
        "class Model:\n    def predict(self, batch):\n        return [1 / row['n'] for row in batch]\n"
    )
    with serving(tmp_path, "models:Model", "--compat", compat, env={"PYTHONPATH": os.fspath(tmp_path)}) as server:
        replica = Replica(name="r1", arm=Arm.CANARY, url=server.url)
        metrics = ServeMetrics(lambda _: [replica], tmp_path / "looks")
        metrics.windows(WATCHED, at(0), at(0.5))
        codes = Counter(_asked(server))
        (window,) = metrics.windows(WATCHED, at(0), at(10.5))

    assert {200: 5, 500: 2} == codes
    assert (7, {"5xx": 2}) == (window.canary.requests, window.canary.errors)
    assert 7 == sum(window.canary.latency.values())
    assert 0.0 < (window.canary.seconds or 0.0) < 30
    assert window.edges is not None
    assert 19 == len(window.edges)


def _asked(server: Server) -> Iterator[int]:
    for number in (1, 2, 4, 0, 5, 8, 0):
        yield server.post({"n": number}).status_code
    for path in ("/readyz", "/healthz", "/docs", "/openapi.json", "/v1/models", "/metrics"):
        assert server.get(path).status_code == httpx.codes.OK


def test_a_page_that_is_no_metrics_is_refused() -> None:
    """Whatever is wrong with it."""
    for page in ("<html>", 'x{y="', ""):
        with pytest.raises(UsageError, match="not the /metrics"):
            read_page(page, "http://127.0.0.1:1/metrics")
