"""What shall run, what was started for it, and how it fares, on disk: whoever reads it knows, and no supervisor is missed.

`.seatrial/deployments.db` has one writer of wishes (whoever runs a command) and one of all else (the supervisor). An
instance is written down before it is started and crossed out after it is gone, so that a supervisor that was killed
leaves nothing that its successor does not look for.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from seatrial.database import Schema, open_database
from seatrial.deployments.state import Place
from seatrial.records import DeployStatus, DeployWish, Resources, TemporaryError, UsageError

FILE = "deployments.db"
METADATA = sa.MetaData()
SCHEMA = Schema(
    name="list of deployments",
    head="0002",
    migrations="seatrial.deployments:migrations",
    metadata=METADATA,
    version_table="deployments_alembic",
)
WISHES = sa.Table(
    "wishes",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("cpu", sa.Float),
    sa.Column("memory", sa.BigInteger),
    sa.Column("replicas", sa.Integer, nullable=False),
    sa.Column("runtime", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("port", sa.Integer, nullable=False, unique=True),
    sa.Column("env", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("stopped", sa.Boolean, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
)
INSTANCES = sa.Table(
    "instances",
    METADATA,
    sa.Column("cell", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("health", sa.Text, nullable=False),
    sa.Column("deadline", sa.Float, nullable=False),
    sa.Column("behind_door", sa.Boolean, nullable=False),
    sa.Column("runtime", sa.Text, nullable=False),
    sa.Column("cpu", sa.Float),
    sa.Column("memory", sa.BigInteger),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ready", sa.Text),
    sa.Column("number", sa.Integer, nullable=False, server_default="0"),
)
PLACES = sa.Table(
    "places",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("restarts", sa.Integer, nullable=False),
    sa.Column("was_ready", sa.Boolean, nullable=False),
    sa.Column("not_before", sa.Float, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
)
STATUSES = sa.Table(
    "statuses", METADATA, sa.Column("name", sa.Text, primary_key=True), sa.Column("body", sa.Text, nullable=False)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A wish in the book.

    Attributes:
        wish: with the replicas that it has while it is not stopped.
        generation: how often it was entered, from 1.
    """

    wish: DeployWish
    generation: int
    stopped: bool = False
    removed: bool = False

    @property
    def now(self) -> DeployWish:
        """The wish as it is to be fulfilled now: without replicas while it is stopped."""
        return replace(self.wish, replicas=0) if self.stopped or self.removed else self.wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An instance in the book.

    Attributes:
        cell: its name, used once.
        index: its place.
        port: of its own, where its health is asked.
        health, deadline: path, and seconds from its start until it must be ready.
        ready: since when it has been; None before that.
        number: of the version that it runs; 0 of one that was started before this was written down, and of a door.
    """

    cell: str
    name: str
    index: int
    fingerprint: str
    port: int
    started: datetime
    runtime: str
    resources: Resources
    health: str = "/"
    deadline: float = 60.0
    behind_door: bool = False
    ready: datetime | None = None
    number: int = 0


class Book:
    """The list of deployments of one project (`open_book`). Safe to use from many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # wishes

    def wishes(self) -> list[Wanted]:
        """All of them, by name; those that are to be removed included."""
        with self._engine.connect() as connection:
            return [_wanted(row) for row in connection.execute(WISHES.select().order_by(WISHES.c.name)).mappings()]

    def find(self, name: str) -> Wanted | None:
        """The wish of this name, unless it is to be removed."""
        return next((wanted for wanted in self.wishes() if wanted.wish.name == name and not wanted.removed), None)

    def get(self, name: str) -> Wanted:
        """The same; raises UsageError that says which there are."""
        found = self.find(name)
        if found is None:
            names = ", ".join(wanted.wish.name for wanted in self.wishes() if not wanted.removed)
            raise UsageError(
                f"there is no deployment {name!r}",
                remedy=f"there are {names}" if names else "seatrial deploy makes the first one",
            )
        return found

    def put(self, wish: DeployWish, *, stopped: bool = False, removed: bool = False) -> Wanted:
        """Enter a wish or change one; also one that stays the same is a new one, to be tried at once.

        Raises:
            UsageError: another deployment has this port.
            TemporaryError: one of this name is still being removed.
        """
        with self._writing() as connection:
            row = connection.execute(WISHES.select().where(WISHES.c.name == wish.name)).mappings().first()
            before = _wanted(row) if row is not None else None
            after = Wanted(
                wish=wish, generation=before.generation + 1 if before else 1, stopped=stopped, removed=removed
            )
            if before is not None and before.removed and not removed:
                raise TemporaryError(
                    f"a deployment {wish.name!r} is still being removed", remedy="try again in a few seconds"
                )
            self._check_port(connection, wish)
            connection.execute(WISHES.delete().where(WISHES.c.name == wish.name))
            connection.execute(WISHES.insert().values(**_wish_row(after)))
        return after

    def forget(self, name: str) -> None:
        """Cross out everything of a deployment that is gone."""
        with self._writing() as connection:
            for table in (WISHES, INSTANCES, PLACES, STATUSES):
                connection.execute(table.delete().where(table.c.name == name))

    # what was started

    def instances(self, name: str) -> list[Started]:
        """What was started for a deployment and not yet found to be gone, oldest first."""
        query = INSTANCES.select().where(INSTANCES.c.name == name).order_by(INSTANCES.c.started, INSTANCES.c.cell)
        with self._engine.connect() as connection:
            return [_started(row) for row in connection.execute(query).mappings()]

    def everything_started(self) -> list[Started]:
        """The same of all deployments."""
        with self._engine.connect() as connection:
            return [_started(row) for row in connection.execute(INSTANCES.select()).mappings()]

    def begin(self, started: Started, place: Place) -> None:
        """Write down an instance that is about to be started, and its place."""
        with self._writing() as connection:
            connection.execute(INSTANCES.insert().values(**_started_row(started)))
            _write_place(connection, started.name, place)

    def note_ready(self, cell: str, since: datetime) -> None:
        """It is ready."""
        with self._writing() as connection:
            connection.execute(INSTANCES.update().where(INSTANCES.c.cell == cell).values(ready=since.isoformat()))

    def gone(self, cell: str) -> None:
        """Cross out an instance."""
        with self._writing() as connection:
            connection.execute(INSTANCES.delete().where(INSTANCES.c.cell == cell))

    # what is remembered

    def places(self, name: str) -> dict[int, Place]:
        """The places of a deployment, by index."""
        query = PLACES.select().where(PLACES.c.name == name)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["index"]: Place(**{key: value for key, value in row.items() if key != "name"}) for row in rows}

    def keep(self, name: str, place: Place) -> None:
        """Remember a place."""
        with self._writing() as connection:
            _write_place(connection, name, place)

    # what people are shown

    def statuses(self) -> list[DeployStatus]:
        """How all deployments fared when they were last seen, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(STATUSES.select().order_by(STATUSES.c.name)).mappings().all()
        return [msgspec.json.decode(row["body"], type=DeployStatus) for row in rows]

    def status(self, name: str) -> DeployStatus | None:
        """How one fared; None where no supervisor has seen it yet."""
        return next((status for status in self.statuses() if status.wish.name == name), None)

    def publish(self, status: DeployStatus) -> None:
        """Show how one fares now; values of its variables are nobody's business."""
        shown = replace(status, wish=replace(status.wish, env=dict.fromkeys(status.wish.env, "****")))
        body = msgspec.json.encode(shown).decode()
        with self._writing() as connection:
            connection.execute(STATUSES.delete().where(STATUSES.c.name == status.wish.name))
            connection.execute(STATUSES.insert().values(name=status.wish.name, body=body))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _check_port(self, connection: sa.Connection, wish: DeployWish) -> None:
        query = sa.select(WISHES.c.name).where(WISHES.c.port == wish.port, WISHES.c.name != wish.name)
        other = connection.execute(query).scalar()
        if other is not None:
            raise UsageError(
                f"port {wish.port} belongs to the deployment {other}",
                where="--port",
                remedy="take another, or leave it out",
            )

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction in which nobody else writes."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()


