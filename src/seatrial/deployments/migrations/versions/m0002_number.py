"""Which version an instance runs: a deployment that is being replaced has instances of two."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Say it of every instance; of those that are there nobody knows."""
    with op.batch_alter_table("instances") as table:
        table.add_column(sa.Column("number", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("instances") as table:
        table.drop_column("number")
