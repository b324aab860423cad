"""Models, versions, tags, standing, evidence and the ledger, which nobody may edit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

APPEND_ONLY = {
    "registry_ledger": ("seq",),
    "registry_evidence": ("run",),
    "registry_versions": ("model", "number"),
}
"""Tables that nobody edits, and their keys."""


def upgrade() -> None:
    """Create the tables, the ledger's head, and the triggers."""
    _create_ledger()
    _create_versions()
    op.execute("INSERT INTO registry_head (id, seq, digest) VALUES (1, 0, '')")
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def downgrade() -> None:
    """Drop everything."""
    for table in ("tags", "versions", "models", "evidence", "standing", "head", "ledger"):
        op.drop_table(f"registry_{table}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION registry_append_only")


def _create_ledger() -> None:
    op.create_table(
        "registry_ledger",
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
    )
    op.create_index("registry_ledger_model", "registry_ledger", ["model", "seq"])
    op.create_index("registry_ledger_version", "registry_ledger", ["model", "number", "seq"])
    op.create_index("registry_ledger_run", "registry_ledger", ["run", "seq"])
    op.create_table(
        "registry_head",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_table(
        "registry_standing",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_index("registry_standing_stage", "registry_standing", ["stage", "model", "number"])
    op.create_table(
        "registry_evidence",
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


def _create_versions() -> None:
    op.create_table(
        "registry_models",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("versions", sa.Integer, nullable=False),
        sa.Column("latest", sa.Integer, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
    )
    op.create_table(
        "registry_versions",
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
    )
    op.create_index("registry_versions_artifact", "registry_versions", ["artifact"])
    op.create_table(
        "registry_tags",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["model", "number"], ["registry_versions.model", "registry_versions.number"]),
    )


def _guard_sqlite() -> None:
    """INSERT OR REPLACE removes the old row without a DELETE trigger, so that an INSERT on a key that is there is refused too."""
    for table, keys in APPEND_ONLY.items():
        refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
        same = " AND ".join(f"{key} = NEW.{key}" for key in keys)
        for event in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} BEGIN {refuse}; END")
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names of ours
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} BEGIN {refuse}; END")


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION registry_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION registry_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION registry_append_only()"
        )
