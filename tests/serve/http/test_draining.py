"""A server that ends answers what it accepted, tells each connection that it ends, and leaves none behind."""

from tests.serve.http.stage import Stage, stage
from tests.waiting import wait_until

HELLO = b"GET /hello HTTP/1.1\r\n\r\n"
HOLD = b"GET /hold HTTP/1.1\r\n\r\n"


def drain(served: Stage, *, close_idle: bool) -> None:
    """Begin to end."""
    served.call(lambda: served.hub.drain(close_idle=close_idle))


def test_idle_connections_are_closed() -> None:
    """Connections without a request are closed at once, fresh and used ones."""
    with stage() as served, served.connect() as fresh, served.connect() as used:
        used.send(HELLO)
        assert 200 == used.answer().status
        wait_until(lambda: len(served.hub.connections) == 2)
        drain(served, close_idle=True)
        assert fresh.ended()
        assert used.ended()
        served.wait_quiet()


def test_idle_connections_may_ask_once_more() -> None:
    """With `close_idle` off (a reload) a connection's next request is answered and the connection then closed."""
    with stage() as served, served.connect() as client:
        client.send(HELLO)
        assert b"connection" not in client.answer().headers
        drain(served, close_idle=False)
        client.send(HELLO)
        (answer,) = client.answers()
        assert (200, b"close") == (answer.status, answer.headers[b"connection"])
        served.wait_quiet()


def test_request_under_way_is_answered() -> None:
    """What the model works at is answered, with `connection: close`."""
    with stage() as served, served.connect() as client:
        client.send(HOLD)
        held = served.wait_held(1)
        drain(served, close_idle=True)
        served.release(held[0])
        (answer,) = client.answers()
        assert (b"held ", b"close") == (answer.body, answer.headers[b"connection"])
        served.wait_quiet()


def test_pipelined_requests_are_answered() -> None:
    """Requests that wait behind others are answered as well; only the last says close."""
    with stage() as served, served.connect() as client:
        client.send(HOLD + HELLO * 100 + HOLD + HELLO)
        served.wait_held(1)
        drain(served, close_idle=True)
        served.release(served.held[0])
        served.release(served.wait_held(2)[1])
        answers = client.answers()
        assert 103 == len(answers)
        assert [103] == [place for place, one in enumerate(answers, 1) if b"connection" in one.headers]
        served.wait_quiet()
        assert 0 == served.count.in_progress


def test_requests_that_come_together_while_draining_are_answered() -> None:
    """Requests in one piece, on a connection that ends, are all answered though each could be at once."""
    with stage() as served, served.connect() as client:
        client.send(HELLO)
        assert 200 == client.answer().status
        drain(served, close_idle=False)
        client.send(HELLO * 2000)
        answers = client.answers()
        assert 2000 == len(answers)
        assert b"close" == answers[-1].headers[b"connection"]


def test_request_half_arrived_is_answered() -> None:
    """A request whose first bytes are there is waited for."""
    with stage() as served, served.connect() as client:
        client.send(HELLO + b"GET /hel")
        assert b"connection" not in client.answer().headers
        wait_until(lambda: all(not one.ends for one in served.hub.connections))
        drain(served, close_idle=True)
        client.send(b"lo HTTP/1.1\r\n\r\n")
        (answer,) = client.answers()
        assert (200, b"close") == (answer.status, answer.headers[b"connection"])


def test_nonsense_while_draining_is_refused() -> None:
    """A refusal is still given, and its connection does not stay."""
    with stage() as served, served.connect() as client:
        client.send(HOLD + b"nonsense")
        held = served.wait_held(1)
        drain(served, close_idle=True)
        served.release(held[0])
        assert [200, 400] == [answer.status for answer in client.answers()]
        client.close()
        served.wait_quiet()


def test_silent_newcomer_does_not_hold_up_the_end() -> None:
    """A connection that was accepted last and says nothing is closed soon."""
    with stage() as served:
        drain(served, close_idle=True)
        with served.connect() as client:
            wait_until(lambda: served.hub.connections)
            served.sweep(after=3.0)
            assert client.ended()
        served.wait_quiet()
