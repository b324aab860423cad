"""A real Envoy's log: what callers got is what the judge is told, through rotations and a canary that dies."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.metrics.access_log import AccessLogMetrics
from seatrial.gateway.log.book import Book
from seatrial.gateway.log.keeper import LogKeeper, LogMeans
from seatrial.ports import Watched
from seatrial.records import Arm, Sticky, Window
from seatrial.telemetry.log import open_log
from seatrial.telemetry.sql import ask
from seatrial.testing import Asked
from tests.adapters.traffic.gates import RealGate, envoy_gate, loaded, routing, service
from tests.waiting import wait_until

ENVOY = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
pytestmark = [pytest.mark.skipif(ENVOY is None, reason="no Envoy is installed"), pytest.mark.slow]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[RealGate]:
    """Envoy with half of the users on a canary."""
    with envoy_gate(tmp_path / "gateway") as gate:
        gate.traffic.keep()
        sticky = Sticky(kind="header", name="x-user")
        gate.traffic.apply(routing(gate, service("wine", sticky), weight=500))
        yield gate


def asked(user: int) -> Asked:
    """A request of a user."""
    return Asked(path="/wine/predict?secret=1", headers={"x-user": f"u{user}"})


def test_callers_and_windows_agree(gate: RealGate, tmp_path: Path) -> None:
    """Requests, errors by arm, users and failing lines; and all of it in telemetry afterwards."""
    clock = SystemClock()
    begun = clock.now()
    watched = Watched(service="wine", stable="1", canary="2", release="r", begun=begun, seconds=1.0)
    means = LogMeans(
        traffic=lambda: gate.traffic,
        seconds=lambda: {"wine": 1.0},
        clock=clock,
        telemetry=tmp_path / "telemetry",
    )
    with closing(Book(tmp_path)) as book, closing(LogKeeper(book, means)) as keeper:

        def told(since: datetime) -> list[Window]:
            keeper.turn()
            return list(AccessLogMetrics(book).windows(watched, since - timedelta(seconds=1), clock.now()))

        arms = [gate.ask(asked(user)).headers["x-seatrial-arm"] for user in range(60)]
        gate.down("wine.c0")
        with loaded(gate, asked(arms.index("canary"))) as load:
            gate.traffic.rotate_log()
        more = len(load.answers)
        wait_until(lambda: sum(one.stable.requests + one.canary.requests for one in told(begun)) >= 60 + more)
        windows = told(begun)
        (failed,) = book.failing("wine", Arm.CANARY, begun, clock.now(), count=1)
        wait_until(lambda: keeper.turn() and 1 == len(gate.traffic.log_files()))

    stable, canary = [one.stable for one in windows], [one.canary for one in windows]
    assert [] == load.failed
    assert arms.count("stable") == sum(arm.requests for arm in stable)
    assert arms.count("canary") + more == sum(arm.requests for arm in canary)
    assert (0, more) == (sum(arm.failed for arm in stable), sum(arm.errors.get("failed over", 0) for arm in canary))
    assert 60 == sum((arm.units or 0) for arm in (*stable, *canary))
    assert "failed over" in failed
    assert failed.endswith(": GET /wine/predict")
    with open_log(str(tmp_path / "telemetry")) as log:
        rows = ask(log, "SELECT DISTINCT assigned, path FROM requests ORDER BY ALL").rows
    assert (("canary", "/wine/predict"), ("stable", "/wine/predict")) == rows
