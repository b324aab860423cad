"""Everything that can go wrong with a request, counted by kind, against real servers."""

import asyncio
import socket

import pytest

from tests.drive.driving import drive_all, lane
from tests.drive.servers import CERTIFICATE, Answer, LocalServer, Received, fixed, http


async def _close(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _close_in_the_middle(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(http(b'{"prediction": 1}')[:-5])
    await writer.drain()
    writer.close()


async def _never(_: Received, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _stop_in_the_middle(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(http()[:-5])
    await asyncio.Event().wait()


async def _flood(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n%b\r\n" % (2**20, b"x" * 2**20)
    while not writer.is_closing():
        writer.write(chunk)
        await writer.drain()


_HTML = b"<html><body>Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        pytest.param(_close, None, "disconnected", id="closes"),
        pytest.param(_close_in_the_middle, None, "disconnected", id="closes in the middle"),
        pytest.param(_never, None, "timeout", id="never answers"),
        pytest.param(_stop_in_the_middle, None, "timeout", id="stops in the middle"),
        pytest.param(_flood, 200, "too_large", id="answers without end"),
        pytest.param(fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), 200, "too_large", id="too long"),
        pytest.param(fixed(b"what?\r\n\r\n"), None, "not_json", id="not HTTP"),
        pytest.param(fixed(http(_HTML, content_type="text/html")), 200, "not_json", id="HTML"),
        pytest.param(fixed(http(b"")), 200, "not_json", id="empty"),
        pytest.param(fixed(http(b"\xff\xfe\x00")), 200, "not_json", id="bytes"),
        pytest.param(fixed(http(b"[" * 100_000)), 200, "not_json", id="deep"),
        pytest.param(fixed(http(_HTML, 502)), 502, "http_5xx", id="502"),
        pytest.param(fixed(http(b"{}", 500)), 500, "http_5xx", id="500"),
        pytest.param(fixed(http(b'{"detail": "no"}', 422)), 422, "http_4xx", id="422"),
        pytest.param(fixed(http(b"", 404)), 404, "http_4xx", id="404"),
        pytest.param(fixed(http(b"", 304)), 304, "redirect", id="304"),
        pytest.param(fixed(http(b"", 302)), 302, "redirect", id="redirect to nowhere"),
        pytest.param(fixed(http(b"", 307, Location="/again")), None, "redirect", id="redirect loop"),
        pytest.param(fixed(http(b"", 302, Location="gopher://x/")), None, "redirect", id="redirect to another scheme"),
        pytest.param(fixed(http(b'{"prediction": NaN}')), 200, "nan", id="NaN"),
        pytest.param(fixed(http(b'{"prediction": [1, -Infinity]}')), 200, "nan", id="infinity within"),
        pytest.param(fixed(http(b'{"prediction": 1e999}')), 200, "nan", id="overflow"),
        pytest.param(fixed(http(b'{"prediction": null}')), 200, "no_prediction", id="null"),
        pytest.param(fixed(http(b'{"result": 1}')), 200, "no_prediction", id="missing"),
        pytest.param(fixed(http(b"[1]")), 200, "no_prediction", id="list"),
    ],
)
def test_answers_are_counted_by_kind(answer: Answer, status: int | None, error: str) -> None:
    """Each bad answer has a kind of its own, and no prediction."""
    timeout = 0.2 if error == "timeout" else 5.0
    with LocalServer(answer) as server:
        samples = drive_all([lane(server.url, count=2, timeout=timeout, rate=200.0)]).samples()
    assert [(status, error, None)] * 2 == [(sample.status, sample.error, sample.prediction) for sample in samples]


def test_a_name_that_does_not_resolve_is_a_dns_error() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    assert {"dns"} == drive_all([lane("http://no-such-host.invalid", count=2)]).errors()


def test_a_refused_connection_is_a_connect_error() -> None:
    """Nothing listens there: the socket is bound and closed to the world."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert {"connect"} == drive_all([lane(f"http://127.0.0.1:{taken.getsockname()[1]}", count=2)]).errors()


def test_a_self_signed_certificate_is_a_tls_error() -> None:
    """Nobody vouches for it."""
    with LocalServer(tls=True) as server:
        assert {"tls"} == drive_all([lane(server.url, count=2)]).errors()
        assert [] == server.received


def test_a_certificate_that_is_vouched_for_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private authorities are named as for any program that uses OpenSSL."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with LocalServer(tls=True) as server:
        assert {None} == drive_all([lane(server.url, count=5)]).errors()


@pytest.mark.parametrize("blunt", [http(b"", 400), b""], ids=["answers in plain text", "closes"])
def test_https_to_a_plain_port_is_a_tls_error(blunt: bytes) -> None:
    """The handshake fails, whichever way the server takes the greeting."""
    with LocalServer(blunt=blunt) as server:
        assert {"tls"} == drive_all([lane(server.url.replace("http:", "https:"), count=2)]).errors()


def test_up_to_three_redirects_are_followed() -> None:
    """A service that moved is measured where it is now; its answer counts."""

    async def move(request: Received, writer: asyncio.StreamWriter) -> None:
        hops = request.path.count("x")
        writer.write(http() if hops == 3 else http(b"", 307, Location=f"{request.path}x"))

    with LocalServer(move) as server:
        samples = drive_all([lane(server.url, count=1, path="/p")]).samples()
    assert [(200, None, 1)] == [(sample.status, sample.error, sample.prediction) for sample in samples]
    assert ["/p", "/px", "/pxx", "/pxxx"] == [request.path for request in server.received]
    assert {b"0"} == set(server.bodies)


def test_cookies_are_not_kept() -> None:
    """A sticky session would make one lane's requests depend on each other."""
    with LocalServer(fixed(http(Set_Cookie="a=b"))) as server:
        drive_all([lane(server.url, count=3)])
    assert ["cookie" in request.headers for request in server.received] == [False] * 3


def test_an_answer_in_chunks_or_until_the_end_is_read_whole() -> None:
    """Both ways of HTTP to send a body of unknown length."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b'{"predic', b'tion": 7}', b""))

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        if request.number % 2:
            writer.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"prediction": 7}')
            await writer.drain()
            writer.close()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)

    with LocalServer(answer) as server:
        samples = drive_all([lane(server.url, count=4, rate=100.0)]).samples()
    assert [7] * 4 == [sample.prediction for sample in samples]


def test_errors_carry_their_latency() -> None:
    """A timeout took as long as the timeout, counted from the intended time."""
    with LocalServer(_never) as server:
        samples = drive_all([lane(server.url, count=2, timeout=0.1)]).samples()
    assert all(sample.latency >= 0.1 for sample in samples)
