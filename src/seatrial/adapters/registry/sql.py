"""The registry on SQLite or PostgreSQL: the embedded default, and what a team shares."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from seatrial.adapters.registry import ledger_rows, version_rows
from seatrial.adapters.registry.columns import to_text
from seatrial.adapters.registry.sql_ledger import SqlLedger
from seatrial.adapters.registry.transactions import reading, writing, writing_ledger
from seatrial.ports import Store
from seatrial.records import (
    Books,
    Evidence,
    LedgerEntry,
    ModelSummary,
    ModelVersion,
    Move,
    StageRules,
    VersionDraft,
)
from seatrial.registry.artifacts import keep_artifact, lay_artifact
from seatrial.registry.inputs import check_draft, check_move, check_texts


class SqlRegistry:
    """Implements `seatrial.ports.Registry`.

    Args:
        engine: of a database with the registry's tables (`sql_ledger.open_ledger_database`).
        store: where the files of versions are.
        rules: the project's stages.
    """

    def __init__(self, engine: sa.Engine, store: Store, rules: StageRules) -> None:
        self._engine = engine
        self._store = store
        self._rules = rules
        self._ledger = SqlLedger(engine, rules)

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Store what is at `path` and give it the model's next number. Raises UsageError for what can't be registered."""
        check_draft(draft)
        # A large model takes minutes, during which nobody else shall wait: the lock comes after it.
        artifact = keep_artifact(path, self._store)
        with writing_ledger(self._engine) as connection:
            version = version_rows.add_version(connection, draft, artifact, self._rules)
            ledger_rows.enter(connection, version, self._rules)
            return version

    def models(self) -> tuple[ModelSummary, ...]:
        """All models, by name."""
        with reading(self._engine) as connection:
            holding = ledger_rows.read_holding(connection, self._rules.initial)
            return version_rows.read_models(connection, holding)

    def versions(self, model: str, *, limit: int | None = None) -> tuple[ModelVersion, ...]:
        """A model's versions, newest first. Raises UsageError if there is no such model."""
        with reading(self._engine) as connection:
            return version_rows.read_versions(connection, model, limit)

    def version(self, model: str, number: int) -> ModelVersion:
        """One version. Raises UsageError that says which there are."""
        with reading(self._engine) as connection:
            return version_rows.read_version(connection, model, number)

    def holders(self, model: str, stage: str) -> tuple[ModelVersion, ...]:
        """The versions that hold a stage, oldest first. Raises UsageError for an unknown model or stage."""
        name = self._rules.get(stage).name
        with reading(self._engine) as connection:
            return version_rows.read_holders(connection, model, name)

    def tag(self, model: str, number: int, tags: Mapping[str, str | None]) -> ModelVersion:
        """Set tags, remove those whose value is None, leave the rest; the version as it is then."""
        check_texts(dict(tags), where=f"{model}@{number}")
        with writing(self._engine) as connection:
            version_rows.read_version(connection, model, number)
            version_rows.set_tags(connection, model, number, tags)
            return version_rows.read_version(connection, model, number)

    def keep(self, evidence: Evidence) -> None:
        """Keep what a promotion run found. Raises UsageError if it found something else before."""
        self._ledger.keep(evidence)

    def evidence(self, run: str) -> Evidence | None:
        """What a promotion run found; None if nothing was kept."""
        return self._ledger.evidence(run)

    def move(self, move: Move) -> tuple[LedgerEntry, ...]:
        """Carry out a move whole or refuse it. Raises UsageError with the reason and the remedy."""
        check_move(move)
        with writing_ledger(self._engine) as connection:
            version = version_rows.read_version(connection, move.model, move.number)
            entries, new = ledger_rows.carry_out(connection, move, version, self._rules)
            if new:
                version_rows.touch_model(connection, move.model, to_text(move.at))
            return entries

    def ledger(
        self, model: str | None = None, *, number: int | None = None, before: datetime | None = None
    ) -> tuple[LedgerEntry, ...]:
        """The ledger's lines in their order: of everything, of a model or of one version, up to and including `before`."""
        return self._ledger.entries(model, number=number, before=before)

    def books(self) -> Books:
        """Everything that the ledger is verified against, as of one moment."""
        with reading(self._engine) as connection:
            books = ledger_rows.read_books(connection, None)
            return replace(books, versions=version_rows.read_all_versions(connection))

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Put the version's files below `folder`; that path. Raises PermanentError if they no longer match."""
        return lay_artifact(version.artifact, self._store, folder)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
