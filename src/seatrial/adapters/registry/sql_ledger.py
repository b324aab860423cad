"""Ledger, standing and evidence on SQLite or PostgreSQL, for versions that are kept in the same database or elsewhere.

`seatrial.adapters.registry.sql` keeps its versions beside them and shares a transaction through `ledger_rows`; an
adapter whose versions live on a server of another make uses this class for everything that makes a move binding.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from seatrial.adapters.registry import ledger_rows as rows
from seatrial.adapters.registry.tables import SCHEMA
from seatrial.adapters.registry.transactions import reading, writing, writing_ledger
from seatrial.database import open_database
from seatrial.records import Books, Evidence, LedgerEntry, LedgerHead, ModelVersion, Move, StageRules
from seatrial.registry.inputs import check_evidence, check_move


def open_ledger_database(url: str) -> sa.Engine:
    """An engine on an up-to-date registry database (`seatrial.database.open_database` says which URLs there are)."""
    return open_database(url, SCHEMA)


class SqlLedger:
    """Who moved what, when, on which evidence; and which stage each version holds by that.

    Args:
        engine: of a database with the registry's tables (`open_ledger_database`).
        rules: the project's stages.
    """

    def __init__(self, engine: sa.Engine, rules: StageRules) -> None:
        self._engine = engine
        self._rules = rules

    def enter(self, version: ModelVersion) -> LedgerEntry:
        """Write that `version` was registered, in the initial stage; the first line if that was written before.

        Its time and actor are the version's `created` and `creator`. Raises PermanentError if other files were entered
        under the same number.
        """
        with writing_ledger(self._engine) as connection:
            return rows.enter(connection, version, self._rules)

    def move(self, move: Move, version: ModelVersion) -> tuple[LedgerEntry, ...]:
        """Carry out a move of `version` whole, or refuse it; the lines it got, that of the version itself last.

        Args:
            move: the wish.
            version: what it is about, with its artifact and lineage; its `stage` is not looked at, the ledger knows it.

        Raises:
            UsageError: the rules refuse it, somebody else was first, or the version was never entered.
        """
        check_move(move)
        with writing_ledger(self._engine) as connection:
            lines, _ = rows.carry_out(connection, move, version, self._rules)
            return lines

    def stage_of(self, model: str) -> dict[int, str]:
        """The stage of each version of a model that was entered, by its number."""
        with reading(self._engine) as connection:
            return {number: stage for (_, number), stage in rows.read_stages(connection, model).items()}

    def holders(self, model: str, stage: str) -> tuple[int, ...]:
        """Numbers of the versions that hold a stage, ascending. Raises UsageError for an unknown stage."""
        name = self._rules.get(stage).name
        with reading(self._engine) as connection:
            return rows.read_holders(connection, model, name)

    def holding(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Numbers of the versions in every stage but the initial one, by model and stage."""
        with reading(self._engine) as connection:
            return rows.read_holding(connection, self._rules.initial)

    def keep(self, evidence: Evidence) -> None:
        """Keep what a promotion run found. Raises UsageError if it found something else before."""
        check_evidence(evidence)
        with writing(self._engine) as connection:
            rows.write_evidence(connection, evidence)

    def evidence(self, run: str) -> Evidence | None:
        """What a promotion run found; None if nothing was kept."""
        with reading(self._engine) as connection:
            return rows.read_evidence(connection, run)

    def entries(
        self, model: str | None = None, *, number: int | None = None, before: datetime | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Lines in their order: all, of a model or of a version; up to and including the time `before`."""
        with reading(self._engine) as connection:
            return rows.read_entries(connection, model, number=number, before=before)

    def head(self) -> LedgerHead:
        """The end of the ledger, as it is stored beside it."""
        with reading(self._engine) as connection:
            return rows.read_head(connection)

    def books(self, versions: Iterable[ModelVersion] | None = None) -> Books:
        """Everything that the ledger is verified against; `versions` where they are kept elsewhere, None leaves them out.

        A version that was entered must then read as it did when it was entered, but for its tags and stage.
        """
        with reading(self._engine) as connection:
            return rows.read_books(connection, None if versions is None else tuple(versions))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
