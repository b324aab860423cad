"""What well-behaved clients get, whichever way they cut, order and word their requests."""

import asyncio
import contextlib
import http.client
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

from seatrial.serve.http import Bounds
from tests.serve.http.stage import PREFIX, Client, Stage, stage

HELLO = b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n"
ROOT = b"GET / HTTP/1.1\r\n\r\n"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    """One server for the tests that change nothing of it."""
    with stage() as one:
        yield one


def echo(body: bytes, more: bytes = b"", path: bytes = b"/echo") -> bytes:
    """A request that is answered with its body."""
    return b"POST %b HTTP/1.1\r\nhost: a\r\n%bcontent-length: %d\r\n\r\n%b" % (path, more, len(body), body)


def fill(client: Client) -> int:
    """Send requests until no more are taken; how many bytes were."""
    client.socket.settimeout(0.2)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while True:
            sent += client.socket.send(ROOT * 1000)
    return sent


def test_connection_is_kept(served: Stage) -> None:
    """Requests one after the other on one connection are each answered, and nothing says close."""
    with served.connect() as client:
        for number in range(3):
            client.send(echo(b"%d" % number))
            answer = client.answer()
            assert (200, b"%d" % number) == (answer.status, answer.body)
            assert b"connection" not in answer.headers


def test_answer_has_its_headers(served: Stage) -> None:
    """An answer says its date, type, id and length."""
    with served.connect() as client:
        client.send(HELLO)
        headers = client.answer().headers
    assert {b"date", b"content-type", b"x-request-id", b"content-length"} == set(headers)
    assert headers[b"date"].endswith(b" GMT")
    assert headers[b"x-request-id"].startswith(PREFIX)


def test_answers_come_in_the_order_of_the_questions() -> None:
    """Pipelined requests that could be answered at once wait for one before them that takes time."""
    with stage() as served, served.connect() as client:
        client.send(echo(b"slow", path=b"/hold") + echo(b"quick") + HELLO)
        held = served.wait_held(1)
        assert 1 == served.call(lambda: len(served.begun))
        served.release(held[0])
        assert [b"held slow", b"quick", b"hello"] == [client.answer().body for _ in range(3)]


def test_more_pipelined_requests_than_may_wait_are_all_answered() -> None:
    """A thousand requests in one go, behind a slow one, are answered in order, though sixteen may wait."""
    bodies = [b"%d" % number for number in range(1000)]
    with stage() as served, served.connect() as client:
        client.send(echo(b"slow", path=b"/hold") + b"".join(echo(body) for body in bodies))
        served.release(served.wait_held(1)[0])
        assert [b"held slow", *bodies] == [client.answer().body for _ in range(1001)]
        assert 0 == served.count.in_progress


def test_requests_sent_ahead_are_not_all_taken_in() -> None:
    """Behind a slow request no more is parsed than a piece holds, so that memory is bounded."""
    few = Bounds(waiting=4)
    with stage(few) as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\n\r\n")
        held = served.wait_held(1)
        sent = fill(client)
        assert served.call(lambda: served.count.started) < 1500 < sent // len(ROOT)
        client.socket.settimeout(10)
        served.release(held[0])
        assert b"held " == client.answer().body
        assert b"root" == client.answer().body


def test_slow_and_quick_ones_mixed_keep_their_order(served: Stage) -> None:
    """Requests answered at once and in a later turn of the loop, mixed, are answered in order."""
    wanted = [b"%d" % number for number in range(200)]
    with served.connect() as client:
        client.send(
            b"".join(echo(body, path=b"/later" if place % 3 else b"/echo") for place, body in enumerate(wanted))
        )
        assert wanted == [client.answer().body for _ in wanted]


