"""Opens a database of ours, on SQLite or PostgreSQL, and brings its tables up to date.

The journal, the registry and whatever else seatrial keeps are tables with an alembic history of their own; several may
share one database. SQLite runs in WAL mode, so that readers never wait for a writer. Whoever opens a database migrates
it, one process at a time.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from seatrial.records import PermanentError, UsageError

BUSY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A set of tables with its history.

    Attributes:
        name: in messages (`journal`).
        head: the newest revision.
        migrations: alembic's script location, `seatrial:migrations`.
        metadata: the tables as they are at `head`.
        version_table: where alembic notes the revision; another one for each schema that may share a database.
    """

    name: str
    head: str
    migrations: str
    metadata: sa.MetaData
    version_table: str = "alembic_version"


def open_database(url: str, schema: Schema) -> sa.Engine:
    """An engine on an up-to-date database.

    Args:
        url: `sqlite:///PATH` (its folder exists) or `postgresql://USER:PASSWORD@HOST/NAME`.
        schema: the tables that it shall have.

    Raises:
        UsageError: the URL can't be one, its driver is not installed, or the tables are newer than this seatrial.
        PermanentError: the database does not answer.
    """
    engine = _engine(url)
    try:
        _migrate(engine, schema)
    except sa.exc.OperationalError as error:
        engine.dispose()
        raise PermanentError(
            f"the {schema.name}'s database does not answer: {_first_line(error)}",
            where=_shown(engine),
            remedy="start it, or correct its URL",
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _engine(text: str) -> sa.Engine:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise UsageError(
            "this is no URL of a database", remedy="write sqlite:///PATH or postgresql://USER@HOST/NAME"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        sa.event.listen(engine, "connect", _tune)
        return engine
    if backend == "postgresql":
        try:
            return sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        except ModuleNotFoundError:
            raise UsageError(
                "the driver for PostgreSQL is not installed", remedy="pip install 'seatrial[postgres]'"
            ) from None
    raise UsageError(f"{backend} databases are not supported", remedy="use SQLite or PostgreSQL")


def _tune(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(engine: sa.Engine, schema: Schema) -> None:
    # SQLite's first connection switches to WAL, for which it waits for nobody: no other may be in the middle of this.
    if engine.dialect.name != "sqlite" and _revision(engine, schema) == schema.head:
        return
    with _one_at_a_time(engine, schema):
        revision = _revision(engine, schema)
        if revision == schema.head:
            return
        if revision is not None and revision > schema.head:
            raise UsageError(
                f"the {schema.name} was written by a newer seatrial",
                where=_shown(engine),
                remedy="upgrade seatrial, or move it away to begin a new one",
            )
        _upgrade(engine, schema)


def _revision(engine: sa.Engine, schema: Schema) -> str | None:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(schema.version_table):
            return None
        table = sa.table(schema.version_table, sa.column("version_num"))
        return connection.execute(sa.select(table.c.version_num)).scalar()


def _upgrade(engine: sa.Engine, schema: Schema) -> None:
    from alembic import command  # noqa: PLC0415 - a fifth of a second, and only the first run needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", schema.migrations)
    config.attributes["schema"] = schema
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver begins none for CREATE TABLE, and a killed process would leave half of the tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _one_at_a_time(engine: sa.Engine, schema: Schema) -> Iterator[None]:
    """A lock on the file beside SQLite's; an advisory lock of PostgreSQL's."""
    if engine.dialect.name == "sqlite":
        database = engine.url.database
        if not database or database == ":memory:":
            yield
            return
        with _lock_file(Path(database)) as handle:
            if handle is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        key = int.from_bytes(schema.version_table.encode()[:7].ljust(7, b"\0"), "big")
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": key})


@contextmanager
def _lock_file(database: Path) -> Iterator[IO[str] | None]:
    """The file beside a database that is locked; None where this account may only read, and so can't migrate either."""
    try:
        handle = database.with_suffix(".lock").open("w")
    except PermissionError:
        yield None
        return
    with handle:
        yield handle


def _shown(engine: sa.Engine) -> str:
    """The URL without its password."""
    return engine.url.render_as_string(hide_password=True)


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
