"""The list of deployments on disk: what is entered is there, for every process, and contradictions are refused."""

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatrial.deployments.book import Book, Started, open_book
from seatrial.deployments.state import Place
from seatrial.records import DeployState, DeployStatus, ReplicaStatus, Resources, TemporaryError, UsageError
from tests.deployments.fakes import wish

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
STARTED = Started(
    cell="wine.0.1",
    name="wine",
    index=0,
    fingerprint="abc",
    port=31_000,
    started=NOW,
    runtime="process",
    resources=Resources(cpu=0.5, memory=1 << 30),
    health="/readyz",
    deadline=30.0,
    behind_door=True,
)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """An empty list."""
    made = open_book(tmp_path)
    yield made
    made.close()


def test_a_wish_comes_back_as_it_was_entered(book: Book, tmp_path: Path) -> None:
    """With everything in it, also to another process."""
    asked = wish(replicas=3, env={"TOKEN": "s", "N": "1"}, resources=Resources(cpu=1.5), host="0.0.0.0")
    book.put(asked)
    again = open_book(tmp_path)

    assert [(asked, 1, False, False)] == [
        (one.wish, one.generation, one.stopped, one.removed) for one in again.wishes()
    ]
    again.close()


def test_each_entry_is_the_next_generation(book: Book) -> None:
    """So that whoever waits can tell what a status is about."""
    assert [1, 2, 3] == [
        book.put(wish()).generation,
        book.put(wish()).generation,
        book.put(wish(replicas=2)).generation,
    ]


def test_a_stopped_wish_has_no_replicas_now_and_keeps_their_number(book: Book) -> None:
    """Starting it again is starting what it was."""
    stopped = book.put(wish(replicas=3), stopped=True)

    assert (0, 3) == (stopped.now.replicas, stopped.wish.replicas)


def test_a_port_belongs_to_one_deployment(book: Book) -> None:
    """The second is told whose it is, and nothing of it is entered."""
    book.put(wish())

    with pytest.raises(UsageError, match="port 20001 belongs to the deployment wine"):
        book.put(wish(name="beer"))

    assert ["wine"] == [one.wish.name for one in book.wishes()]


def test_an_unknown_name_is_told_the_known_ones(book: Book) -> None:
    """Whoever misspelt it sees what there is."""
    book.put(wish())

    with pytest.raises(UsageError, match="there is no deployment 'wien'") as caught:
        book.get("wien")

    assert "there are wine" in str(caught.value)


def test_what_is_being_removed_is_gone_for_everybody_but_the_supervisor(book: Book) -> None:
    """It can be removed again, and not entered anew before it is gone."""
    book.put(wish())
    book.put(wish(), removed=True)
    book.put(wish(), removed=True)

    assert None is book.find("wine")
    assert [True] == [one.removed for one in book.wishes()]
    with pytest.raises(TemporaryError, match="still being removed"):
        book.put(wish())
    book.forget("wine")
    assert 1 == book.put(wish()).generation


def test_an_instance_and_its_place_are_written_together(book: Book) -> None:
    """Before it is started; crossed out when it is gone, while the place stays."""
    place = Place(
        index=0, starts=4, failures=3, restarts=3, was_ready=True, not_before=12.5, reason="x", fingerprint="a"
    )
    book.begin(STARTED, place)
    book.note_ready("wine.0.1", NOW)

    assert [replace(STARTED, ready=NOW)] == book.instances("wine")
    assert {0: place} == book.places("wine")
    book.gone("wine.0.1")
    assert ([], {0: place}) == (book.instances("wine"), book.places("wine"))


def test_the_door_is_a_place_of_its_own(book: Book) -> None:
    """Below the replicas, which count from 0."""
    book.keep("wine", Place(index=-1, failures=1))
    book.keep("wine", Place(index=0, failures=2))
    book.keep("wine", Place(index=0, failures=5))

    assert {-1: 1, 0: 5} == {index: place.failures for index, place in book.places("wine").items()}


def test_a_status_comes_back_without_the_values_of_variables(book: Book) -> None:
    """Everybody may read it; the names are enough."""
    status = DeployStatus(
        wish=wish(env={"TOKEN": "very-secret"}),
        state=DeployState.DEGRADED,
        replicas=(ReplicaStatus(index=0, ready=True, memory=5, since=NOW, cores=0.25),),
        url="http://127.0.0.1:20001",
        seen=NOW,
        reason="one is missing",
        generation=7,
    )
    book.publish(status)

    assert replace(status, wish=wish(env={"TOKEN": "****"})) == book.status("wine")
    assert None is book.status("beer")


def test_forgetting_leaves_nothing_of_one_and_all_of_the_others(book: Book) -> None:
    """Wishes, instances, places and statuses."""
    for name, port in (("wine", 20_001), ("beer", 20_002)):
        book.put(wish(name=name, port=port))
        book.begin(replace(STARTED, name=name, cell=f"{name}.0.1"), Place(index=0))
        book.publish(DeployStatus(wish=wish(name=name), state=DeployState.READY))

    book.forget("wine")

    assert (None, [], {}, None) == (
        book.find("wine"),
        book.instances("wine"),
        book.places("wine"),
        book.status("wine"),
    )
    assert book.find("beer")
    assert [book.instances("beer"), book.places("beer")] != [[], {}]
    assert book.status("beer")


def test_many_commands_at_once_each_get_a_generation(tmp_path: Path) -> None:
    """Nobody's wish is lost between reading and writing."""

    def enter(_: int) -> int:
        book = open_book(tmp_path)
        try:
            return book.put(wish()).generation
        finally:
            book.close()

    with ThreadPoolExecutor(8) as threads:
        generations = list(threads.map(enter, range(40)))

    assert list(range(1, 41)) == sorted(generations)


def test_only_its_own_user_can_read_the_list(book: Book, tmp_path: Path) -> None:
    """It holds what was given with --env."""
    book.put(wish())

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("deployments.db*")}

    assert {0o600} == set(modes.values()), modes
    assert os.getuid() == (tmp_path / "deployments.db").stat().st_uid


def test_a_book_of_an_earlier_seatrial_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it says was started is still known; which version that is it never said."""
    with closing(sqlite3.connect(tmp_path / "deployments.db")) as old, old:
        for statement in _FIRST:
            old.execute(statement)

    book = open_book(tmp_path)
    (found,) = book.instances("wine")
    book.close()

    assert ("a", 4001, 0) == (found.cell, found.port, found.number)


_FIRST = (
    """
    CREATE TABLE instances (cell TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, 'index' INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, port INTEGER NOT NULL, health TEXT NOT NULL, deadline FLOAT NOT NULL,
    behind_door BOOLEAN NOT NULL, runtime TEXT NOT NULL, cpu FLOAT, memory BIGINT, started TEXT NOT NULL, ready TEXT)
    """,
    "INSERT INTO instances VALUES ('a', 'wine', 0, 'f', 4001, '/', 60, 1, 'process', NULL, NULL, '2026-01-01T00:00:00Z', NULL)",
    "CREATE TABLE deployments_alembic (version_num VARCHAR(32) NOT NULL)",
    "INSERT INTO deployments_alembic VALUES ('0001')",
)