def test_bytes_may_come_one_by_one(served: Stage) -> None:
    """A request cut into single bytes is understood."""
    with served.connect() as client:
        for byte in echo(b"whole", b"x-request-id: mine\r\n"):
            client.send(bytes([byte]))
        answer = client.answer()
        assert (b"whole", b"mine") == (answer.body, answer.headers[b"x-request-id"])


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 16 * 1024 + 1, 300_000, 8 * 1024 * 1024])
def test_large_bodies_come_back_whole(served: Stage, size: int) -> None:
    """A body of any size up to the bound is handed over as it was sent."""
    body = bytes(range(256)) * (size // 256 + 1)
    with served.connect() as client:
        client.send(echo(body[:size]))
        assert body[:size] == client.answer().body


def test_chunked_body_is_put_together(served: Stage) -> None:
    """A chunked body is its chunks; extensions are passed over and trailers are no headers."""
    with served.connect() as client:
        client.send(
            b"POST /echo HTTP/1.1\r\nx-request-id: mine\r\ntransfer-encoding: chunked\r\n\r\n"
            b"3;q=1\r\nabc\r\n4\r\ndefg\r\n0\r\nx-request-id: another\r\n\r\n"
        )
        answer = client.answer()
        assert (b"abcdefg", b"mine") == (answer.body, answer.headers[b"x-request-id"])


def test_chunks_of_one_byte(served: Stage) -> None:
    """Ten thousand chunks of one byte make one body."""
    with served.connect() as client:
        client.send(
            b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
        )
        assert b"x" * 10_000 == client.answer().body


def test_old_client_is_told_that_the_connection_ends(served: Stage) -> None:
    """HTTP/1.0 is answered, and the connection closed."""
    with served.connect() as client:
        client.send(b"GET /hello HTTP/1.0\r\n\r\n")
        assert b"close" == client.answer().headers[b"connection"]
        assert client.ended()


def test_old_client_may_ask_to_stay(served: Stage) -> None:
    """HTTP/1.0 with `connection: keep-alive` is answered so, and the connection stays."""
    with served.connect() as client:
        for _ in range(2):
            client.send(b"GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
            assert b"keep-alive" == client.answer().headers[b"connection"]


def test_close_is_obeyed(served: Stage) -> None:
    """After `connection: close` nothing more is answered, whatever else was sent."""
    with served.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nconnection: close\r\n\r\n" + HELLO)
        (answer,) = client.answers()
        assert (200, b"close") == (answer.status, answer.headers[b"connection"])


def test_close_behind_a_slow_one() -> None:
    """A pipelined request with `connection: close` is answered after those before it, then the connection ends."""
    with stage() as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\n\r\n" + echo(b"last", b"connection: close\r\n") + HELLO)
        served.release(served.wait_held(1)[0])
        assert [b"held ", b"last"] == [answer.body for answer in client.answers()]
        client.close()
        served.wait_quiet()
        assert [200, 200] == served.count.statuses


@pytest.mark.parametrize(
    ("path", "status", "length"), [(b"/hello", 200, 5), (b"/nowhere", 404, 12), (b"/echo", 405, 10)]
)
def test_head_has_no_body(served: Stage, path: bytes, status: int, length: int) -> None:
    """HEAD is answered as GET, with the length of the body and without it."""
    with served.connect() as client:
        client.send(b"HEAD %b HTTP/1.1\r\n\r\n" % path)
        answer = client.answer(head=True)
        assert (status, b"%d" % length) == (answer.status, answer.headers[b"content-length"])
        client.send(HELLO)
        assert b"hello" == client.answer().body


def test_continue_is_said_before_the_body(served: Stage) -> None:
    """Who asks whether its body is welcome is told, and then answered."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert 100 == client.answer(head=True).status
        client.send(b"abc")
        assert b"abc" == client.answer().body


def test_continue_waits_for_owed_answers() -> None:
    """A pipelined question whether a body is welcome is answered after the requests before it."""
    with stage() as served, served.connect() as client:
        client.send(
            b"GET /hold HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
        )
        served.release(served.wait_held(1)[0])
        assert b"held " == client.answer().body
        assert 100 == client.answer(head=True).status
        client.send(b"abc")
        assert b"abc" == client.answer().body


def test_impatient_client_is_not_told_to_continue() -> None:
    """Whose body comes unasked, while answers are owed, gets its answer alone."""
    with stage() as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\n\r\n" + echo(b"abc", b"expect: 100-continue\r\n"))
        served.release(served.wait_held(1)[0])
        client.end()
        assert [b"held ", b"abc"] == [answer.body for answer in client.answers()]


def test_old_client_is_not_told_to_continue(served: Stage) -> None:
    """HTTP/1.0 knows no interim answers."""
    with served.connect() as client:
        client.send(b"POST /echo HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc")
        assert 200 == client.answer().status


def test_body_too_large_is_refused_instead_of_continue() -> None:
    """Who asks first learns that its body is too large, before it is sent."""
    with stage(Bounds(body=10)) as served, served.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
        assert 413 == client.answer().status


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (b"/user/ann?x=1", b"/user/ann?x=1"),
        (b"http://host:80/user/ann?x=1", b"/user/ann?x=1"),
        (b"http://host/user/ann", b"/user/ann"),
        (b"/user/a%20n", b"/user/a%20n"),
        (b"/user/%C3%A4", b"/user/%C3%A4"),
    ],
)
def test_targets(served: Stage, target: bytes, wanted: bytes) -> None:
    """A template's handler finds the raw path with its query, whatever stood before it."""
    with served.connect() as client:
        client.send(b"GET %b HTTP/1.1\r\n\r\n" % target)
        assert (200, wanted) == ((answer := client.answer()).status, answer.body)


@pytest.mark.parametrize("target", [b"http://host", b"http://host?x=1", b"http://host/", b"/?x=/hello", b"/?"])
def test_root_has_many_names(served: Stage, target: bytes) -> None:
    """An absolute target without a path is the root, and a query is no part of a path."""
    with served.connect() as client:
        client.send(b"GET %b HTTP/1.1\r\n\r\n" % target)
        assert b"root" == client.answer().body


def test_percent_encoded_paths_are_found(served: Stage) -> None:
    """`/%68ello` is `/hello`."""
    with served.connect() as client:
        client.send(b"GET /%68ello HTTP/1.1\r\n\r\n")
        assert b"hello" == client.answer().body


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"OPTIONS *", 404),
        (b"OPTIONS /echo", 405),
        (b"PURGE /hello", 405),
        (b"GET /user/a/b", 404),
        (b"GET //hello", 404),
    ],
)
def test_other_methods_and_paths(served: Stage, request_line: bytes, status: int) -> None:
    """What is not served is 404, or 405 where another method is; the connection goes on."""
    with served.connect() as client:
        client.send(request_line + b" HTTP/1.1\r\n\r\n")
        assert status == client.answer().status
        client.send(HELLO)
        assert 200 == client.answer().status


