"""The tables of the retrainings' book."""

from typing import Final

import sqlalchemy as sa

from seatrial.database import Schema

METADATA: Final = sa.MetaData()
SCHEMA: Final = Schema(
    name="retrainings' book",
    head="0001",
    migrations="seatrial.retrain:migrations",
    metadata=METADATA,
    version_table="retrain_alembic",
)

CLAIMS: Final = sa.Table(
    "retrain_claims",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("taken", sa.Text, nullable=False),
)

RESULTS: Final = sa.Table(
    "retrain_results",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("retrain_results_started", "started"),
    sa.Index("retrain_results_name", "name", "started"),
)
_LIVE = "live"
sa.Index(
    "retrain_results_live",
    RESULTS.c.model,
    sqlite_where=sa.text(_LIVE),
    postgresql_where=sa.text(_LIVE),
)

WISHES: Final = sa.Table(
    "retrain_wishes",
    METADATA,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("done", sa.Text),
    # That was begun for it; empty where none was.
    sa.Column("run", sa.Text, nullable=False),
)
_WAITS = "done IS NULL"
sa.Index(
    "retrain_wishes_waiting",
    WISHES.c.entry,
    sqlite_where=sa.text(_WAITS),
    postgresql_where=sa.text(_WAITS),
)

SCHEDULES: Final = sa.Table(
    "retrain_schedules",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("paused_by", sa.Text, nullable=False),
    sa.Column("paused_at", sa.Text),
    sa.Column("considered", sa.Text),
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("last_fired", sa.Text),
)
