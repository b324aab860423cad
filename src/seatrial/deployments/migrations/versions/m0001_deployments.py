"""Wishes, what was started for them, what is remembered of its places, and what people are shown."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the four tables."""
    op.create_table(
        "wishes",
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
    op.create_table(
        "instances",
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
    )
    op.create_table(
        "places",
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
    op.create_table(
        "statuses",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("statuses", "places", "instances", "wishes"):
        op.drop_table(table)