@pytest.mark.parametrize(
    "polite",
    [
        b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
        b"connection: keep-alive, upgrade\r\nupgrade: websocket\r\n",
        b"upgrade: h2c\r\n",
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 40, 90, 140, 150])
def test_upgrade_is_declined_by_answering(served: Stage, polite: bytes, cut: int) -> None:
    """A client that would rather speak HTTP/2 is answered as any other, body included, and goes on so."""
    sent = echo(b"a body", polite + b"x-request-id: mine\r\n") + echo(b"another")
    with served.connect() as client:
        client.send(sent[:cut])
        client.send(sent[cut:])
        answer = client.answer()
        assert (b"a body", b"mine") == (answer.body, answer.headers[b"x-request-id"])
        assert b"another" == client.answer().body


def test_upgrade_with_a_chunked_body_among_others() -> None:
    """Pipelined requests that ask for another protocol keep their place and their bodies."""
    chunked = (
        b"POST /echo HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n"
    )
    with stage() as served, served.connect() as client:
        client.send(b"GET /hold HTTP/1.1\r\n\r\n" + (chunked + HELLO) * 300)
        served.release(served.wait_held(1)[0])
        assert [b"held ", *[b"abc", b"hello"] * 300] == [client.answer().body for _ in range(601)]


def test_connect_is_not_served(served: Stage) -> None:
    """This is no proxy: CONNECT is refused and the connection ended."""
    with served.connect() as client:
        client.send(b"CONNECT host:443 HTTP/1.1\r\nhost: host:443\r\n\r\n\x16\x03\x01")
        (answer,) = client.answers()
        assert (404, b"close") == (answer.status, answer.headers[b"connection"])


