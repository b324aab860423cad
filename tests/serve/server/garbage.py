"""Bytes that are no HTTP, or nearly; from a seeded generator."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.serve.server.nonsense import message as request

BODY = b"[1, 1, 1]"
GOOD = request(b"POST", b"/predict", [(b"content-type", b"application/json")], BODY)
LINES = (
    b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/9.9", b"GET / HTTP/2.0", b"GET / HTTP/1.0", b"GET /predict",
    b"get / HTTP/1.1", b"G\x00T / HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\xff\xfe HTTP/1.1", b"GET / HTTP/1.1 x",
    b"GET\t/\tHTTP/1.1", b" GET / HTTP/1.1", b"POST * HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http://[::1 HTTP/1.1",
    b"GET //////.. HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"CONNECT / HTTP/1.1", b"PRI * HTTP/2.0", b"HTTP/1.1 200 OK",
    b"SOURCE / ICE/1.0", b"OPTIONS * RTSP/1.0", b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"A" * 70_000 + b" / HTTP/1.1",
    b"POST /predict?" + b"%" * 5000 + b" HTTP/1.1", b"POST /predict#x HTTP/1.1", b"POST /predict HTTP/1.1",
)  # fmt: skip
HEADERS = (
    b"content-length: -1", b"content-length: +9", b"content-length: 9 ", b"content-length: 0x9", b"content-length: 9, 9",
    b"content-length: 9\r\ncontent-length: 9", b"content-length: 9\r\ncontent-length: 10", b"content-length: ",
    b"content-length: 99999999999999999999999999", b"content-length: 18446744073709551615", b"content-length: 8388609",
    b"content-length: nine", b"content-length : 9", b"content-length: 9\r\ntransfer-encoding: chunked",
    b"transfer-encoding: chunked\r\ncontent-length: 9", b"transfer-encoding: gzip, chunked", b"transfer-encoding: chunked, gzip",
    b"transfer-encoding: identity", b"transfer-encoding: chunked\r\ntransfer-encoding: chunked", b"transfer-encoding:\x0bchunked",
    b"transfer-encoding: xchunked", b"host", b": x", b"x y: z", b"x\x00: y", b"x: \x00", b"x: \r y", b"x: y\n z", b" folded: x",
    b"x: y\r\n folded", b"\xff\xfe: \xff", b"x: " + b"y" * 70_000, b"\r\n".join(b"x%d: y" % number for number in range(9000)),
    b"\r\n".join([b"x: y"] * 5000), b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x", b"upgrade: h2c",
    b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__", b"expect: 100-continue",
    b"expect: 200-ok", b"connection: close", b"connection: keep-alive, close", b"x-request-id: a\x7fb", b"x-request-id: " + b"i" * 5000,
    b"inference-header-content-length: -9", b"trailer: x", b"te: trailers", b"accept: \xff", b"authorization: Bearer \xff",
)  # fmt: skip
CHUNKS = (
    b"9\r\n[1, 1, 1]\r\n0\r\n\r\n", b"-9\r\n[1, 1, 1]\r\n0\r\n\r\n", b"xyz\r\n", b"ffffffffffffffffff\r\n", b"7fffffff\r\n[", b"9\n[1, 1, 1]\n0\n\n",
    b"3\r\n[1, 1, 1]\r\n0\r\n\r\n", b"9;" + b"a" * 70_000, b"9;a=b;c\r\n[1, 1, 1]\r\n0\r\nx: y\r\n\r\n", b"0\r\n\r\n", b"\r\n", b"9\r\n[1, 1, 1]",
    b"0\r\n" + b"t: u\r\n" * 20_000, b"800001\r\n" + b" " * 4096, b"000000000000000000009\r\n[1, 1, 1]\r\n0\r\n\r\n", b" 9\r\n[1, 1, 1]\r\n0\r\n\r\n",
)  # fmt: skip
OTHERS = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"SSH-2.0-x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
    b"\x00" * 5000, b"\r\n" * 5000, b"\n", b"{}", b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n", b"\xff" * 100_000, b"\x80\x01\x00",
    b"GET / HTTP/1.1\r\n" * 200, GOOD[:-3], GOOD * 40, GOOD * 3 + b"x", b"\r\n\r\n" + GOOD, GOOD + b"\r\n\r\n" + GOOD, GOOD[: GOOD.index(b"\r\n\r\n")],
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Makes bytes for one connection each; the same ones for the same seed."""

    random: Random

    def message(self) -> bytes:
        """What one peer sends."""
        made = self.random.choice(_MAKERS)(self)
        return self._spoilt(made) if self.random.random() < 0.3 else made

    def _line(self) -> bytes:
        return b"%b\r\nhost: test\r\ncontent-length: %d\r\n\r\n%b" % (self.random.choice(LINES), len(BODY), BODY)

    def _headers(self) -> bytes:
        some = self.random.sample(HEADERS, self.random.randrange(1, 4))
        return b"\r\n".join([b"POST /predict HTTP/1.1", b"host: test", *some, b"", BODY])

    def _chunks(self) -> bytes:
        more = self.random.choice((b"", b"trailer: x\r\n", b"expect: 100-continue\r\n"))
        chunks = self.random.choice(CHUNKS)
        return b"POST /predict HTTP/1.1\r\nhost: test\r\n%btransfer-encoding: chunked\r\n\r\n%b" % (more, chunks)

    def _other(self) -> bytes:
        return self.random.choice(OTHERS)

    def _noise(self) -> bytes:
        return self.random.randbytes(self.random.randrange(1, 3000))

    def _spoilt(self, data: bytes) -> bytes:
        """Cut, with a few bytes changed, or after a good request."""
        at = self.random.randrange(len(data)) if data else 0
        return self.random.choice((data[:at], data[:at] + self.random.randbytes(3) + data[at + 3 :], GOOD + data))


Maker = Callable[[Garbage], bytes]
_MAKERS: tuple[Maker, ...] = (
    Garbage._line,
    Garbage._headers,
    Garbage._headers,
    Garbage._chunks,
    Garbage._other,
    Garbage._noise,
)
