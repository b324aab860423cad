"""Peers that are slow, silent or gone cost little, and are given up after a while."""

import pytest

from seatrial.serve.http import Bounds
from tests.serve.http.stage import Client, Stage, stage
from tests.waiting import wait_until

HELLO = b"GET /hello HTTP/1.1\r\n\r\n"
HOLD = b"GET /hold HTTP/1.1\r\n\r\n"
BOUNDS = Bounds(read_timeout=10.0, idle_timeout=75.0)


def arrived(served: Stage, client: Client) -> None:
    """Wait until the server has read all that this only client sent."""

    def parsed() -> bool:
        return any(connection._incoming is not None for connection in served.hub.connections)

    assert client
    wait_until(lambda: served.call(parsed))


@pytest.mark.parametrize(
    "beginning",
    [
        b"G",
        b"GET /hello",
        b"GET /hello HTTP/1.1\r\nhost: a\r\nx-slow",
        b"POST /echo HTTP/1.1\r\ncontent-length: 5\r\n\r\nab",
    ],
)
def test_slow_sender_is_told(beginning: bytes) -> None:
    """A request that doesn't arrive in time is 408, wherever it stopped."""
    with stage(BOUNDS) as served, served.connect() as client:
        client.send(beginning)
        arrived(served, client)
        served.sweep(after=9.0)
        assert 0 == served.count.started
        served.sweep(after=2.0)
        (answer,) = client.answers()
        assert (408, b"close") == (answer.status, answer.headers[b"connection"])
        assert [408] == served.count.statuses


def test_dripping_sender_is_told() -> None:
    """A byte now and then does not buy more time."""
    with stage(BOUNDS) as served, served.connect() as client:
        for byte in b"GET /he":
            client.send(bytes([byte]))
            arrived(served, client)
            served.sweep(after=1.5)
        assert 408 == client.answer().status


def test_silent_connection_is_closed() -> None:
    """A connection on which nothing is asked is closed without a word."""
    with stage(BOUNDS) as served, served.connect() as fresh, served.connect() as used:
        used.send(HELLO)
        assert 200 == used.answer().status
        wait_until(lambda: len(served.hub.connections) == 2)
        served.sweep(after=74.0)
        used.send(HELLO)
        assert 200 == used.answer().status
        served.sweep(after=2.0)
        assert fresh.ended()
        used.send(HELLO)
        assert 200 == used.answer().status
        served.sweep(after=76.0)
        assert used.ended()


def test_slow_model_is_no_silence() -> None:
    """However long an answer takes, its connection is neither silent nor slow, nor is it right after the answer."""
    with stage(BOUNDS) as served, served.connect() as client:
        client.send(HOLD)
        held = served.wait_held(1)
        client.send(b"GET /hel")
        arrived(served, client)
        served.sweep(after=1000.0)
        served.release(held[0])
        served.sweep()
        assert b"held " == client.answer().body
        client.send(b"lo HTTP/1.1\r\n\r\n")
        assert b"hello" == client.answer().body


def test_reader_that_stopped_is_given_up() -> None:
    """Of a peer that doesn't read one answer is kept, not those to all it asked; it is cut off after a while."""
    with stage(BOUNDS) as served, served.connect(receive_buffer=4096) as client:
        client.send(b"GET /big HTTP/1.1\r\n\r\n" * 10)
        wait_until(lambda: served.count.started == 10)
        served.sweep()
        assert [200] == served.count.statuses
        served.sweep(after=9.0)
        assert 9 == served.count.in_progress
        served.sweep(after=2.0)
        served.wait_quiet()
        assert (9, 0) == (served.count.gone, served.count.in_progress)


def test_slow_reader_gets_everything() -> None:
    """A peer that reads slowly, but reads, is given the time that it takes."""
    with stage(BOUNDS, size=30_000_000) as served, served.connect(receive_buffer=4096) as client:
        client.send(b"GET /big HTTP/1.1\r\n\r\n" + HELLO)
        wait_until(lambda: served.count.statuses)
        seen = 0
        while seen < 29_000_000:
            seen += len(client.read(1_000_000))
            served.sweep(after=5.0)
        client.end()
        assert client.read(2_000_000).endswith(b"hello")


def test_reader_that_stopped_cannot_hold_a_closing_connection() -> None:
    """An answer after which the connection closes is not kept for ever for a peer that doesn't read it."""
    with stage(BOUNDS) as served, served.connect(receive_buffer=4096) as client:
        client.send(b"GET /big HTTP/1.0\r\n\r\n")
        wait_until(lambda: served.count.statuses)
        served.sweep()
        served.sweep(after=11.0)
        served.wait_quiet()


def test_half_closed_client_is_answered() -> None:
    """Who shuts down its sending side still gets all answers, then the end."""
    with stage() as served, served.connect() as client:
        client.send(HELLO + HOLD + HELLO)
        client.end()
        served.release(served.wait_held(1)[0])
        answers = client.answers()
        assert [b"hello", b"held ", b"hello"] == [one.body for one in answers if one.status == 200]
        assert b"close" == answers[-1].headers[b"connection"]
        served.wait_quiet()


def test_half_closed_client_that_waits_is_asked() -> None:
    """A half-closed client whose answer takes long gets an interim answer, and later the real one."""
    with stage() as served, served.connect() as client:
        client.send(HOLD)
        client.end()
        held = served.wait_held(1)
        assert 100 == client.answer(head=True).status
        served.release(held[0])
        assert [b"held "] == [answer.body for answer in client.answers()]


def test_half_closed_old_client_is_not_asked() -> None:
    """HTTP/1.0 knows no interim answers, so that one is just answered."""
    with stage() as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.0\r\n\r\n")
        client.end()
        held = served.wait_held(1)
        served.release(held[0])
        assert [200] == [answer.status for answer in client.answers()]


@pytest.mark.parametrize("beginning", [b"", b"GET /hel", b"POST /echo HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc"])
def test_half_closed_without_a_whole_request(beginning: bytes) -> None:
    """Who ends within a request is left alone, and nothing of it was counted."""
    with stage() as served, served.connect() as client:
        client.send(HELLO + beginning)
        client.end()
        assert [b"hello"] == [answer.body for answer in client.answers()]
        served.wait_quiet()
        assert 1 == served.count.started


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_client_that_leaves_is_noticed(leave: object) -> None:
    """While its request waits a client goes away, politely or not: this is known before anybody answers."""
    with stage() as served:
        client = served.connect()
        client.send(HOLD + HELLO)
        held = served.wait_held(1)
        leave(client)  # type: ignore[operator]
        served.wait_quiet()
        assert held[0].abandoned
        assert (2, 0, []) == (served.count.gone, served.count.in_progress, served.count.statuses)
        served.release(held[0])
        assert (2, 0, []) == (served.count.gone, served.count.in_progress, served.count.statuses)
        assert 1 == len(served.begun)


def test_end_of_line_alone_is_no_request() -> None:
    """Empty lines before a request are passed over, and endless ones count as silence."""
    with stage(BOUNDS) as served, served.connect() as client:
        client.send(b"\r\n" * 1000 + HELLO)
        assert 200 == client.answer().status
        client.send(b"\r\n" * 1000)
        served.sweep(after=76.0)
        assert client.ended()
