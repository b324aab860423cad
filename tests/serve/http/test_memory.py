"""A connection keeps no more than its bounds say, and nothing when it is gone."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from seatrial.serve.http import Connection, Exchange
from tests.serve.desk import Desk, Wire


@pytest.fixture
def collector_off() -> Iterator[None]:
    """Without the garbage collector, only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living() -> int:
    """Connections and exchanges in memory."""
    return sum(isinstance(one, Connection | Exchange) for one in gc.get_objects())


@pytest.mark.usefixtures("collector_off")
@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\n\r\n", b"GET /hea", b"nonsense ", b"GET /%b" % (b"x" * 10_000)]
)
def test_what_is_gone_is_freed_at_once(sent: bytes) -> None:
    """Answered, refused or broken off: a lost connection leaves nothing for the garbage collector."""
    with Desk() as desk:
        before = living()
        wire = Wire(Connection(desk.hub))
        wire.connection.data_received(sent)
        assert living() > before
        wire.leave()
        del wire
        assert before == living()


def test_tiny_chunks_cost_what_they_hold() -> None:
    """Half a million chunks of two bytes are a body of a megabyte, in memory as well."""
    with Desk() as desk:
        wire = Wire(Connection(desk.hub))
        wire.connection.data_received(b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
        chunks = b"2\r\nxy\r\n" * 5_000
        tracemalloc.start()
        for _ in range(100):
            wire.connection.data_received(chunks)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 1_000_000 <= kept <= 3_000_000


def test_header_without_end_is_not_kept() -> None:
    """What is kept of a header that never ends is bounded."""
    with Desk() as desk:
        wire = Wire(Connection(desk.hub))
        wire.connection.data_received(b"GET / HTTP/1.1\r\nx: ")
        tracemalloc.start()
        for _ in range(1000):
            wire.connection.data_received(b"y" * 10_000)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kept <= 200_000
        assert 431 == wire.status
