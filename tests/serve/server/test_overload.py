"""More than the model can do, or more than a peer may take: what is accepted is answered, and nothing grows or hangs."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.running import Server, serving
from tests.serve.server.flood import flood
from tests.serve.server.garbage import GOOD
from tests.serve.server.load import resident
from tests.serve.server.wire import Wire
from tests.waiting import wait_until

CALLS = 50
"""A second, of a model that takes 20 ms a call."""
BATCH = 2
WAIT = 0.5
CAPACITY = CALLS * BATCH
BOUNDS = ("--max-batch", str(BATCH), "--max-queue", "32", "--max-wait", str(WAIT))

GROWTH = 16.0
"""MiB that a worker may grow in a minute of overload."""
HEALTHY = 0.5
"""Seconds in which /healthz has to answer, on a busy machine."""
RECOVERY = 1.0
"""Seconds after the overload in which a request has to be answered."""


@pytest.mark.slow
def test_five_times_the_capacity_for_a_minute(classes: Path) -> None:
    """Accepted requests are answered, the rest get 503 and when to come again; memory stays, and so does health."""
    with serving(classes, "models:Slow", *BOUNDS, cwd=classes) as server:
        first = asyncio.run(flood(server.url, rate=5 * CAPACITY, seconds=2))
        before = resident(server.workers)

        seen = asyncio.run(flood(server.url, rate=5 * CAPACITY, seconds=60))

        recovered = recovery(server)
        grown = resident(server.workers) - before
        refused = server.metric("seatrial_model_errors_total", kind="overloaded")
    assert [] == seen.failures
    assert {200, 503} == set(seen.statuses)
    assert 0 == seen.hasty
    assert first.statuses[503] + seen.statuses[503] == refused
    assert seen.statuses[200] >= 0.5 * 60 * CAPACITY
    assert max(seen.seconds) <= WAIT + HEALTHY
    assert max(seen.health) <= HEALTHY
    assert recovered <= RECOVERY
    assert grown <= GROWTH


@pytest.mark.slow
def test_callers_that_give_up_leave_nothing_behind(classes: Path) -> None:
    """What nobody waits for is not computed, is counted as gone, and the next caller is answered at once."""
    with serving(classes, "models:Slow", *BOUNDS, cwd=classes) as server:
        seen = asyncio.run(flood(server.url, rate=5 * CAPACITY, seconds=5, patience=0.1))

        recovered = recovery(server)
        wait_until(lambda: server.metric("seatrial_http_requests_in_progress", handler="/predict") == 0)
        assert 0 < server.metric("seatrial_http_requests_abandoned_total", handler="/predict")
    assert seen.failures
    assert recovered <= RECOVERY


def recovery(server: Server) -> float:
    """Seconds until a request is answered."""
    begun = time.monotonic()
    wait_until(lambda: server.post(1).status_code == 200)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def impatient(ridge: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits one second for a request, and one for the next."""
    arguments = (str(ridge), "--idle-timeout", "1", "--read-timeout", "1")
    with serving(tmp_path_factory.mktemp("impatient"), *arguments) as server:
        yield server


@pytest.mark.parametrize("first", [b"", GOOD], ids=["new", "used"])
def test_a_silent_connection_is_closed(impatient: Server, first: bytes) -> None:
    """After --idle-timeout, whether something was asked before or not."""
    begun = time.monotonic()
    with Wire(impatient.port) as wire:
        wire.send(first)
        replies = wire.read_all()
        lasted = time.monotonic() - begun

    assert [200] * bool(first) == [reply.status for reply in replies]
    assert 1.0 <= lasted <= 1.0 + 2 * HEALTHY + 0.5


@pytest.mark.parametrize("sent", [GOOD[:4], GOOD[:40], GOOD[:-1]], ids=["line", "headers", "body"])
def test_a_request_that_does_not_arrive_is_408(impatient: Server, sent: bytes) -> None:
    """After --read-timeout, wherever it stopped; the connection is closed, and the others go on."""
    begun = time.monotonic()
    with Wire(impatient.port) as wire, Wire(impatient.port) as other:
        wire.send(GOOD + sent)
        replies = wire.read_all()
        lasted = time.monotonic() - begun
        other.send(GOOD)
        (good,) = other.replies(1)

    assert [200, 408] == [reply.status for reply in replies]
    assert replies[-1].closes
    assert 1.0 <= lasted <= 1.0 + 2 * HEALTHY + 0.5
    assert 200 == good.status


def test_a_peer_that_drips_does_not_buy_time(impatient: Server) -> None:
    """A byte now and then is no request either."""
    begun = time.monotonic()
    with Wire(impatient.port) as wire:
        for number in range(len(GOOD)):
            wire.send(GOOD[number : number + 1])
            if wire.waits(0.1):
                break
        reply = wire.read()

    assert reply is not None
    assert 408 == reply.status
    assert time.monotonic() - begun <= 1.0 + 2 * HEALTHY + 0.5
