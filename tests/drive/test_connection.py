"""The connection and the client on it: framing, keep-alive, redirects and what is never sent."""

import asyncio
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.testing import FakeClock
from seatrial.trial.drive.client import Client, Reply
from seatrial.trial.drive.connection import Answer, Connection, TransportError
from seatrial.trial.drive.message import first_target, redirected
from seatrial.trial.drive.pacer import LoopPacer
from tests.drive.driving import SPEC
from tests.drive.servers import LocalServer, fixed, http
from tests.waiting import wait_until


class FakeTransport(asyncio.Transport):
    """Keeps what is written and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


async def exchange(parts: list[bytes], *, then_close: bool = False) -> tuple[Answer, Connection]:
    """The answer that a connection makes of bytes that come in these parts."""
    connection = Connection(asyncio.get_running_loop(), with_body=True)
    connection.connection_made(FakeTransport())
    asking = asyncio.create_task(connection.exchange(b"request", 10.0))
    await asyncio.sleep(0)
    for part in parts:
        connection.data_received(part)
    if then_close:
        connection.connection_lost(None)
    return await asking, connection


BODY = b'{"prediction": 1}'
SAME = [
    http(BODY, Location="/x"),
    b"HTTP/1.1 200 OK\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
    + BODY[:5]
    + b"\r\nc\r\n"
    + BODY[5:]
    + b"\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + http(BODY, Location="/x"),
    b"HTTP/1.0 200 OK\r\nLocation: /x\r\n\r\n" + BODY,
]


@given(answer=st.sampled_from(SAME), cuts=st.lists(st.integers(1, 120), max_size=6))
def test_an_answer_may_come_in_any_parts(answer: bytes, cuts: list[int]) -> None:
    """Where the network cuts an answer makes no difference, however its length is told."""
    edges = [0, *sorted(cut for cut in set(cuts) if cut < len(answer)), len(answer)]
    parts = [answer[low:high] for low, high in itertools.pairwise(edges)]
    found, _ = asyncio.run(exchange(parts, then_close=answer is SAME[3]))
    assert Answer(200, BODY, "/x") == found


@given(junk=st.binary(min_size=1, max_size=300))
def test_no_bytes_break_a_connection(junk: bytes) -> None:
    """Whatever comes, there is an answer or a kind of error."""
    try:
        answer, _ = asyncio.run(exchange([junk], then_close=True))
        found = "answer" if answer.status >= 200 else "interim"
    except TransportError as error:
        found = error.kind
    assert found in {"answer", "not_json", "disconnected"}


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        (http(), True),
        (http(Connection="close"), False),
        (http().replace(b"1.1", b"1.0"), False),
        (http() + http(), False),
    ],
    ids=["kept", "told to close", "HTTP/1.0", "more than was asked for"],
)
def test_a_connection_is_used_again_only_if_it_may(answer: bytes, usable: bool) -> None:  # noqa: FBT001
    """The server decides; and one that says more than it was asked isn't trusted."""
    _, connection = asyncio.run(exchange([answer]))
    assert usable == connection.usable


def test_an_idle_connection_that_speaks_is_closed() -> None:
    """Its next answer would be taken for another request's."""

    async def speak() -> FakeTransport:
        transport = FakeTransport()
        connection = Connection(asyncio.get_running_loop(), with_body=True)
        connection.connection_made(transport)
        connection.data_received(http())
        return transport

    assert asyncio.run(speak()).aborted


def test_a_connection_that_idled_long_is_not_used_again() -> None:
    """Servers close idle connections; a request must not race with that."""
    clock = FakeClock()

    async def three_blocks(url: str) -> list[Reply]:
        replies = []
        async with Client(url, SPEC, clock.monotonic) as client:
            for pause in (0.0, 1.0, 4.0):
                clock.sleep(pause)
                due, pacer = clock.monotonic(), LoopPacer(clock.monotonic)
                replies += await client.send_block([b"{}"], [0.0], start=due, pacer=pacer)
        return replies

    with LocalServer() as server:
        replies = asyncio.run(three_blocks(server.url))
    assert [None] * 3 == [reply.error for reply in replies]
    assert [0, 0, 1] == [request.connection for request in server.received]


def test_cancelling_closes_what_is_in_flight() -> None:
    """Ctrl-C in the middle of a block leaves no connection open."""

    async def cancelled(server: LocalServer) -> None:
        loop = asyncio.get_running_loop()
        async with Client(server.url, SPEC, loop.time) as client:
            pacer = LoopPacer(loop.time)
            sending = client.send_block([b"{}"] * 3, [0.0] * 3, start=loop.time(), pacer=pacer)
            block = asyncio.create_task(sending)
            await asyncio.to_thread(wait_until, lambda: len(server.received) == 3)
            block.cancel()
            with pytest.raises(asyncio.CancelledError):
                await block
            await asyncio.to_thread(wait_until, lambda: server.open_connections == 0)

    with LocalServer(fixed(b"")) as server:
        asyncio.run(cancelled(server))


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
        (302, "PUT", "PUT"),
    ],
)
def test_redirects_change_the_method_as_in_browsers(status: int, method: str, expected: str) -> None:
    """The Fetch standard's rules."""
    target = first_target("http://127.0.0.1:1", replace(SPEC, method=method))
    onward = redirected(target, Answer(status, b"", "/other?x=1"))
    assert onward is not None
    assert (expected, "/other?x=1") == (onward.method, onward.url.raw_path_qs)


def test_another_origin_gets_no_credentials() -> None:
    """A redirect must not carry a key to someone else; on the same origin it stays."""
    target = first_target("http://user:pw@127.0.0.1:1", replace(SPEC, headers={"Cookie": "a=b", "X-Other": "1"}))
    assert b"Authorization: Basic dXNlcjpwdw==\r\n" in target.head
    same = redirected(target, Answer(307, b"", "/x"))
    other = redirected(target, Answer(307, b"", "http://127.0.0.2:1/x"))
    assert same is not None
    assert other is not None
    assert [True, True] == [header in same.head for header in (b"Authorization", b"Cookie")]
    assert [False, False] == [header in other.head for header in (b"Authorization", b"Cookie")]
    assert b"X-Other: 1\r\n" in other.head


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "1"}, {"transfer-encoding": "chunked"}, {"a b": "c"}, {"": "x"}]
)
def test_headers_that_would_break_the_framing_are_errors(headers: dict[str, str]) -> None:
    """Said before anything is sent, with the header's name."""
    with pytest.raises(UsageError, match=r"requests\.headers"):
        first_target("http://127.0.0.1:1", replace(SPEC, headers=headers))


def test_get_has_no_body() -> None:
    """Some models are asked by GET."""
    with LocalServer(fixed(http())) as server:

        async def ask() -> list[Reply]:
            loop = asyncio.get_running_loop()
            async with Client(server.url, replace(SPEC, method="GET"), loop.time) as client:
                return await client.send_block([b"{}"], [0.0], start=loop.time(), pacer=LoopPacer(loop.time))

        assert [200] == [reply.status for reply in asyncio.run(ask())]
    assert [("GET", b"")] == [(request.method, request.body) for request in server.received]
