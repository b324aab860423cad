"""What a forge told the bot, its trials, and how far the live ones are."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables, and the row that counts changes."""
    op.create_table(
        "bot_deliveries",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.Text, unique=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("taken", sa.Text, nullable=False),
        sa.Column("done", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index(
        "bot_deliveries_waiting",
        "bot_deliveries",
        ["number"],
        sqlite_where=sa.text("done IS NULL"),
        postgresql_where=sa.text("done IS NULL"),
    )
    op.create_table(
        "bot_trials",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("ended", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("bot_trials_pull", "bot_trials", ["repository", "number"])
    op.create_index("bot_trials_live", "bot_trials", ["live"])
    op.create_table(
        "bot_cells",
        sa.Column("trial", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    counter = op.create_table(
        "bot_revision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"id": 1, "number": 0}])


def downgrade() -> None:
    """Drop them."""
    for table in ("bot_revision", "bot_cells", "bot_trials", "bot_deliveries"):
        op.drop_table(table)
