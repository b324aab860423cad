"""What happened, append-only: every run and every record that travelled in it, on SQLite or PostgreSQL.

Safe against two trials at once and kill -9 at any point: SQLite runs in WAL mode, each append is one transaction, and
a run that nobody holds any more shows by its lock file (see `seatrial.trial.workspace`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from seatrial.database import Schema, open_database
from seatrial.ports import Clock
from seatrial.records import Run, RunKind, RunState, UsageError, Verdict

HEAD = "0002"
METADATA = sa.MetaData()
SCHEMA = Schema(name="journal", head=HEAD, migrations="seatrial:migrations", metadata=METADATA)
RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("baseline", sa.Text, nullable=False),
    sa.Column("candidate", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("headline", sa.Text, nullable=False),
    sa.Column("report", sa.Text),
    sa.Column("kind", sa.Text, nullable=False, server_default="trial"),
)
EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)


class Journal:
    """The history of one project (`open_journal`)."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, run: Run) -> None:
        """Enter a run."""
        with self._engine.begin() as connection:
            connection.execute(RUNS.insert().values(**_row(run)))

    def enter(self, run: Run) -> None:
        """Enter a run that may be there already: one that is gone on with after a crash."""
        try:
            self.begin(run)
        except sa.exc.IntegrityError:
            self.update(run)

    def append(self, run: str, record: object) -> None:
        """Append one record to a run; its kind is the record's class name."""
        body = msgspec.json.encode(record).decode()
        with self._engine.begin() as connection:
            last = (
                sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.seq), 0) + 1)
                .where(EVENTS.c.run == run)
                .scalar_subquery()
            )
            connection.execute(
                EVENTS.insert().values(
                    run=run, seq=last, at=self._clock.now().isoformat(), kind=type(record).__name__, body=body
                )
            )

    def update(self, run: Run) -> None:
        """Set what is known of a run by now: its versions, its end, its verdict."""
        values = _row(run)
        del values["id"]
        with self._engine.begin() as connection:
            connection.execute(RUNS.update().where(RUNS.c.id == run.id).values(**values))

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        query = RUNS.select().order_by(RUNS.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def running(self) -> list[Run]:
        """The runs that were never ended, oldest first."""
        query = RUNS.select().where(RUNS.c.state == RunState.RUNNING.value).order_by(RUNS.c.id)
        with self._engine.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def find(self, name: str) -> Run:
        """The run with this id, or whose id starts or ends so; `latest` is the newest. Raises UsageError."""
        with self._engine.connect() as connection:
            everything = [_run(row) for row in connection.execute(RUNS.select().order_by(RUNS.c.id.desc())).mappings()]
        if name == "latest" and everything:
            return everything[0]
        found = [run for run in everything if run.id == name] or [
            run for run in everything if name and (run.id.startswith(name) or run.id.endswith(name))
        ]
        if len(found) == 1:
            return found[0]
        what = (
            f"there is no run {name!r}"
            if not found
            else f"{name!r} could be any of {', '.join(run.id for run in found[:5])}"
        )
        raise UsageError(what, remedy="seatrial runs lists them; `latest` is the newest")

    def events(self, run: str) -> list[tuple[datetime, str, dict[str, Any]]]:
        """Time, kind and body of everything that was appended to a run, in order."""
        query = EVENTS.select().where(EVENTS.c.run == run).order_by(EVENTS.c.seq)
        with self._engine.connect() as connection:
            return [
                (datetime.fromisoformat(row["at"]), row["kind"], msgspec.json.decode(row["body"]))
                for row in connection.execute(query).mappings()
            ]

    def kept(self, kind: str, runs: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        """Run and body of everything of one kind that was appended to these runs, in order."""
        query = (
            EVENTS.select().where(EVENTS.c.kind == kind, EVENTS.c.run.in_(runs)).order_by(EVENTS.c.run, EVENTS.c.seq)
        )
        with self._engine.connect() as connection:
            return [(row["run"], msgspec.json.decode(row["body"])) for row in connection.execute(query).mappings()]

    def end(self, run: Run, state: RunState) -> Run:
        """Mark a run as ended now."""
        ended = replace(run, state=state, ended=self._clock.now())
        self.update(ended)
        return ended

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def open_journal(folder: Path, clock: Clock) -> Journal:
    """The journal in `folder`, created or migrated where needed. Raises UsageError if it is newer than this seatrial."""
    folder.mkdir(parents=True, exist_ok=True)
    return Journal(open_database(f"sqlite:///{folder / 'journal.db'}", SCHEMA), clock)


def _row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "project": run.project,
        "folder": run.folder,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "state": run.state.value,
        "baseline": run.baseline,
        "candidate": run.candidate,
        "verdict": run.verdict.value if run.verdict else None,
        "headline": run.headline,
        "report": run.report,
        "kind": run.kind.value,
    }


def _run(row: sa.RowMapping) -> Run:
    return Run(
        id=row["id"],
        project=row["project"],
        folder=row["folder"],
        started=datetime.fromisoformat(row["started"]),
        ended=datetime.fromisoformat(row["ended"]) if row["ended"] else None,
        state=RunState(row["state"]),
        baseline=row["baseline"],
        candidate=row["candidate"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        headline=row["headline"],
        report=row["report"],
        kind=RunKind(row["kind"]),
    )
