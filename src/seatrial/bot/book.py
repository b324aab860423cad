"""What the forge told the bot, and the trials that it runs, on disk: what is in here survives whatever dies.

SQLite (`.seatrial/bot.db`) for one machine; the registry's PostgreSQL where there is one, for several. Many processes
write: the server takes deliveries, its pump enters trials, workers bring them to their end, pages only read.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from seatrial.books import SqlBook, open_book
from seatrial.bot.tables import CELLS, DELIVERIES, REVISION, SCHEMA, TRIALS
from seatrial.records import BotTrial, CellProgress, Hook, UsageError

FILE: Final = "bot.db"
_CELLS = msgspec.json.Decoder(tuple[CellProgress, ...])
_HOOK = msgspec.json.Decoder(Hook)
_TRIAL = msgspec.json.Decoder(BotTrial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A hook as it came.

    Attributes:
        digest: of what the forge signed; empty where that is not known. Two of the same digest are one delivery,
            whatever their ids say: those are in headers, which nobody signs.
    """

    hook: Hook
    digest: str = ""


class BotBook(SqlBook):
    """The bot's deliveries and trials (`open_bot_book`). Safe to use from many threads and processes.

    Every method raises TemporaryError if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine, "the bot's database")
        # Made once: to word it takes longer than to do it.
        self._take = self._insert(DELIVERIES).on_conflict_do_nothing().returning(DELIVERIES.c.delivery)

    # deliveries

    def take(self, hook: Hook, at: datetime) -> bool:
        """Keep a verified delivery; False, and nothing kept, if it is known."""
        return self.take_many((Delivery(hook=hook),), at)[0]

    def take_many(self, deliveries: Sequence[Delivery], at: datetime) -> Sequence[bool]:
        """The same of several, in one transaction that is on the disk at the end; one answer each, in their order."""
        if not deliveries:
            return ()
        with self._writing() as connection:
            rows = [_delivery_row(delivery, at) for delivery in deliveries]
            taken = set(connection.execute(self._take, rows).scalars())
        answers = []
        for delivery in deliveries:
            answers.append(delivery.hook.delivery in taken)
            # Of two of the same id in one batch the first was taken.
            taken.discard(delivery.hook.delivery)
        return answers

    def waiting(self, limit: int = 100, *, without: Collection[str] = ()) -> Sequence[tuple[int, Hook]]:
        """Deliveries that were not dealt with yet, in the order in which they came, with their numbers.

        Args:
            limit: at most so many.
            without: repositories whose deliveries are left out.
        """
        query = sa.select(DELIVERIES.c.number, DELIVERIES.c.body).where(DELIVERIES.c.done.is_(None))
        if without:
            query = query.where(DELIVERIES.c.repository.not_in(without))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(DELIVERIES.c.number).limit(limit)).all()
        return [(number, _HOOK.decode(body)) for number, body in rows]

    def done(self, number: int, note: str = "", *, at: datetime) -> None:
        """A delivery has been dealt with; `note` says what became of it."""
        moment = _moment(at)
        query = DELIVERIES.update().where(DELIVERIES.c.number == number, DELIVERIES.c.done.is_(None))
        with self._writing() as connection:
            connection.execute(query.values(done=moment, note=note))

    def note(self, delivery: str) -> str | None:
        """What became of a delivery, by the forge's id of it; None if it is not known or waits."""
        query = sa.select(DELIVERIES.c.note).where(DELIVERIES.c.delivery == delivery, DELIVERIES.c.done.is_not(None))
        with self._reading() as connection:
            return connection.execute(query).scalar()

    # trials

    def add(self, trial: BotTrial) -> bool:
        """Enter a trial; False, and nothing changed, if one of its id is there."""
        with self._changing() as connection:
            insert = self._insert(TRIALS).values(**_trial_row(trial)).on_conflict_do_nothing().returning(TRIALS.c.id)
            return connection.execute(insert).scalar() is not None

    def trial(self, trial: str) -> BotTrial | None:
        """A trial by its id."""
        with self._reading() as connection:
            body = connection.execute(sa.select(TRIALS.c.body).where(TRIALS.c.id == trial)).scalar()
        return None if body is None else _TRIAL.decode(body)

    def trials(
        self, *, repository: str | None = None, number: int | None = None, live: bool = False, limit: int = 50
    ) -> Sequence[BotTrial]:
        """Trials, those entered last first.

        Args:
            repository: of this one alone; None: of all.
            number: of this pull request alone.
            live: only those that have not ended.
            limit: at most so many.
        """
        query = sa.select(TRIALS.c.body)
        if repository is not None:
            query = query.where(TRIALS.c.repository == repository)
        if number is not None:
            query = query.where(TRIALS.c.number == number)
        if live:
            query = query.where(TRIALS.c.live)
        with self._reading() as connection:
            bodies = connection.execute(query.order_by(TRIALS.c.entry.desc()).limit(limit)).scalars().all()
        return [_TRIAL.decode(body) for body in bodies]

    def change(self, trial: str, /, **fields: Any) -> BotTrial:  # noqa: ANN401 - whatever fields a trial has
        """Change fields of a trial, and tell how it is now.

        One that has ended is not reopened: a change of its state is passed over, together with all that comes with it.
        Raises UsageError if there is no such trial.
        """
        with self._changing() as connection:
            before = _locked(connection, trial)
            after = replace(before, **fields)
            if not before.state.is_live and after.state is not before.state:
                return before
            _write(connection, after)
            if not after.state.is_live:
                connection.execute(CELLS.delete().where(CELLS.c.trial == trial))
        return after

    def request_cancel(self, trial: str, why: str) -> None:
        """Wish that a trial ends; the first reason stays. One that has ended is left alone.

        Raises UsageError if there is no such trial.
        """
        with self._changing() as connection:
            before = _locked(connection, trial)
            if before.state.is_live and not before.cancelling:
                _write(connection, replace(before, cancelling=why))

    # how far the live ones are

    def progress(self, trial: str) -> Sequence[CellProgress]:
        """Where each cell of a live trial is; empty where nothing was told, or where it has ended."""
        with self._reading() as connection:
            body = connection.execute(sa.select(CELLS.c.body).where(CELLS.c.trial == trial)).scalar()
        return () if body is None else _CELLS.decode(body)

    def set_progress(self, trial: str, cells: Sequence[CellProgress]) -> None:
        """Tell where each cell of a trial is, all of them; of one that has ended nothing is kept."""
        body = msgspec.json.encode(tuple(cells)).decode()
        with self._changing() as connection:
            if not connection.execute(sa.select(TRIALS.c.live).where(TRIALS.c.id == trial)).scalar():
                return
            insert = self._insert(CELLS).values(trial=trial, body=body)
            connection.execute(insert.on_conflict_do_update(index_elements=["trial"], set_={"body": body}))

    def revision(self) -> int:
        """Grows with every change to trials or to how far they are."""
        with self._reading() as connection:
            return int(connection.execute(sa.select(REVISION.c.number)).scalar_one())

    # housekeeping

    def prune(self, before: datetime) -> Sequence[BotTrial]:
        """Forget trials that ended before then; those that were forgotten, so that their reports can be removed.

        Of deliveries their ids and digests are kept: a replay is refused however late it comes.
        """
        moment = _moment(before)
        with self._changing() as connection:
            old = sa.and_(sa.not_(TRIALS.c.live), TRIALS.c.ended < moment)
            bodies = connection.execute(TRIALS.delete().where(old).returning(TRIALS.c.body)).scalars().all()
            dealt = sa.and_(DELIVERIES.c.done < moment, DELIVERIES.c.body != "")
            connection.execute(DELIVERIES.update().where(dealt).values(body="", note=""))
        return [_TRIAL.decode(body) for body in bodies]

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """A transaction in which nobody else changes trials, and which shows in `revision`."""
        with self._writing() as connection:
            connection.execute(REVISION.update().values(number=REVISION.c.number + 1))
            yield connection


