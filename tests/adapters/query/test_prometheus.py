"""Figures by PromQL, from a real Prometheus."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.adapters.prometheus import PrometheusServer
from seatrial.adapters.query.prometheus import PrometheusQuery
from seatrial.ports import Watched
from seatrial.records import Arm, TemporaryError, Threshold, UsageError
from seatrial.release.promql import fill
from seatrial.release.queried import ask
from tests.adapters.prometheus_server import Site, prometheus

pytestmark = pytest.mark.slow

FLASK = "flask_http_request_duration_seconds"
SEED = f'sum({FLASK}_sum{{path=~"/recommend/.*"}}) / sum({FLASK}_count{{path=~"/recommend/.*"}})'
PLACE = 'path="/recommend/{user}",status="200"'
WATCHED = Watched(service="shop", stable="3", canary="4", release="r", begun=datetime(2026, 1, 1, tzinfo=UTC))
WINDOW = 2.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One Prometheus for all of them."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), "app") as site:
        site.exporters.show("app", {"app_up": 1.0})
        site.see("app_up", 1.0)
        yield site


@pytest.fixture
def query(site: Site) -> PrometheusQuery:
    """Asks it."""
    return PrometheusQuery(site.server)


def _threshold(query: str, *, samples: int = 1) -> Threshold:
    return Threshold(
        name="mean",
        metric="mean",
        operator="<",
        value=0.5,
        query=query,
        seconds=WINDOW,
        samples=samples,
        arm=Arm.CANARY,
    )


def test_the_seeds_query_is_over_the_window_not_since_the_start(site: Site, query: PrometheusQuery) -> None:
    """An hour of answers of 10 ms does not hide that those of the last moments take 800 ms."""
    site.exporters.show("app", {f"{FLASK}_sum{{{PLACE}}}": 1000.0, f"{FLASK}_count{{{PLACE}}}": 100_000})
    site.see(f"sum({FLASK}_count)", 100_000)
    site.exporters.show("app", {f"{FLASK}_sum{{{PLACE}}}": 1080.0, f"{FLASK}_count{{{PLACE}}}": 100_100})
    at = site.see(f"sum({FLASK}_count)", 100_100)

    since_ever = site.server.ask(SEED, at)[0].samples[0][1]
    value = ask(query, _threshold(SEED), WATCHED, at, requests=0)

    assert pytest.approx(0.8) == value
    assert since_ever < 0.011


def test_too_few_requests_say_nothing(site: Site, query: PrometheusQuery) -> None:
    """What a ratio divides by has to have grown by as many as the threshold wants."""
    site.exporters.show("app", {"few_sum": 100.0, "few_count": 1000})
    site.see("few_count", 1000)
    site.exporters.show("app", {"few_sum": 109.0, "few_count": 1009})
    at = site.see("few_count", 1009)
    ratio = "sum(few_sum) / sum(few_count)"

    few = ask(query, _threshold(ratio, samples=100), WATCHED, at, requests=5000)
    enough = ask(query, _threshold(ratio, samples=5), WATCHED, at, requests=0)

    assert None is few
    assert pytest.approx(1.0) == enough


def test_what_is_no_ratio_counts_by_the_requests_of_the_source(query: PrometheusQuery) -> None:
    """A gauge has no requests of its own: those that the release's source saw decide."""
    now = datetime.now(UTC)

    assert None is ask(query, _threshold("app_up", samples=100), WATCHED, now, requests=99)
    assert ask(query, _threshold("app_up", samples=100), WATCHED, now, requests=100) == 1.0


def test_no_growth_at_all_is_no_figure(site: Site, query: PrometheusQuery) -> None:
    """0/0 is no number."""
    site.exporters.show("app", {"idle_sum": 5.0, "idle_count": 5})
    site.see("count_over_time(idle_count[10s]) >= bool 4", 1.0)
    at = datetime.now(UTC)

    zero = fill("sum(idle_sum) / sum(idle_count)", seconds=1, names={})
    assert site.server.ask(zero, at)

    assert None is query.value(zero, at)
    assert None is query.value("vector(1) / 0", at)


def test_no_data_is_no_figure(query: PrometheusQuery) -> None:
    """A series that there is not answers nothing."""
    assert None is query.value("there_is_no_such_series", datetime.now(UTC))


