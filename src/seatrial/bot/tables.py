"""The tables of the bot's book."""

from typing import Final

import sqlalchemy as sa

from seatrial.database import Schema

METADATA: Final = sa.MetaData()
SCHEMA: Final = Schema(
    name="bot's book",
    head="0001",
    migrations="seatrial.bot:migrations",
    metadata=METADATA,
    version_table="bot_alembic",
)

DELIVERIES: Final = sa.Table(
    "bot_deliveries",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("delivery", sa.Text, nullable=False, unique=True),
    # Of what was signed: ids of deliveries are in headers, which are not.
    sa.Column("digest", sa.Text, unique=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("taken", sa.Text, nullable=False),
    sa.Column("done", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
)
_WAITS = "done IS NULL"
sa.Index(
    "bot_deliveries_waiting",
    DELIVERIES.c.number,
    sqlite_where=sa.text(_WAITS),
    postgresql_where=sa.text(_WAITS),
)

TRIALS: Final = sa.Table(
    "bot_trials",
    METADATA,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("bot_trials_pull", "repository", "number"),
    sa.Index("bot_trials_live", "live"),
)

CELLS: Final = sa.Table(
    "bot_cells",
    METADATA,
    sa.Column("trial", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

REVISION: Final = sa.Table(
    "bot_revision",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""One row. Whoever changes trials changes it first, and so waits for whoever else does."""
