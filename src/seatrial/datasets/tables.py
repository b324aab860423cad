"""The tables of the dataset book."""

from typing import Final

import sqlalchemy as sa

from seatrial.database import Schema

METADATA: Final = sa.MetaData()
SCHEMA: Final = Schema(
    name="dataset book",
    head="0001",
    migrations="seatrial.datasets:migrations",
    metadata=METADATA,
    version_table="datasets_alembic",
)

VERSIONS: Final = sa.Table(
    "dataset_versions",
    METADATA,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # The segment that it added; NULL where it added none.
    sa.Column("segment", sa.Text),
    sa.Column("segment_rows", sa.BigInteger, nullable=False),
    sa.Column("segment_size", sa.BigInteger, nullable=False),
    sa.Column("earliest", sa.Text),
    sa.Column("latest", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index("dataset_versions_digest", "digest"),
    # Rows lie in the order of the key, in which lineages are read.
    sqlite_with_rowid=False,
)
"""What lists and lineage are made of, in columns. Everything that a version says is in `BODIES`, which those don't read."""

BODIES: Final = sa.Table(
    "dataset_bodies",
    METADATA,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
)
