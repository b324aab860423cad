"""Windows from a real Prometheus: what the servers counted, arm by arm, whatever happens to them."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from seatrial.adapters.metrics.grid import moment
from seatrial.adapters.metrics.prometheus import PrometheusMetrics
from seatrial.adapters.prometheus import PrometheusServer
from seatrial.ports import Watched
from seatrial.records import ArmWindow, SourceSpec, TemporaryError, UsageError, Window
from tests.adapters.prometheus_server import SCRAPE_SECONDS, Site, prometheus
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

EDGES = (0.1, 0.5, 1.0)
WATCHED = Watched(
    service="shop", stable="3", canary="4", release="r", begun=datetime(2026, 1, 1, tzinfo=UTC), seconds=1.0
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One Prometheus for all of them, with two servers that run and one that comes later."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), "one", "two", "late") as site:
        for name in ("one", "two"):
            site.exporters.show(name, {"app_up": 1.0})
        site.see("sum(app_up)", 2.0)
        yield site


def _spec(name: str) -> SourceSpec:
    return SourceSpec(
        kind="prometheus",
        requests=f'{name}_requests_total{{version="$version"}}',
        errors=f'sum by (code) ({name}_requests_total{{version="$version", code=~"5.."}})',
        latency=f'sum by (le) ({name}_seconds_bucket{{version="$version"}})',
    )


class _App:
    """A service on one or two servers, and what was really asked of it."""

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self._name = name
        self._values: dict[str, dict[str, float]] = {}
        self.metrics = PrometheusMetrics(site.server, _spec(name))
        self.counted: Counter[str] = Counter()

    def begin(self, *servers: str, versions: Sequence[str] = ("3", "4")) -> datetime:
        """Counters of zero, as servers show them that were asked nothing yet; when Prometheus has them."""
        for server in servers:
            for version in versions:
                self._add(server, version, 200, None)
        self.show()
        return self._site.see(f"count({self._name}_requests_total)", len(servers) * len(versions))

    def ask(self, server: str, version: str, seconds: float, code: int = 200) -> None:
        """One request."""
        self._add(server, version, code, seconds)
        self.counted[version] += 1

    def show(self) -> datetime:
        """Let Prometheus see all of it; when it has."""
        for server, values in self._values.items():
            self._site.exporters.show(server, values)
        total = sum(
            value for values in self._values.values() for key, value in values.items() if "_requests_total" in key
        )
        return self._site.see(f"sum({self._name}_requests_total)", total)

    def restart(self, server: str) -> None:
        """All of its counters begin anew; the others' stay."""
        self._values[server] = dict.fromkeys(self._values[server], 0.0)

    def _add(self, server: str, version: str, code: int, seconds: float | None) -> None:
        values = self._values.setdefault(server, {})
        step = 0.0 if seconds is None else 1.0
        for edge in (*EDGES, math.inf):
            le = "+Inf" if edge == math.inf else str(edge)
            key = f'{self._name}_seconds_bucket{{version="{version}",le="{le}"}}'
            values[key] = values.get(key, 0.0) + (step if (seconds or 0.0) <= edge else 0.0)
        sums = f'{self._name}_seconds_sum{{version="{version}"}}'
        values[sums] = values.get(sums, 0.0) + (seconds or 0.0)
        requests = f'{self._name}_requests_total{{version="{version}",code="{code}"}}'
        values[requests] = values.get(requests, 0.0) + step


def _whole(app: _App, begun: datetime, last: datetime) -> Sequence[Window]:
    """The windows from before `begun` until after `last`, once they are whole."""
    since = moment(math.floor(begun.timestamp()))
    until = moment(math.ceil(last.timestamp()))

    def found() -> Sequence[Window]:
        windows = app.metrics.windows(WATCHED, since, datetime.now(UTC))
        return windows if windows and windows[-1].end >= until else ()

    return wait_until(found, 15, poll=0.1)


def _total(arms: Sequence[ArmWindow], of: Callable[[ArmWindow], Mapping[int, int]]) -> dict[int, int]:
    return dict(sum((Counter(of(arm)) for arm in arms), Counter[int]()))