def test_a_restart_of_the_server_is_no_negative_growth(site: Site, query: PrometheusQuery) -> None:
    """A counter that begins anew grew by what it has counted since."""
    site.exporters.show("app", {"again_total": 5000})
    site.see("again_total", 5000)
    site.exporters.show("app", {"again_total": 7})
    at = site.see("again_total", 7)

    grown = query.value(fill("sum(again_total)", seconds=WINDOW, names={}), at)

    assert grown is not None
    assert 7 <= grown < 20


def test_wrong_promql_is_told_in_the_words_of_prometheus(query: PrometheusQuery) -> None:
    """The message holds the query and what Prometheus says of it."""
    with pytest.raises(UsageError, match=r"sum\(app_up\) \+: Prometheus can't answer: .*unexpected end of input"):
        query.value("sum(app_up) +", datetime.now(UTC))


def test_several_series_are_named(site: Site, query: PrometheusQuery) -> None:
    """One figure is wanted: the message names what else there is."""
    site.exporters.show("app", {f'many{{shard="{number}"}}': 1.0 for number in range(7)})
    site.see("count(many)", 7.0)

    with pytest.raises(UsageError, match=r'7 series answer.*shard="0".*and 2 more'):
        query.value("many", datetime.now(UTC))


@pytest.mark.parametrize("wrong", ["app_up[1m]", '"text"'])
def test_what_is_no_figure_is_refused(query: PrometheusQuery, wrong: str) -> None:
    """A range or a text is no figure."""
    with pytest.raises(UsageError, match="is no figure"):
        query.value(wrong, datetime.now(UTC))


def test_a_counter_without_a_range_is_refused(query: PrometheusQuery) -> None:
    """A query that nobody filled in would be answered since the start of time."""
    with pytest.raises(UsageError, match="since the start of time"):
        query.value(SEED, datetime.now(UTC))


def test_the_version_of_the_arm_is_filled_in(site: Site, query: PrometheusQuery) -> None:
    """`$version` is the canary's for a threshold of the canary, however it is spelled."""
    odd = replace(WATCHED, canary='4"x\\')
    site.exporters.show("app", {'told{version="3"}': 30.0, 'told{version="4\\"x\\\\"}': 40.0})
    site.see("count(told)", 2.0)

    assert ask(query, _threshold('told{version="$version"}'), odd, datetime.now(UTC), requests=1) == 40.0
    assert ask(query, _threshold("told{version=~'$version'}"), odd, datetime.now(UTC), requests=1) == 40.0


def test_the_past_can_be_asked(site: Site, query: PrometheusQuery) -> None:
    """The figure is that of the moment asked for."""
    site.exporters.show("app", {"was": 1.0})
    before = site.see("was", 1.0)
    site.exporters.show("app", {"was": 2.0})
    after = site.see("was", 2.0)

    assert (1.0, 2.0) == (query.value("was", before), query.value("was", after))
    assert None is query.value("was", before - timedelta(hours=1))


def test_a_server_that_is_not_there_may_come_back() -> None:
    """Nobody listens: a retry may help, and the login is not in the message."""
    query = PrometheusQuery(PrometheusServer("http://me:sesame@127.0.0.1:9"))

    with pytest.raises(TemporaryError, match=r"http://127\.0\.0\.1:9: Prometheus does not answer") as caught:
        query.value("up", datetime.now(UTC))

    assert "sesame" not in str(caught.value)


def test_something_else_at_that_url_is_no_prometheus(site: Site) -> None:
    """A page that is not the API says so."""
    with pytest.raises(UsageError, match="does not answer as Prometheus does"):
        PrometheusQuery(PrometheusServer(f"http://{site.exporters.address}/app")).value("up", datetime.now(UTC))


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "http://", "http://host:99999"])
def test_a_wrong_url_is_told_at_once(url: str) -> None:
    """Nothing has to be asked for that."""
    with pytest.raises(UsageError, match="no URL of a Prometheus"):
        PrometheusServer(url)


def test_waiting_is_bounded() -> None:
    """A server that takes the question and says nothing may answer another time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(TemporaryError, match="ReadTimeout"):
            PrometheusQuery(PrometheusServer(f"http://127.0.0.1:{port}", timeout=0.05)).value("up", datetime.now(UTC))
