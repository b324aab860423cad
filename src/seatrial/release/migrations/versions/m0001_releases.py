"""Releases, what happened to each, and what people told them to do."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the three tables. One release of a service may be on its way at a time, whoever begins it."""
    op.create_table(
        "releases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, nullable=False, index=True),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index(
        "one_release_a_service",
        "releases",
        ["service"],
        unique=True,
        sqlite_where=sa.text("phase NOT IN ('waiting', 'ended')"),
        postgresql_where=sa.text("phase NOT IN ('waiting', 'ended')"),
    )
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("release", sa.Text, nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("release", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("done", sa.Text),
        sa.Column("refused", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("orders", "events", "releases"):
        op.drop_table(table)
