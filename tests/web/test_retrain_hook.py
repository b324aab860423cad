"""The door of retrainings: who may begin one, how often, and what strangers learn."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.records import Actor, ActorKind, RetrainWish, TriggerKind, UsageError
from seatrial.retrain.book import RetrainBook, open_retrain_book
from seatrial.testing import FakeClock
from seatrial.web.background import listening
from seatrial.web.hooks.retrain import LARGEST_BODY, RetrainDoor, retrain_app

TOKENS = {"ratings": "the token of ratings", "prices": "the token of prices"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Served:
    """A door that is open."""

    url: str
    book: RetrainBook
    client: httpx.Client
    arrived: threading.Semaphore

    def post(
        self,
        name: str = "ratings",
        body: bytes = b"",
        token: str | bytes | None = TOKENS["ratings"],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request; whatever is answered is JSON."""
        given: list[tuple[bytes, bytes]] = [(key.encode(), value.encode()) for key, value in (headers or {}).items()]
        if token is not None:
            given.append((b"Authorization", b"Bearer " + (token if isinstance(token, bytes) else token.encode())))
        answer = self.client.post(f"{self.url}/hooks/retrain/{name}", content=body, headers=given)
        assert "application/json" == answer.headers["content-type"].partition(";")[0]
        return answer

    def entered(self) -> list[RetrainWish]:
        """What is in the book."""
        return list(self.book.waiting_wishes())


@contextmanager
def served_at(folder: Path, *, slowest: float = 10.0) -> Iterator[Served]:
    """A door on a free port until the block ends; its clock stands."""
    book, arrived, marks = open_retrain_book(folder, None), threading.Semaphore(0), count(1)
    door = RetrainDoor(
        tokens=TOKENS,
        book=book,
        clock=FakeClock(),
        actor=lambda via: Actor(name="server", kind=ActorKind.RUN, via=via),
        mark=lambda: f"m{next(marks)}",
        arrived=arrived.release,
        slowest=slowest,
    )
    with listening(retrain_app(door), "127.0.0.1", 0) as url, httpx.Client(timeout=30) as client:
        yield Served(url=url, book=book, client=client, arrived=arrived)
    book.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A door."""
    with served_at(tmp_path) as found:
        yield found


def test_a_token_begins_its_loop(served: Served) -> None:
    """The wish is in the book when the answer comes, and whoever begins runs is told."""
    answer = served.post(body=b'{"id": "deploy-7", "why": "new\\nprices"}', headers=JSON)

    assert (202, {"status": "taken", "wish": "webhook:ratings:deploy-7"}) == (answer.status_code, answer.json())
    assert [
        RetrainWish(
            id="webhook:ratings:deploy-7",
            name="ratings",
            trigger=TriggerKind.WEBHOOK,
            why="webhook: new prices",
            asked=FakeClock().now(),
            actor=Actor(name="server", kind=ActorKind.RUN, via="webhook"),
        )
    ] == served.entered()
    assert served.arrived.acquire(timeout=30)


def test_an_id_makes_it_one_run(served: Served) -> None:
    """However often it is sent, also at once and after the run; each without an id is one of its own."""
    body = b'{"id": "a"}'
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: served.post(body=body, headers=JSON).json()["status"], range(16)))
    assert ["known"] * 15 + ["taken"] == sorted(said)

    served.book.wish_done("webhook:ratings:a", FakeClock().now())
    again = served.post(body=body, headers=JSON)
    assert (202, {"status": "known", "wish": "webhook:ratings:a"}) == (again.status_code, again.json())

    assert [202, 202] == [served.post().status_code for _ in range(2)]
    assert ["webhook:ratings:m1", "webhook:ratings:m2"] == [each.id for each in served.entered()]


def test_loops_of_one_id_are_two(served: Served) -> None:
    """Ids are the loop's own."""
    body = b'{"id": "a"}'
    served.post(body=body, headers=JSON)
    served.post("prices", body, token=TOKENS["prices"], headers=JSON)

    assert ["webhook:ratings:a", "webhook:prices:a"] == [each.id for each in served.entered()]


