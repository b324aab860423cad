"""Versions of datasets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "dataset_versions",
        sa.Column("dataset", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("segment", sa.Text),
        sa.Column("segment_rows", sa.BigInteger, nullable=False),
        sa.Column("segment_size", sa.BigInteger, nullable=False),
        sa.Column("earliest", sa.Text),
        sa.Column("latest", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("dataset_versions_digest", "dataset_versions", ["digest"])
    op.create_table(
        "dataset_bodies",
        sa.Column("dataset", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("dataset_bodies")
    op.drop_table("dataset_versions")
