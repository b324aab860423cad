"""Whatever bytes come in whatever pieces, each request is counted once, answered once, and in its turn."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import hypothesis
import pytest
from hypothesis import strategies as st

from seatrial.serve.http import Bounds
from tests.serve.http.stage import Client, Stage, stage

BOUNDS = Bounds(target=60, headers=300, body=2000, waiting=3)


@dataclass(frozen=True)
class Sent:
    """One thing that a client sends, and the status that it gets; None where nothing is owed.

    `last` where nothing after it is looked at.
    """

    data: bytes
    status: int | None
    last: bool = False


def post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A POST with a length."""
    return b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (path, more, len(body), body)


def chunked(path: bytes, chunks: list[bytes]) -> bytes:
    """A POST in chunks."""
    lines = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    return b"POST %b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % (path, lines)


paths = st.sampled_from([b"/echo", b"/later"])
good = st.one_of(
    st.just(Sent(b"GET /hello HTTP/1.1\r\n\r\n", 200)),
    st.just(Sent(b"GET /fails HTTP/1.1\r\n\r\n", 500)),
    st.just(Sent(b"GET /twice HTTP/1.1\r\n\r\n", 200)),
    st.just(Sent(b"GET /nowhere HTTP/1.1\r\n\r\n", 404)),
    st.just(Sent(b"GET http://host/hello HTTP/1.1\r\n\r\n", 200)),
    st.just(Sent(b"PUT /echo HTTP/1.1\r\ncontent-length: 2\r\n\r\nab", 405)),
    st.just(Sent(b"GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", 200)),
    st.builds(lambda path, body: Sent(post(path, body), 200), paths, st.binary(max_size=1500)),
    st.builds(
        lambda path, chunks: Sent(chunked(path, chunks), 200), paths, st.lists(st.binary(max_size=200), max_size=8)
    ),
    st.builds(lambda path: Sent(post(path, b"ab", b"expect: 100-continue\r\n"), 200), paths),
    st.builds(lambda path: Sent(post(path, b"ab", b"connection: upgrade\r\nupgrade: h2c\r\n"), 200), paths),
)
last = st.one_of(
    st.just(Sent(b"GET /hello HTTP/1.1\r\nconnection: close\r\n\r\n", 200, last=True)),
    st.just(Sent(b"GET /hello HTTP/1.0\r\n\r\n", 200, last=True)),
    st.just(Sent(b"CONNECT a:1 HTTP/1.1\r\n\r\n", 404, last=True)),
    st.just(Sent(b"nonsense ", 400, last=True)),
    st.just(Sent(b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 100), 414, last=True)),
    st.just(Sent(b"GET / HTTP/1.1\r\nx: %b\r\n\r\n" % (b"y" * 400), 431, last=True)),
    st.just(Sent(post(b"/echo", b"z" * 2001), 413, last=True)),
    st.just(Sent(b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na", 400, last=True)),
    st.just(Sent(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", None, last=True)),
    st.just(Sent(b"GET /hel", None, last=True)),
)
streams = st.builds(
    lambda some, end, more: [*some, *end, *more],
    st.lists(good, max_size=12),
    st.lists(last, max_size=1),
    st.lists(good, max_size=2),
)
cuts = st.lists(st.integers(0, 6000), max_size=12).map(sorted)


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    """One server for all examples."""
    with stage(BOUNDS) as one:
        yield one


def pieces(data: bytes, where: list[int]) -> Iterator[bytes]:
    """The data, cut."""
    for start, end in zip([0, *where], [*where, len(data)], strict=True):
        if data[start:end]:
            yield data[start:end]


def expected(stream: list[Sent]) -> list[int]:
    """The statuses that a stream earns."""
    found = []
    for sent in stream:
        if sent.status is not None:
            found.append(sent.status)
        if sent.last:
            break
    return found


@hypothesis.given(stream=streams, where=cuts)
@hypothesis.settings(max_examples=150)
def test_every_request_is_answered_once_and_in_order(served: Stage, stream: list[Sent], where: list[int]) -> None:
    """Good and broken requests in any cuts get the statuses that they earn, up to the first that ends all."""
    before = served.call(lambda: len(served.count.statuses))
    data = b"".join(sent.data for sent in stream)
    unfinished = any(sent.status is None for sent in stream)
    with served.connect() as client:
        for piece in pieces(data, where):
            with contextlib.suppress(ConnectionError):
                client.send(piece)
        if unfinished:
            # What follows completes it, or not; either way the answers before it are as they were.
            stream = stream[: [sent.status for sent in stream].index(None) + 1]
        with contextlib.suppress(OSError):
            client.end()
        statuses = [answer.status for answer in client.answers() if answer.status != 100]
    wanted = expected(stream)
    assert wanted == statuses[: len(wanted)]
    assert len(statuses) <= len(wanted) + unfinished
    served.wait_quiet()
    assert statuses == served.count.statuses[before:]
    assert 0 == served.count.in_progress


@hypothesis.given(
    stream=streams, where=cuts, kept=st.integers(0, 6000), leave=st.sampled_from([Client.close, Client.reset])
)
@hypothesis.settings(max_examples=100)
def test_counts_balance_when_the_client_leaves(
    served: Stage, stream: list[Sent], where: list[int], kept: int, leave: object
) -> None:
    """A client that leaves at any point leaves nothing in progress, no connection, and no exchange half answered."""
    data = b"".join(sent.data for sent in stream)[:kept]
    client = served.connect()
    for piece in pieces(data, where):
        with contextlib.suppress(ConnectionError):
            client.send(piece)
    leave(client)  # type: ignore[operator]
    served.wait_quiet()
    assert 0 == served.call(lambda: served.count.in_progress)


@hypothesis.given(data=st.binary(max_size=300), where=cuts)
@hypothesis.settings(max_examples=100)
def test_any_bytes_are_survived(served: Stage, data: bytes, where: list[int]) -> None:
    """Random bytes get 400 or nothing, never a fault, and the server goes on."""
    with served.connect() as client:
        for piece in pieces(data, where):
            with contextlib.suppress(ConnectionError):
                client.send(piece)
        with contextlib.suppress(OSError):
            client.end()
        assert {answer.status for answer in client.answers()} <= {400, 404, 405}
    served.wait_quiet()
    assert 0 == served.count.in_progress
