"""What only objects in a bucket can get wrong: accounts, buckets, and servers that know no conditions and say so."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from seatrial.adapters.buckets import Access
from seatrial.adapters.objects.bucket import BucketObjects
from seatrial.records import TemporaryError, UsageError
from tests.serve.log import conftest as servers

VARIABLES = "THE_KEY and THE_SECRET"


def access(port: int, secret: str = servers.SECRET) -> Access:
    """To a server on this machine."""
    return Access(endpoint=f"http://127.0.0.1:{port}", key=servers.KEY, secret=secret, variables=VARIABLES)


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[int]:
    """The port of a server that knows conditions, and has one bucket."""
    server = servers.moto(tmp_path)
    server.start()
    servers.make_bucket(server.port)
    yield server.port
    server.stop()


def test_a_bucket_that_is_not_there_is_told(moto: int) -> None:
    """On reading, on writing, and not taken for a condition that does not hold."""
    objects = BucketObjects("s3://no-such-bucket", access(moto))

    for use in (
        lambda: objects.get("a"),
        lambda: objects.keys("a"),
        lambda: objects.put("a", b""),
        lambda: objects.replace("a", b"", instead=None),
        lambda: objects.replace("a", b"", instead='"stamp"'),
    ):
        with pytest.raises(UsageError, match="no such bucket") as caught:
            use()
        assert "s3://no-such-bucket" == caught.value.where


def test_a_wrong_secret_is_told_without_telling_it(tmp_path: Path) -> None:
    """The message names the variables that it came from."""
    server = servers.rclone(tmp_path)
    server.start()
    try:
        objects = BucketObjects(f"s3://{servers.BUCKET}", access(server.port, "wrong-secret-0123456789"))
        with pytest.raises(UsageError, match="refuses these credentials") as caught:
            objects.replace("a", b"x", instead=None)
    finally:
        server.stop()

    assert f"check {VARIABLES}" in caught.value.remedy
    assert "wrong-secret" not in f"{caught.value}{access(server.port, 'wrong-secret')!r}"
    assert [] == [path for path in (tmp_path / servers.BUCKET).rglob("*") if path.is_file()]


def test_a_server_that_is_away_may_come_back() -> None:
    """And the message shows no login of the endpoint's."""
    port = servers.free_port()
    there = Access(endpoint=f"http://ada:pa55word@127.0.0.1:{port}", key="k", secret="s3cr3t", variables=VARIABLES)

    with pytest.raises(TemporaryError, match="can't be read") as caught:
        BucketObjects("s3://ships", there).get("a")

    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize(("allowed", "said"), [("", "builder error"), ("true", "error sending request")])
def test_plain_http_to_another_machine_has_to_be_allowed(
    allowed: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed can be read by all on the way, so that nobody does it unawares."""
    monkeypatch.setenv("AWS_ALLOW_HTTP", allowed)
    there = Access(endpoint="http://0.0.0.0:9", key="k", secret="s3cr3t", variables=VARIABLES)

    with pytest.raises(TemporaryError, match=said):
        BucketObjects("s3://ships", there).get("a")


class _Unconditional(BaseHTTPRequestHandler):
    """A server that has not implemented conditions, as older ones answer."""

    stored: list[bytes]
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """501 for a condition, else it is stored."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = "If-None-Match" in self.headers or "If-Match" in self.headers
        if not refused:
            self.stored.append(body)
        self.send_response(501 if refused else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_server_that_refuses_conditions_writes_without() -> None:
    """As the port says of those that know none."""
    stored: list[bytes] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Unconditional,), {"stored": stored}))
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        objects = BucketObjects("s3://ships", access(server.server_port))
        written = (objects.replace("a", b"1", instead=None), objects.replace("a", b"2", instead='"1"'))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert (True, True) == written
    assert [b"1", b"2"] == stored
