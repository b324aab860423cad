"""The registry's tables, on SQLite and PostgreSQL; `migrations/` makes them, with triggers that keep them append-only.

Ledger, head, standing and evidence (`LEDGER`, `HEADS`, `STANDING`, `EVIDENCE`) need none of the others, so that they can
stand beside versions that are kept elsewhere. `STANDING` follows from the ledger; it is there so that no question has to
replay it. The same holds for the counts in `MODELS`.
"""

import sqlalchemy as sa

from seatrial.database import Schema

METADATA = sa.MetaData()
SCHEMA = Schema(
    name="registry",
    head="0001",
    migrations="seatrial.adapters.registry:migrations",
    metadata=METADATA,
    version_table="registry_alembic",
)
LEDGER = sa.Table(
    "registry_ledger",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("from_stage", sa.Text, nullable=False),
    sa.Column("to_stage", sa.Text, nullable=False),
    sa.Column("actor_name", sa.Text, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_via", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run", sa.Text),
    sa.Column("report", sa.Text),
    sa.Column("evidence", sa.Text),
    sa.Column("git_commit", sa.Text),
    sa.Column("data", sa.Text),
    sa.Column("stack", sa.Text),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Index("registry_ledger_model", "model", "seq"),
    sa.Index("registry_ledger_version", "model", "number", "seq"),
    sa.Index("registry_ledger_run", "run", "seq"),
)
HEADS = sa.Table(
    "registry_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
STANDING = sa.Table(
    "registry_standing",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Index("registry_standing_stage", "stage", "model", "number"),
)
EVIDENCE = sa.Table(
    "registry_evidence",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("finished", sa.Text, nullable=False),
    sa.Column("baseline", sa.Integer),
    sa.Column("report", sa.Text),
    sa.Column("url", sa.Text, nullable=False),
)
MODELS = sa.Table(
    "registry_models",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("versions", sa.Integer, nullable=False),
    sa.Column("latest", sa.Integer, nullable=False),
    sa.Column("updated", sa.Text, nullable=False),
)
VERSIONS = sa.Table(
    "registry_versions",
    METADATA,
    sa.Column("model", sa.Text, sa.ForeignKey("registry_models.name"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("artifact_name", sa.Text, nullable=False),
    sa.Column("artifact_folder", sa.Boolean, nullable=False),
    sa.Column("artifact_size", sa.BigInteger, nullable=False),
    sa.Column("artifact_files", sa.BigInteger, nullable=False),
    sa.Column("creator_name", sa.Text, nullable=False),
    sa.Column("creator_kind", sa.Text, nullable=False),
    sa.Column("creator_via", sa.Text, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("git_commit", sa.Text),
    sa.Column("git_branch", sa.Text),
    sa.Column("data", sa.Text),
    sa.Column("stack", sa.Text),
    sa.Column("run", sa.Text),
    sa.Column("parent", sa.Integer),
    sa.Column("flavour", sa.Text),
    sa.Column("signature", sa.Text),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Index("registry_versions_artifact", "artifact"),
)
TAGS = sa.Table(
    "registry_tags",
    METADATA,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["model", "number"], ["registry_versions.model", "registry_versions.number"]),
)
APPEND_ONLY = (LEDGER, EVIDENCE, VERSIONS)
"""Tables whose rows nobody changes or removes."""
