"""What is not HTTP, or too much of it, is refused with an answer that its sender can still read."""

from collections.abc import Iterator

import pytest

from seatrial.serve.http import Bounds
from tests.serve.http.stage import PREFIX, Stage, stage

SMALL = Bounds(target=100, headers=1000, body=10_000)


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    """One server with narrow bounds."""
    with stage(SMALL) as one:
        yield one


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
        b"hello\r\n\r\n",
        b"BREW /hello HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.2\r\n\r\n",
        b"GET /he llo HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET /hello HTTP/1.1\nhost: a\n\n",
        b"GET /hello HTTP/1.1\r\nhost: a\0b\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n:path: /user/x\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nx-request-id: a\r\n folded\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nx-request-id: a\rset-cookie: b\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_nonsense_is_400(served: Stage, nonsense: bytes) -> None:
    """What is not HTTP/1.1 is told so, and the connection ended."""
    with served.connect() as client:
        client.send(nonsense)
        (answer,) = client.answers()
        assert (400, b"close") == (answer.status, answer.headers[b"connection"])
        assert answer.headers[b"x-request-id"].startswith(PREFIX)
        assert answer.text.startswith("this is not HTTP/1.1: ")


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 3\r\ncontent-length: 3",
        b"content-length: 3\r\ncontent-length: 4",
        b"content-length: 3, 3",
        b"content-length: +3",
        b"content-length: -3",
        b"content-length: 0x3",
        b"content-length: 3 3",
        b"content-length:",
        b"content-length: 99999999999999999999999999",
        b"content-length: 3\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 3",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
        b"transfer-encoding : chunked",
        b"transfer-encoding: \x0bchunked",
        b"transfer-encoding: xchunked",
    ],
)
def test_two_readings_of_a_length_are_refused(served: Stage, headers: bytes) -> None:
    """A body that a proxy before this server could measure otherwise is never read: no request is smuggled in."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\n%b\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /hello HTTP/1.1\r\n\r\n" % headers)
        (answer,) = client.answers()
        assert answer.status in {400, 501}


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_broken_chunks_are_400(served: Stage, chunks: bytes) -> None:
    """Chunks that are not exactly as they should be are refused."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)
        assert [400] == [answer.status for answer in client.answers()]


def test_other_transfer_encodings_are_501(served: Stage) -> None:
    """A compressed transfer is not taken for the body."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        assert [501] == [answer.status for answer in client.answers()]


def test_wrong_length_makes_the_next_request_nonsense(served: Stage) -> None:
    """With a length that is too short, the rest of the body is where a request should be."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcdef\r\n\r\n")
        assert [(200, b"abc"), (400, b"this")] == [(one.status, one.body[:4]) for one in client.answers()]


LONG = [
    (b"GET /" + b"x" * 200 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET /" + b"x" * 2_000_000, 414),
    (b"GET /hello HTTP/1.1\r\nx: " + b"y" * 1100 + b"\r\n\r\n", 431),
    (b"GET /hello HTTP/1.1\r\nx: " + b"y" * 2_000_000, 431),
    (b"GET /hello HTTP/1.1\r\n" + b"y" * 2_000_000, 431),
    (b"GET /hello HTTP/1.1\r\n" + b"x: y\r\n" * 400_000, 431),
    (b"POST /echo HTTP/1.1\r\ncontent-length: 10001\r\n\r\n", 413),
    (b"POST /echo HTTP/1.1\r\ncontent-length: 00000000000000000000010001\r\n\r\n", 413),
    (b"POST /echo HTTP/1.1\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000, 413),
    (b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1000\r\n%b\r\n" % (b"x" * 4096) * 500, 413),
    (b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 2_000_000, 431),
    (b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"y" * 2_000_000, 431),
    (b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 400_000, 431),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status"), LONG)
def test_too_much_is_refused_and_the_sender_can_read_it(served: Stage, request_: bytes, status: int) -> None:
    """A target, header or body over its bound is refused; the refusal survives that its sender is still sending."""
    with served.connect() as client:
        client.send(request_)
        client.end()
        (answer,) = client.answers()
        assert (status, b"close") == (answer.status, answer.headers[b"connection"])


def test_bounds_themselves_are_allowed(served: Stage) -> None:
    """A target, headers and a body of exactly the bound are answered."""
    with served.connect() as client:
        client.send(b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * (SMALL.target - 1)))
        assert 404 == client.answer().status
        client.send(b"GET /hello HTTP/1.1\r\nx: %b\r\n\r\n" % (b"y" * (SMALL.headers - 1)))
        assert 200 == client.answer().status
        client.send(b"POST /echo HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (SMALL.body, b"x" * SMALL.body))
        assert SMALL.body == len(client.answer().body)


def test_many_requests_cut_in_two_are_no_long_header(served: Stage) -> None:
    """What one request brought in pieces is not held against the next."""
    request = b"GET /hello HTTP/1.1\r\nx: %b\r\n\r\n" % (b"y" * 500)
    with served.connect() as client:
        for _ in range(20):
            client.send(request[:400])
            client.send(request[400:])
            assert 200 == client.answer().status


def test_refusal_of_head_has_no_body(served: Stage) -> None:
    """Also a refusal keeps the rule that HEAD is answered without a body."""
    with served.connect() as client:
        client.send(b"HEAD /hello HTTP/1.1\r\nx: %b\r\n\r\n" % (b"y" * 2000))
        assert 431 == client.answer(head=True).status
        assert client.ended()


def test_refusal_waits_for_owed_answers() -> None:
    """Nonsense behind good requests is refused after those were answered."""
    with stage() as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\nnonsense")
        served.release(served.wait_held(1)[0])
        assert [200, 200, 400] == [answer.status for answer in client.answers()]
        assert (3, [200, 200, 400]) == (served.count.started, served.count.statuses)


def test_refused_connection_does_not_linger_for_ever() -> None:
    """Who goes on sending after a refusal is cut off."""
    with stage(SMALL) as served, served.connect() as client:
        client.send(b"nonsense")
        assert 400 == client.answer().status
        assert client.ended()
        served.sweep()
        client.send(b"more")
        assert 1 == served.call(lambda: len(served.hub.connections))
        served.sweep(after=3.0)
        served.wait_quiet()