@pytest.mark.parametrize("given", [b"a", b"3f2b-1", b"A.b_c:d-9", b"x" * 128])
def test_harmless_request_id_is_given_back(served: Stage, given: bytes) -> None:
    """The caller's own id is in the answer."""
    with served.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nx-request-id: %b\r\n\r\n" % given)
        assert given == client.answer().headers[b"x-request-id"]


@pytest.mark.parametrize(
    "given", [b"", b"-", b"x" * 129, b"a b", b"a\tb", b"caf\xe9", b"<b>", b'a"b', b"a;b", b"a,b", b"a%0d%0ab", b"${x}"]
)
def test_other_request_ids_are_replaced(served: Stage, given: bytes) -> None:
    """An id that could mean something to a browser, a shell, a log or a proxy is not repeated."""
    with served.connect() as client:
        client.send(b"GET /hello HTTP/1.1\r\nx-request-id: %b\r\n\r\n" % given)
        assert client.answer().headers[b"x-request-id"].startswith(PREFIX)


def test_fault_in_a_handler_is_500(served: Stage) -> None:
    """A handler that raises is answered for, and the connection goes on."""
    with served.connect() as client:
        client.send(b"GET /fails HTTP/1.1\r\n\r\n" + HELLO)
        assert [500, 200] == [client.answer().status for _ in range(2)]


def test_second_answer_is_dropped() -> None:
    """A handler that answers twice is heard once, and counted once."""
    with stage() as served, served.connect() as client:
        client.send(b"GET /twice HTTP/1.1\r\n\r\n" + HELLO)
        assert [b"first", b"hello"] == [client.answer().body for _ in range(2)]
        assert (2, [200, 200]) == (served.count.started, served.count.statuses)


def test_http_client(served: Stage) -> None:
    """Python's own client is understood: lengths, chunks, HEAD, many requests on a connection."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    asked: list[tuple[str, str, bytes | Iterator[bytes] | None, bytes]] = [
        ("POST", "/echo", b"abc", b"abc"),
        ("POST", "/echo", iter([b"ab", b"cd"]), b"abcd"),
        ("HEAD", "/hello", None, b""),
        ("GET", "/hello", None, b"hello"),
    ]
    for method, path, body, wanted in asked:
        connection.request(method, path, body)
        assert wanted == connection.getresponse().read()
    connection.close()


def test_httpx(served: Stage) -> None:
    """The client httpx is understood."""
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}") as client:
        assert "abc" == client.post("/echo", content=b"abc").text
        assert "abcd" == client.post("/echo", content=iter([b"ab", b"cd"])).text
        assert 404 == client.get("/nowhere").status_code
        assert "5" == client.head("/hello").headers["content-length"]


def test_aiohttp(served: Stage) -> None:
    """The client aiohttp is understood, many connections at once and `Expect` included."""

    async def ask() -> list[str]:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{served.port}") as session:

            async def one(number: int) -> str:
                async with session.post("/later", data=b"%d" % number, expect100=number % 2 == 0) as answer:
                    return await answer.text()

            return await asyncio.gather(*[one(number) for number in range(50)])

    assert [str(number) for number in range(50)] == asyncio.run(ask())
