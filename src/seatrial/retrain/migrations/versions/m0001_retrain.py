"""Retrainings, what was wished for, who has a model, and what is kept of schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "retrain_claims",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("taken", sa.Text, nullable=False),
    )
    op.create_table(
        "retrain_results",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("started", sa.Text, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("retrain_results_started", "retrain_results", ["started"])
    op.create_index("retrain_results_name", "retrain_results", ["name", "started"])
    op.create_index(
        "retrain_results_live",
        "retrain_results",
        ["model"],
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_table(
        "retrain_wishes",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("done", sa.Text),
        sa.Column("run", sa.Text, nullable=False),
    )
    op.create_index(
        "retrain_wishes_waiting",
        "retrain_wishes",
        ["entry"],
        sqlite_where=sa.text("done IS NULL"),
        postgresql_where=sa.text("done IS NULL"),
    )
    op.create_table(
        "retrain_schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("paused_by", sa.Text, nullable=False),
        sa.Column("paused_at", sa.Text),
        sa.Column("considered", sa.Text),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("last_fired", sa.Text),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("retrain_schedules", "retrain_wishes", "retrain_results", "retrain_claims"):
        op.drop_table(table)