def test_windows_add_up_to_what_was_asked(site: Site) -> None:
    """Requests, errors, latencies and their sum, by arm and replica, over windows without gaps; asked again, the same."""
    app, chance = _App(site, "sums"), Random(7)
    begun = app.begin("one", "two")
    buckets: Counter[int] = Counter()
    seconds = 0.0
    for _ in range(8):
        for _ in range(40):
            taken = round(chance.lognormvariate(-1.5, 1.0), 3)
            seconds += taken
            buckets[sum(taken > edge for edge in EDGES)] += 1
            app.ask(chance.choice(("one", "two")), "3", taken)
        for _ in range(10):
            app.ask("two", "4", 0.05, 500 if chance.random() < 0.1 else 200)
        last = app.show()
    windows = _whole(app, begun, last)
    stable, canary = [window.stable for window in windows], [window.canary for window in windows]

    assert (320, 80) == (sum(arm.requests for arm in stable), sum(arm.requests for arm in canary))
    assert dict(buckets) == _total(stable, lambda arm: arm.latency)
    assert {0: 80} == _total(canary, lambda arm: arm.latency)
    assert pytest.approx(seconds) == sum(arm.seconds or 0.0 for arm in stable)
    assert {"5xx"} == {kind for arm in canary for kind in arm.errors}
    assert {EDGES} == {window.edges for window in windows}
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert 320 == sum(part.requests for arm in stable for part in arm.replicas.values())
    assert dict(buckets) == _total(stable, _added)
    assert {"one", "two"} == {name for arm in stable for name in arm.replicas}
    middle = windows[len(windows) // 2].start
    again = app.metrics.windows(WATCHED, middle, windows[-1].end + timedelta(seconds=60))
    assert windows[len(windows) // 2 :] == again[: len(windows) - len(windows) // 2]


def _added(arm: ArmWindow) -> dict[int, int]:
    return dict(sum((Counter(part.latency) for part in arm.replicas.values()), Counter[int]()))


def test_a_restart_loses_nothing_that_was_scraped(site: Site) -> None:
    """Counters that begin anew, of one server of two."""
    app = _App(site, "anew")
    begun = app.begin("one", "two")
    for _ in range(30):
        app.ask("one", "3", 0.05)
        app.ask("two", "3", 0.05)
    app.show()
    app.restart("one")
    for _ in range(12):
        app.ask("one", "3", 0.7)
    last = app.show()
    windows = _whole(app, begun, last)

    assert 72 == sum(window.stable.requests for window in windows)
    assert {0: 60, 2: 12} == _total([window.stable for window in windows], lambda arm: arm.latency)


def test_the_first_error_of_a_kind_counts(site: Site) -> None:
    """It makes a series that was not there: `increase()` would never see it."""
    app = _App(site, "first")
    begun = app.begin("one")
    app.ask("one", "4", 0.05, 503)
    windows = _whole(app, begun, app.show())

    assert {"5xx": 1} == dict(sum((Counter(window.canary.errors) for window in windows), Counter[str]()))
    assert 1 == sum(window.canary.requests for window in windows)


def test_a_server_that_prometheus_just_met_counts_from_there(site: Site) -> None:
    """What it had counted in the days before is no burst."""
    app = _App(site, "met")
    begun = app.begin("one", versions=("4",))
    for _ in range(500):
        app.ask("late", "3", 0.05)
    app.show()
    for _ in range(5):
        app.ask("late", "3", 0.05)
    windows = _whole(app, begun, app.show())

    assert 5 == sum(window.stable.requests for window in windows)


def test_a_window_without_requests_is_one_with_zeros(site: Site) -> None:
    """Nothing matches: windows all the same, once nothing can come in for them any more."""
    metrics = PrometheusMetrics(site.server, _spec("nothing"))
    now = datetime.now(UTC)
    windows = metrics.windows(WATCHED, now - timedelta(seconds=30), now)

    assert 10 <= len(windows) < 30
    assert {(0, 0)} == {(window.stable.requests, window.canary.requests) for window in windows}
    assert windows[-1].end <= now


def test_a_window_that_a_scrape_may_still_fill_is_not_handed_out(site: Site) -> None:
    """Its end has to be scraped, or a whole interval ago."""
    app = _App(site, "early")
    begun = app.begin("one", "two")
    _whole(app, begun, begun)
    now = datetime.now(UTC)
    windows = app.metrics.windows(WATCHED, begun - timedelta(seconds=5), now)

    assert windows[-1].end <= now
    assert () == app.metrics.windows(WATCHED, windows[-1].end, windows[-1].end + timedelta(seconds=0.5))


def test_windows_shorter_than_the_scrapes_are_apart_are_refused(site: Site) -> None:
    """They would be empty and full by turns; the message says how long they have to be."""
    app = _App(site, "short")
    begun = app.begin("one")
    wait_until(lambda: site.server.ask("count_over_time(short_requests_total[10s]) > 3", datetime.now(UTC)), 10)
    short = replace(WATCHED, seconds=SCRAPE_SECONDS / 2)

    with pytest.raises(
        UsageError, match=r"scrapes these servers every 0\.2\d* s, and windows are 0\.1 s long\n→ set it to 1s"
    ):
        app.metrics.windows(short, begun, datetime.now(UTC))


def test_arms_with_different_buckets_meet_at_those_that_both_have(site: Site) -> None:
    """A canary with other buckets is compared at the edges that stable has too; with none in common the message says so."""
    spec = replace(_spec("edges"), errors="")
    site.exporters.show("one", {'edges_requests_total{version="3"}': 0, 'edges_requests_total{version="4"}': 0})
    for version, edges in (("3", ("0.1", "0.5")), ("4", ("0.2", "0.5")), ("5", ("0.3",))):
        series = {f'edges_seconds_bucket{{version="{version}",le="{le}"}}': 0.0 for le in (*edges, "+Inf")}
        site.exporters.show("one", series)
    at = site.see("count(edges_seconds_bucket)", 8.0)
    metrics = PrometheusMetrics(site.server, spec)
    since = at - timedelta(seconds=3)
    windows = wait_until(lambda: metrics.windows(WATCHED, since, datetime.now(UTC)), 10)

    assert {(0.5,)} == {window.edges for window in windows}
    with pytest.raises(UsageError, match="no bucket edge in common"):
        metrics.windows(replace(WATCHED, canary="5"), since, datetime.now(UTC))


def test_queries_that_windows_cannot_be_counted_from_are_refused(site: Site) -> None:
    """A rate is no counter."""
    with pytest.raises(UsageError, match="the counters themselves"):
        PrometheusMetrics(site.server, replace(_spec("any"), requests="sum(rate(x_total[5m]))"))


def test_a_prometheus_that_is_away_loses_nothing() -> None:
    """It may be asked later."""
    metrics = PrometheusMetrics(PrometheusServer("http://127.0.0.1:9"), _spec("any"))
    now = datetime.now(UTC)

    with pytest.raises(TemporaryError):
        metrics.windows(WATCHED, now - timedelta(seconds=5), now)
