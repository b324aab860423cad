"""Loops, wishes, results and books for the tests of what begins retrainings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seatrial.records import (
    Actor,
    AlarmSpec,
    ColumnKind,
    ColumnSpec,
    CommandSpec,
    CronSpec,
    GateSpec,
    ParserSpec,
    RetrainResult,
    RetrainSpec,
    RetrainWish,
    StreamSpec,
    TrainSpec,
    TriggerKind,
    TriggerSpec,
)
from seatrial.retrain.book import RetrainBook, open_retrain_book
from seatrial.retrain.schedule import Finding, Firing
from seatrial.retrain.scheduler import Scheduler
from seatrial.retrain.scheduler_looks import Looks
from seatrial.testing import FakeClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Actor(name="ada")
QUIET = Finding(sounds=False, said="")


@contextmanager
def book_at(url: str, folder: Path) -> Iterator[RetrainBook]:
    """The retrainings' book: in the database of `sql_url`, which for SQLite is a file of its own name in `folder`."""
    book = open_retrain_book(folder, url)
    try:
        yield book
    finally:
        book.close()


def database_of(url: str, folder: Path) -> str:
    """The URL of the database that the book is in."""
    return url if sa.make_url(url).get_backend_name() == "postgresql" else f"sqlite:///{folder / 'retrain.db'}"


def loop(
    name: str = "ratings",
    cron: str | None = None,
    *,
    zone: str = "UTC",
    rows: int | None = None,
    alarms: tuple[AlarmSpec, ...] = (),
    pause: float = 3600.0,
    **fields: Any,
) -> RetrainSpec:
    """A loop whose triggers are these."""
    spec = RetrainSpec(
        name=name,
        model=f"model of {name}",
        stream=StreamSpec(folder="events"),
        columns=(ColumnSpec(name="rating", kind=ColumnKind.NUMBER),),
        parser=ParserSpec(),
        train=TrainSpec(
            train=CommandSpec(run="python train.py"), predict=CommandSpec(run="python predict.py"), label="rating"
        ),
        gate=GateSpec(metrics=()),
        triggers=TriggerSpec(
            cron=None if cron is None else CronSpec(cron=cron, zone=zone), rows=rows, alarms=alarms, pause=pause
        ),
    )
    return replace(spec, **fields)


def wish(ident: str = "w-1", /, **fields: Any) -> RetrainWish:
    """A wish by hand for `ratings`, at noon."""
    asked = RetrainWish(id=ident, name="ratings", trigger=TriggerKind.HAND, why="by hand", asked=NOON, actor=ADA)
    return replace(asked, **fields)


def result(run: str = "20260301-120000", /, **fields: Any) -> RetrainResult:
    """A run of `ratings` that has just begun."""
    begun = RetrainResult(
        run=run,
        name="ratings",
        model="model of ratings",
        project="movies",
        trigger=TriggerKind.HAND,
        why="by hand",
        started=NOON,
    )
    return replace(begun, **fields)


def scheduler(
    book: RetrainBook,
    clock: FakeClock,
    *specs: RetrainSpec,
    say: Callable[[str], None] = lambda _: None,
    new_rows: Callable[[], int] = lambda: 0,
    alarm: Callable[[AlarmSpec], Finding] = lambda _: QUIET,
    refuse: Mapping[str, Exception] | None = None,
) -> Scheduler:
    """A scheduler of these loops, which all look at the same; for some of them `refuse` is raised."""

    def wished(spec: RetrainSpec, firing: Firing) -> RetrainWish:
        if refuse and spec.name in refuse:
            raise refuse[spec.name]
        return RetrainWish(
            id=firing.id, name=spec.name, trigger=firing.trigger, why=firing.why, asked=clock.now(), actor=ADA
        )

    looks = {spec.name: Looks(new_rows=new_rows, alarm=alarm) for spec in specs}
    return Scheduler(book, specs, looks, clock, say, wish=wished)
