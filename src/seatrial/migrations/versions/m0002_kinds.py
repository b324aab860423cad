"""Promotions beside trials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Say of every run what it is; those that are there are trials."""
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("kind", sa.Text, nullable=False, server_default="trial"))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("runs") as table:
        table.drop_column("kind")