@pytest.mark.parametrize("token", [None, "wrong", "the token of rating", "the token of ratings2", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["ratings", "nobody", "prices"])
def test_without_a_token_nobody_learns_which_loops_there_are(
    name: str, token: str | bytes | None, served: Served
) -> None:
    """Whatever the name, the same is answered, before a body is read."""
    answer = served.post(name, b"no json", token=token)

    assert 401 == answer.status_code
    assert served.post("nobody", token=None).content == answer.content
    assert [] == served.entered()


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", f"Basic {TOKENS['ratings']}")],
        [("Authorization", TOKENS["ratings"])],
        [("Authorization", f"Bearer {TOKENS['ratings']}"), ("Authorization", "Bearer wrong")],
        [("X-Token", TOKENS["ratings"])],
    ],
)
def test_a_token_is_brought_in_one_way(headers: list[tuple[str, str]], served: Served) -> None:
    """As a bearer, in one header; one that is there twice counts as missing."""
    assert 401 == served.client.post(f"{served.url}/hooks/retrain/ratings", headers=headers).status_code
    spelled = served.client.post(
        f"{served.url}/hooks/retrain/ratings", headers={"authorization": f"bearer {TOKENS['ratings']}"}
    )
    assert 202 == spelled.status_code


def test_a_token_opens_no_other_loop(served: Served) -> None:
    """Its holder does not learn whether there is one of that name."""
    answers = [served.post(name) for name in ("prices", "nobody", "%2e%2e", "ratings%20")]

    assert [404] * 4 == [answer.status_code for answer in answers]
    assert 1 == len({answer.content for answer in answers})
    assert [] == served.entered()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", JSON, 202),
        (b" \n", {}, 202),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"[]", JSON, 400),
        (b'{"id": 7}', JSON, 400),
        (b'{"id": ""}', JSON, 400),
        (b'{"id": "two words"}', JSON, 400),
        (json.dumps({"id": "x" * 201}).encode(), JSON, 400),
        (json.dumps({"why": "x" * 501}).encode(), JSON, 400),
        (b'{"collect": 1}', JSON, 400),
        (b'{"why": "\xff"}', JSON, 400),
        (b" " * (LARGEST_BODY + 1), JSON, 413),
    ],
)
def test_bodies_are_read_strictly(body: bytes, headers: dict[str, str], status: int, served: Served) -> None:
    """What is misspelt is not passed over, and what is too large is not read."""
    answer = served.post(body=body, headers=headers)

    assert status == answer.status_code
    assert (status == 202) == (len(served.entered()) == 1)
    assert (status == 202) == ("error" not in answer.json())


@given(body=st.binary(max_size=200))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_it(body: bytes, served: Served) -> None:
    """Whatever is sent gets an answer that the sender can mend, or is taken."""
    assert served.post(body=body, headers=JSON).status_code in {202, 400}


def test_a_slow_body_is_ended(tmp_path: Path) -> None:
    """Whoever has the token, too, holds no connection for ever."""
    with served_at(tmp_path, slowest=0.1) as served:
        place = urlsplit(served.url)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=30) as connection:
            connection.sendall(
                b"POST /hooks/retrain/ratings HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
                b"Authorization: Bearer the token of ratings\r\n\r\n{"
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_paused_loop_is_not_begun(served: Served) -> None:
    """Who has its token is told so; nothing is kept to be begun later."""
    served.book.pause("ratings", "ada", FakeClock().now())
    answer = served.post()

    assert (409, "ratings is paused") == (answer.status_code, answer.json()["error"]["what"])
    assert [] == served.entered()
    assert 202 == served.post("prices", token=TOKENS["prices"]).status_code


def test_a_book_that_does_not_answer_is_503(tmp_path: Path) -> None:
    """The sender is told to come again, and nothing is said to be taken; `/healthz` says the same."""
    with served_at(tmp_path) as served:
        assert 200 == served.client.get(f"{served.url}/healthz").status_code
        served.book.close()
        for file in tmp_path.glob("retrain.db*"):
            file.unlink()
        (tmp_path / "retrain.db").mkdir()

        assert 503 == served.post().status_code
        assert 503 == served.client.get(f"{served.url}/healthz").status_code


def test_other_methods_and_paths_are_not_there(served: Served) -> None:
    """Nothing else is behind this door."""
    assert 405 == served.client.get(f"{served.url}/hooks/retrain/ratings").status_code
    assert 404 == served.client.post(f"{served.url}/hooks/github").status_code


def test_a_loop_without_a_token_has_no_door(tmp_path: Path) -> None:
    """An empty variable would let everybody in."""
    book = open_retrain_book(tmp_path, None)
    with pytest.raises(UsageError, match="anybody could begin a training"):
        RetrainDoor(
            tokens={"ratings": " "},
            book=book,
            clock=FakeClock(),
            actor=lambda via: Actor(name="server", via=via),
            mark=lambda: "m",
        )
    book.close()
