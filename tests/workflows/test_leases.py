"""Names of processes that are held in PostgreSQL, so that several machines tell a dead one from a living one."""

import threading

import pytest
import sqlalchemy as sa

from seatrial.records import PermanentError, TemporaryError
from seatrial.workflows import leases as leases_module
from seatrial.workflows.leases import Leases
from tests.waiting import wait_until


def never() -> None:
    """Not called."""
    raise AssertionError


@pytest.mark.slow
def test_a_name_is_held_by_one_and_freed_with_its_connection(postgres_url: str) -> None:
    """Nobody may bury who lives; whose connection is cut, in whatever way, is gone, and is told."""
    leases, others = Leases(postgres_url), Leases(postgres_url)
    with leases.hold("a", never):
        assert others.lives("a")
        with others.bury("a") as gone:
            assert not gone
        with pytest.raises(PermanentError, match="another process holds"), others.hold("a", never):
            pass
    assert not others.lives("a")

    lost = threading.Event()
    with leases.hold("a", lost.set, every=0.05):
        end_sessions(postgres_url)
        assert lost.wait(20)
        with others.bury("a") as gone, leases.bury("a") as also:
            assert (True, False) == (gone, also)
    leases.close()
    others.close()


@pytest.mark.slow
def test_a_silent_session_is_ended_by_the_server(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without power or network says nothing any more; its lock is free nevertheless, soon."""
    monkeypatch.setattr(leases_module, "_SILENCE", "300ms")
    others = Leases(postgres_url)
    with Leases(postgres_url).hold("a", lambda: None, every=600):
        assert others.lives("a")
        wait_until(lambda: not others.lives("a"), deadline=20, poll=0.1)
    others.close()


def test_a_database_that_does_not_answer_is_told() -> None:
    """Whether somebody lives can't be said then, and nobody is buried."""
    leases = Leases("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(TemporaryError, match="does not answer"):
        leases.lives("a")
    with pytest.raises(PermanentError, match="does not answer"), leases.hold("a", never):
        pass


def end_sessions(url: str) -> None:
    """Cut every connection to a database but this one."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        connection.exec_driver_sql(others)
    engine.dispose()