def open_bot_book(root: Path, url: str | None) -> BotBook:
    """The book, made or migrated where needed.

    Args:
        root: the project's `.seatrial`.
        url: of the registry's database. One that several machines can share holds the book too; where it is None or on
            SQLite, the book is a file in `root` that nobody else may read.

    Raises:
        UsageError: it is newer than this seatrial.
        PermanentError: the database does not answer.
    """
    return BotBook(open_book(root / FILE, url, SCHEMA))


def _locked(connection: sa.Connection, trial: str) -> BotTrial:
    body = connection.execute(sa.select(TRIALS.c.body).where(TRIALS.c.id == trial)).scalar()
    if body is None:
        raise UsageError(f"the bot knows no trial {trial!r}", remedy="it may be older than bot.keep")
    return _TRIAL.decode(body)


def _write(connection: sa.Connection, trial: BotTrial) -> None:
    connection.execute(TRIALS.update().where(TRIALS.c.id == trial.id).values(**_trial_row(trial)))


def _delivery_row(delivery: Delivery, at: datetime) -> dict[str, Any]:
    return {
        "delivery": delivery.hook.delivery,
        "digest": delivery.digest or None,
        "repository": delivery.hook.repository,
        "body": msgspec.json.encode(delivery.hook).decode(),
        "taken": _moment(at),
        "note": "",
    }


def _trial_row(trial: BotTrial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "repository": trial.repository,
        "number": trial.number,
        "live": trial.state.is_live,
        "ended": None if trial.ended is None else _moment(trial.ended),
        "body": msgspec.json.encode(trial).decode(),
    }


def _moment(at: datetime) -> str:
    """Text that sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
