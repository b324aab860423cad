"""What was asked for, what became of it, and which run has which model: what is in here survives whatever dies.

SQLite (`.seatrial/retrain.db`, where datasets are too) for one machine; the registry's PostgreSQL where there is one, for
several. Many processes write: schedulers and webhooks enter wishes, runs tell how far they are, people pause.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from seatrial.books import SqlBook, open_book
from seatrial.records import (
    CronSpec,
    RetrainResult,
    RetrainWish,
    ScheduleState,
)
from seatrial.retrain.book_rows import cron_row, is_as_seen, moment, result_row, state_of
from seatrial.retrain.tables import CLAIMS, RESULTS, SCHEDULES, SCHEMA, WISHES

FILE: Final = "retrain.db"
_RESULT = msgspec.json.Decoder(RetrainResult)
_WISH = msgspec.json.Decoder(RetrainWish)


class RetrainBook(SqlBook):
    """The retrainings of a project (`open_retrain_book`). Safe to use from many threads and processes.

    Every method raises TemporaryError if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine, "the retrainings' database")

    # who has a model

    def claim(self, model: str, run: str, at: datetime) -> str | None:
        """Have a model alone until `release`: None if `run` has it now (or had it before), else the run that has it."""
        while True:
            with self._writing() as connection:
                insert = self._insert(CLAIMS).values(model=model, run=run, taken=moment(at))
                connection.execute(insert.on_conflict_do_nothing())
                holder = connection.execute(sa.select(CLAIMS.c.run).where(CLAIMS.c.model == model)).scalar()
            # Where it is nobody's, the one who had it has let go of it in between.
            if holder is not None:
                return None if holder == run else holder

    def release(self, model: str, run: str) -> None:
        """Let go of a model; nothing happens where another run has it."""
        with self._writing() as connection:
            connection.execute(CLAIMS.delete().where(CLAIMS.c.model == model, CLAIMS.c.run == run))

    def holder(self, model: str) -> str | None:
        """The run that has a model; None: it is free."""
        with self._reading() as connection:
            return connection.execute(sa.select(CLAIMS.c.run).where(CLAIMS.c.model == model)).scalar()

    # how far runs are

    def put(self, result: RetrainResult) -> None:
        """Keep how far a run is, in place of what was kept of it; one that has ended is not reopened."""
        row = result_row(result)
        insert = self._insert(RESULTS).values(**row)
        allowed = sa.or_(RESULTS.c.live, sa.not_(insert.excluded.live))
        with self._writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["run"], set_=row, where=allowed))

    def result(self, run: str) -> RetrainResult | None:
        """How far a run is; None if nobody knows it."""
        with self._reading() as connection:
            body = connection.execute(sa.select(RESULTS.c.body).where(RESULTS.c.run == run)).scalar()
        return None if body is None else _RESULT.decode(body)

    def results(self, *, name: str | None = None, limit: int = 50) -> Sequence[RetrainResult]:
        """Runs, those that began last first; at most `limit`.

        Args:
            name: of this loop alone; None: of all.
            limit: at most so many.
        """
        query = sa.select(RESULTS.c.body)
        if name is not None:
            query = query.where(RESULTS.c.name == name)
        with self._reading() as connection:
            found = query.order_by(RESULTS.c.started.desc(), RESULTS.c.run.desc()).limit(limit)
            return [_RESULT.decode(body) for body in connection.execute(found).scalars()]

    def live(self) -> Sequence[RetrainResult]:
        """Runs that have not ended, the oldest first."""
        query = sa.select(RESULTS.c.body).where(RESULTS.c.live).order_by(RESULTS.c.started, RESULTS.c.run)
        with self._reading() as connection:
            return [_RESULT.decode(body) for body in connection.execute(query).scalars()]

    # what was asked for

    def enter(self, wish: RetrainWish) -> bool:
        """Keep a wish; False, and nothing changed, if one of its id is known. It is on the disk when this returns."""
        with self._writing() as connection:
            self._locked(connection, wish.name)
            if not self._add(connection, wish):
                return False
            _fired(connection, wish)
        return True

    def wish(self, wish: str) -> RetrainWish | None:
        """A wish by its id, done or not."""
        with self._reading() as connection:
            body = connection.execute(sa.select(WISHES.c.body).where(WISHES.c.id == wish)).scalar()
        return None if body is None else _WISH.decode(body)

    def waiting_wishes(self) -> Sequence[RetrainWish]:
        """Those that nobody has begun, in the order in which they came."""
        query = sa.select(WISHES.c.body).where(WISHES.c.done.is_(None)).order_by(WISHES.c.entry)
        with self._reading() as connection:
            return [_WISH.decode(body) for body in connection.execute(query).scalars()]

    def wish_done(self, wish: str, at: datetime, run: str = "") -> None:
        """It was begun as `run`, or needs none; what was said first stays."""
        query = WISHES.update().where(WISHES.c.id == wish, WISHES.c.done.is_(None))
        with self._writing() as connection:
            connection.execute(query.values(done=moment(at), run=run))

    def begun_for(self, wish: str, run: str, at: datetime) -> str | None:
        """The run that is the one for a wish: `run`, unless another was first; None for a wish that was never entered.

        Two servers that share this book may both begin a run for a wish that they see at the same moment.
        """
        query = WISHES.update().where(WISHES.c.id == wish, WISHES.c.run == "")
        with self._writing() as connection:
            connection.execute(query.values(done=sa.func.coalesce(WISHES.c.done, moment(at)), run=run))
            return connection.execute(sa.select(WISHES.c.run).where(WISHES.c.id == wish)).scalar()

    def run_of(self, wish: str) -> str | None:
        """The run that was begun for a wish: None while it waits or if nobody knows it, empty where it needed none."""
        query = sa.select(WISHES.c.run).where(WISHES.c.id == wish, WISHES.c.done.is_not(None))
        with self._reading() as connection:
            return connection.execute(query).scalar()

    def busy(self, name: str, model: str) -> bool:
        """Whether a wish of the loop waits, or a run has the model or is about to."""
        parts = (
            sa.exists().where(WISHES.c.name == name, WISHES.c.done.is_(None)),
            sa.exists().where(RESULTS.c.model == model, RESULTS.c.live),
            sa.exists().where(CLAIMS.c.model == model),
        )
        with self._reading() as connection:
            return bool(connection.execute(sa.select(sa.or_(*parts))).scalar())

    # schedules

    def schedule(self, name: str) -> ScheduleState:
        """What is kept of a loop's triggers; of one that was never seen, nothing."""
        with self._reading() as connection:
            row = connection.execute(sa.select(SCHEDULES).where(SCHEDULES.c.name == name)).one_or_none()
        return ScheduleState(name=name) if row is None else state_of(row)

    def pause(self, name: str, who: str, at: datetime) -> ScheduleState:
        """Let a loop's triggers begin nothing; who paused it first stays. What is kept of it then."""
        values = {"paused": True, "paused_by": who, "paused_at": moment(at)}
        with self._writing() as connection:
            if not self._locked(connection, name).paused:
                connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == name).values(**values))
        return self.schedule(name)

    def resume(self, name: str, at: datetime) -> ScheduleState:
        """Let them begin runs again; what cron had due meanwhile is not caught up with. What is kept of it then."""
        with self._writing() as connection:
            before = self._locked(connection, name)
            if before.paused:
                values: dict[str, Any] = {"paused": False, "paused_by": "", "paused_at": None}
                if before.considered is not None:
                    values["considered"] = moment(max(before.considered, at))
                connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == name).values(**values))
        return self.schedule(name)

    def consider(self, name: str, cron: CronSpec | None, at: datetime) -> None:
        """Look at a loop's cron from now on: it is new, or another one than before."""
        with self._writing() as connection:
            if self._locked(connection, name).cron == cron:
                return
            values = cron_row(cron) | {"considered": None if cron is None else moment(at)}
            connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == name).values(**values))

    def fire(self, wish: RetrainWish, seen: ScheduleState, considered: datetime | None) -> bool:
        """Keep a wish that a trigger has brought about, and that it did, in one transaction.

        Args:
            wish: what is to be begun.
            seen: the loop's state by which it was found due. Where it is another one by now (somebody else fired, or it was
                paused), nothing is kept, and the next look decides anew.
            considered: up to when cron is dealt with then; None: it is none of cron's.

        Returns:
            Whether it was kept.
        """
        with self._writing() as connection:
            found = self._locked(connection, wish.name)
            if not is_as_seen(found, seen, by_cron=considered is not None) or not self._add(connection, wish):
                return False
            if considered is not None:
                moved = {"considered": moment(considered)}
                connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == wish.name).values(**moved))
            _fired(connection, wish)
        return True

    def check(self) -> None:
        """Raise TemporaryError if the database does not answer."""
        with self._reading() as connection:
            connection.execute(sa.select(1)).scalar()

    def _add(self, connection: sa.Connection, wish: RetrainWish) -> bool:
        body = msgspec.json.encode(wish).decode()
        insert = self._insert(WISHES).values(id=wish.id, name=wish.name, body=body, run="")
        return connection.execute(insert.on_conflict_do_nothing().returning(WISHES.c.id)).scalar() is not None

    def _locked(self, connection: sa.Connection, name: str) -> ScheduleState:
        """What is kept of a loop's triggers, which nobody else changes until the transaction ends."""
        insert = self._insert(SCHEDULES).values(name=name, paused=False, paused_by="", cron="", zone="")
        connection.execute(insert.on_conflict_do_nothing())
        query = sa.select(SCHEDULES).where(SCHEDULES.c.name == name).with_for_update()
        return state_of(connection.execute(query).one())


def open_retrain_book(root: Path, url: str | None) -> RetrainBook:
    """The book, made or migrated where needed.

    Args:
        root: the project's `.seatrial`.
        url: of the registry's database. One that several machines can share holds the book too; where it is None or on
            SQLite, the book is a file in `root` that nobody else may read.

    Raises:
        UsageError: it is newer than this seatrial.
        PermanentError: the database does not answer.
    """
    return RetrainBook(open_book(root / FILE, url, SCHEMA))


def _fired(connection: sa.Connection, wish: RetrainWish) -> None:
    """Note when something was last begun; a wish that came late changes nothing."""
    asked = moment(wish.asked)
    later = sa.or_(SCHEDULES.c.last_fired.is_(None), SCHEDULES.c.last_fired < asked)
    connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == wish.name, later).values(last_fired=asked))
