"""Which releases there are, what happened to each, and what people told them, on disk.

`.seatrial/releases.db`: whoever runs a command adds releases and orders, the server alone changes releases. A release is
written down together with the lines of its timeline and the orders that it answers, or not at all.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa

from seatrial.database import Schema, open_database
from seatrial.records import OrderKind, Release, ReleaseEvent, ReleasePhase, UsageError
from seatrial.release.state import Order

FILE = "releases.db"
METADATA = sa.MetaData()
SCHEMA = Schema(
    name="list of releases",
    head="0001",
    migrations="seatrial.release:migrations",
    metadata=METADATA,
    version_table="releases_alembic",
)
RELEASES = sa.Table(
    "releases",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False, index=True),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
_RUNS = "phase NOT IN ('waiting', 'ended')"
sa.Index(
    "one_release_a_service",
    RELEASES.c.service,
    unique=True,
    sqlite_where=sa.text(_RUNS),
    postgresql_where=sa.text(_RUNS),
)
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("done", sa.Text),
    sa.Column("refused", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order: obeyed, or `refused` with the reason."""

    order: int
    at: datetime
    refused: str = ""


class ReleaseBook:
    """The list of releases of one project (`open_release_book`). Safe to use from many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # releases

    def add(self, release: Release, *, if_running: Literal["refuse", "wait", "replace"]) -> tuple[Release, ...]:
        """Enter a release that waits for its turn; the unfinished ones of its service that go first.

        Raises UsageError if there are any and they are a reason to refuse.
        """
        with self._writing() as connection:
            query = RELEASES.select().where(RELEASES.c.service == release.service, RELEASES.c.phase != "ended")
            others = tuple(_release(row) for row in connection.execute(query.order_by(RELEASES.c.id)).mappings())
            if others and if_running == "refuse":
                raise _another(others[0])
            connection.execute(RELEASES.insert().values(**_row(release)))
        return others

    def get(self, release: str) -> Release:
        """The release of this id, or of a part of it that only one has. Raises UsageError."""
        with self._engine.connect() as connection:
            query = RELEASES.select().where(RELEASES.c.id.contains(release, autoescape=True))
            rows = connection.execute(query.order_by(RELEASES.c.id.desc()).limit(2)).mappings().all()
        found = next((row for row in rows if row["id"] == release), rows[0] if len(rows) == 1 else None)
        if found is None:
            none = f"there is no release {release!r}, nor one of a service of that name"
            what = f"several releases are called {release!r}" if rows else none
            raise UsageError(what, remedy="seatrial release history lists them")
        return _release(found)

    def unfinished(self) -> list[str]:
        """Ids of those that have not ended, oldest first."""
        with self._engine.connect() as connection:
            query = "SELECT id FROM releases WHERE phase <> 'ended' ORDER BY id"
            return [row[0] for row in connection.exec_driver_sql(query)]

    def running(self, service: str | None = None) -> list[Release]:
        """Those that have not ended, of one service or of all; oldest first."""
        query = RELEASES.select().where(RELEASES.c.phase != "ended").order_by(RELEASES.c.id)
        return self._found(query if service is None else query.where(RELEASES.c.service == service))

    def phases(self) -> dict[str, str]:
        """The phase of the release that runs, by service; of those that only wait there is none."""
        found = [each for each in self.running() if each.phase is not ReleasePhase.WAITING]
        return {release.service: release.phase.value for release in found}

    def busy(self, service: str) -> str:
        """Why the share of a service's canary must not be changed by hand, in words; empty where it may.

        A dry run moves nothing: there the share is set by hand.
        """
        for release in self.running(service):
            if release.phase is not ReleasePhase.WAITING and not release.dry_run:
                return f"{release.model}@{release.number} is being released ({release.phase.value}), and has the say"
        return ""

    def past(self, service: str | None = None, *, limit: int | None = None) -> list[Release]:
        """All, of one service or of every one, newest first."""
        query = RELEASES.select().order_by(RELEASES.c.id.desc()).limit(limit)
        return self._found(query if service is None else query.where(RELEASES.c.service == service))

    def write(self, release: Release, events: Sequence[ReleaseEvent] = (), answers: Sequence[Answer] = ()) -> bool:
        """Keep a release as it is now, with what happened and the orders that it answers.

        False, and nothing kept, if another release of the service runs.
        """
        with self._writing() as connection:
            try:
                # Written every few seconds by each release: SQLAlchemy would take longer to word it than SQLite to do it.
                connection.exec_driver_sql(
                    "UPDATE releases SET phase = ?, body = ? WHERE id = ?",
                    (release.phase.value, msgspec.json.encode(release).decode(), release.id),
                )
            except sa.exc.IntegrityError:
                return False
            for event in events:
                body = msgspec.json.encode(event).decode()
                connection.execute(EVENTS.insert().values(release=release.id, body=body))
            for answer in answers:
                values = {"done": answer.at.isoformat(), "refused": answer.refused}
                connection.execute(ORDERS.update().where(ORDERS.c.number == answer.order).values(**values))
        return True

    def events(self, release: str, *, after: int = 0) -> list[tuple[int, ReleaseEvent]]:
        """The timeline of a release after the line of this number, with the lines' numbers."""
        query = EVENTS.select().where(EVENTS.c.release == release, EVENTS.c.number > after).order_by(EVENTS.c.number)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [(row["number"], msgspec.json.decode(row["body"], type=ReleaseEvent)) for row in rows]

    # orders

    def order(self, release: str, kind: OrderKind, *, who: str, at: datetime, reason: str = "") -> int:
        """Tell a release something; the order's number."""
        row = {"release": release, "kind": kind.value, "who": who, "at": at.isoformat(), "reason": reason}
        with self._writing() as connection:
            result = connection.execute(ORDERS.insert().values(**row, refused=""))
            return int(result.lastrowid)

    def open_orders(self) -> list[Order]:
        """Those that were not answered yet, oldest first."""
        query = "SELECT number, release, kind, who, at, reason FROM orders WHERE done IS NULL ORDER BY number"
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(query).all()
        return [
            Order(
                number=row[0],
                release=row[1],
                kind=OrderKind(row[2]),
                who=row[3],
                at=datetime.fromisoformat(row[4]),
                reason=row[5],
            )
            for row in rows
        ]

    def answer(self, order: int) -> Answer | None:
        """What became of an order; None if it was not answered yet."""
        with self._engine.connect() as connection:
            row = connection.execute(ORDERS.select().where(ORDERS.c.number == order)).mappings().first()
        if row is None or row["done"] is None:
            return None
        return Answer(order=order, at=datetime.fromisoformat(row["done"]), refused=row["refused"])

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _found(self, query: sa.Select[tuple[object, ...]]) -> list[Release]:
        with self._engine.connect() as connection:
            return [_release(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction in which nobody else writes."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()


def open_release_book(folder: Path) -> ReleaseBook:
    """The book in `.seatrial`, made or migrated where needed. Raises UsageError if it is newer than this seatrial."""
    return ReleaseBook(open_database(f"sqlite:///{folder / FILE}", SCHEMA))


def goes_first(release: Release, others: Collection[Release]) -> Release | None:
    """Which of the unfinished ones of the same service a release that waits has to wait for; None where it's its turn."""
    rivals = [other for other in others if other.service == release.service and other.id != release.id]
    ahead = [other for other in rivals if other.phase is not ReleasePhase.WAITING or other.id < release.id]
    return min(ahead, key=lambda other: (other.phase is ReleasePhase.WAITING, other.id), default=None)


def _another(other: Release) -> UsageError:
    return UsageError(
        f"{other.model}@{other.number} is being released already, since {other.started:%Y-%m-%d %H:%M} UTC "
        f"({other.phase.value})",
        where=other.service,
        remedy=f"seatrial release status {other.service} shows it; --if-running wait or replace begins another",
    )


def _row(release: Release) -> dict[str, str]:
    body = msgspec.json.encode(release).decode()
    return {"id": release.id, "service": release.service, "phase": release.phase.value, "body": body}


def _release(row: sa.RowMapping) -> Release:
    return msgspec.json.decode(row["body"], type=Release)
