"""Which source stands behind which configuration, and what it is told of the service."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seatrial.adapters.metrics.serve import Replica
from seatrial.adapters.metrics.serve_replicas import replicas_of
from seatrial.gateway.endpoints import Arms
from seatrial.gateway.log.book import Book
from seatrial.ports import Metrics, Watched
from seatrial.records import Arm, Backend, Endpoint, SourceSpec, TemporaryError, UsageError
from seatrial.wiring import open_metrics, open_query
from tests.adapters.metrics.pages import Page
from tests.adapters.prometheus_server import Exporters

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WATCHED = Watched(service="shop", stable="1", canary="2", release="r", begun=NOW, quality=("mae",))
PROMETHEUS = SourceSpec(
    kind="prometheus", url="http://me:${SESAME}@127.0.0.1:9", requests="requests_total", latency="seconds_bucket"
)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """The windows of an access log in which nothing was written yet."""
    with closing(Book(tmp_path / "book")) as book:
        yield book


def _open(project: Path, source: SourceSpec, book: Book, arms: Arms) -> Metrics:
    return open_metrics(project, "shop", source, model="wine", log=book, arms=lambda _: arms)


def _arms(*, stable: tuple[Endpoint, ...] = (), canary: tuple[Endpoint, ...] = ()) -> Arms:
    return Arms(stable=Backend(version="1", endpoints=stable), canary=Backend(version="2", endpoints=canary))


def test_the_access_log_is_what_a_release_is_judged_by(tmp_path: Path, book: Book) -> None:
    """Nothing is known as long as nothing was read."""
    assert () == tuple(_open(tmp_path, SourceSpec(), book, _arms()).windows(WATCHED, NOW, NOW + timedelta(minutes=1)))


def test_model_servers_are_asked_where_the_gateway_sends_requests(tmp_path: Path, book: Book) -> None:
    """What they counted between two looks; the looks are kept in the workspace."""
    exporters = Exporters()
    page = Page(exporters, "metrics")
    page.show()
    host, port = exporters.address.split(":")
    endpoint = Endpoint(name="one", host=host, port=int(port), version="2")
    try:
        metrics = _open(tmp_path, SourceSpec(kind="serve"), book, _arms(canary=(endpoint,)))
        metrics.windows(WATCHED, NOW, NOW)
        page.answer(3)
        (window,) = metrics.windows(WATCHED, NOW, NOW + timedelta(seconds=10))
    finally:
        exporters.stop()

    assert (0, 3) == (window.stable.requests, window.canary.requests)
    assert ["shop.json"] == [path.name for path in (tmp_path / ".seatrial" / "gateway" / "looks").iterdir()]


def test_a_prometheus_gets_its_login_from_the_environment(
    tmp_path: Path, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows it to nobody."""
    with pytest.raises(UsageError, match=r"\$\{SESAME\}, which is not set"):
        _open(tmp_path, PROMETHEUS, book, _arms())
    monkeypatch.setenv("SESAME", "open-sesame")
    for ask in (
        lambda: _open(tmp_path, PROMETHEUS, book, _arms()).windows(WATCHED, NOW, NOW + timedelta(minutes=1)),
        lambda: open_query(PROMETHEUS.url).value("up", NOW),
    ):
        with pytest.raises(TemporaryError, match="does not answer") as caught:
            ask()
        assert "open-sesame" not in str(caught.value)


def test_a_replica_belongs_to_the_arm_whose_version_it_runs() -> None:
    """While stable is being replaced some of its replicas run the canary's; one that nobody knows belongs to its side."""
    old, new, odd = (Endpoint(name=f"r{v}", host="127.0.0.1", port=80, version=v) for v in ("1", "2", ""))
    found = replicas_of(_arms(stable=(old, new), canary=(odd,)), WATCHED)

    assert [
        Replica(name="r1", arm=Arm.STABLE, url="http://127.0.0.1:80"),
        Replica(name="r2", arm=Arm.CANARY, url="http://127.0.0.1:80"),
        Replica(name="r", arm=Arm.CANARY, url="http://127.0.0.1:80"),
    ] == found