def open_book(folder: Path) -> Book:
    """The book in `.seatrial`, made or migrated where needed; nobody else can read it: it holds what `--env` was given.

    Raises UsageError if it is newer than this seatrial.
    """
    file = folder / FILE
    file.touch(mode=0o600)
    return Book(open_database(f"sqlite:///{file}", SCHEMA))


def _wish_row(wanted: Wanted) -> dict[str, Any]:
    wish = wanted.wish
    return {
        "name": wish.name,
        "model": wish.model,
        "number": wish.number,
        "artifact": wish.artifact,
        "created": wish.created.isoformat(),
        "cpu": wish.resources.cpu,
        "memory": wish.resources.memory,
        "replicas": wish.replicas,
        "runtime": wish.runtime,
        "host": wish.host,
        "port": wish.port,
        "env": json.dumps(dict(wish.env)),
        "generation": wanted.generation,
        "stopped": wanted.stopped,
        "removed": wanted.removed,
    }


def _wanted(row: sa.RowMapping) -> Wanted:
    wish = DeployWish(
        name=row["name"],
        model=row["model"],
        number=row["number"],
        artifact=row["artifact"],
        created=datetime.fromisoformat(row["created"]),
        resources=Resources(cpu=row["cpu"], memory=row["memory"]),
        replicas=row["replicas"],
        runtime=row["runtime"],
        host=row["host"],
        port=row["port"],
        env=json.loads(row["env"]),
    )
    return Wanted(wish=wish, generation=row["generation"], stopped=row["stopped"], removed=row["removed"])


def _started_row(started: Started) -> dict[str, Any]:
    return {
        "cell": started.cell,
        "name": started.name,
        "index": started.index,
        "fingerprint": started.fingerprint,
        "port": started.port,
        "health": started.health,
        "deadline": started.deadline,
        "behind_door": started.behind_door,
        "runtime": started.runtime,
        "cpu": started.resources.cpu,
        "memory": started.resources.memory,
        "started": started.started.isoformat(),
        "ready": started.ready.isoformat() if started.ready else None,
        "number": started.number,
    }


def _started(row: sa.RowMapping) -> Started:
    return Started(
        cell=row["cell"],
        name=row["name"],
        index=row["index"],
        fingerprint=row["fingerprint"],
        port=row["port"],
        health=row["health"],
        deadline=row["deadline"],
        behind_door=row["behind_door"],
        runtime=row["runtime"],
        resources=Resources(cpu=row["cpu"], memory=row["memory"]),
        started=datetime.fromisoformat(row["started"]),
        ready=datetime.fromisoformat(row["ready"]) if row["ready"] else None,
        number=row["number"],
    )


def _write_place(connection: sa.Connection, name: str, place: Place) -> None:
    connection.execute(PLACES.delete().where(PLACES.c.name == name, PLACES.c.index == place.index))
    values = {column: getattr(place, column) for column in _PLACE_COLUMNS}
    connection.execute(PLACES.insert().values(name=name, **values))


_PLACE_COLUMNS: Sequence[str] = tuple(column.name for column in PLACES.columns if column.name != "name")
