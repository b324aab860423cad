"""The registry on an MLflow server: versions, files and tags live there, stages and the ledger in our own tables.

MLflow has no stages that it stands by any more, no record of who moved what, and anybody who may write may move. So the
ledger decides, and MLflow shows: each stage is an alias of its newest holder (`production`), every version carries its
stage in the tag `seatrial.stage`, and the model the head of its ledger in `seatrial.ledger`. What a killed process left
undone there is done by the next move of that model.

Versions that somebody registered without seatrial are shown as they are; they are adopted (their files digested, a line
in the ledger) when they are asked for one by one. MLflow's old stages are read, never written: they count until the
ledger has a move to or from the stage of that name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.adapters.registry.mlflow_models import MlflowModels, check_tags, open_models
from seatrial.adapters.registry.mlflow_record import LEDGER, STAGE, to_version
from seatrial.adapters.registry.sql_ledger import SqlLedger
from seatrial.records import (
    Books,
    Evidence,
    LedgerEntry,
    ModelSummary,
    ModelVersion,
    Move,
    StageRules,
    UsageError,
    VersionDraft,
)
from seatrial.registry.inputs import check_draft, check_evidence, check_move
from seatrial.registry.numbers import check_parent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What the ledger says of a model: each version's stage, the stages that it knows any move of, and its last move."""

    stages: Mapping[int, str]
    spoken: frozenset[str]
    moved: tuple[datetime, ...] = ()


class MlflowRegistry:
    """Implements `seatrial.ports.Registry`.

    Args:
        models: of the server.
        ledger: who moved what; one for all who move models on that server.
        rules: the project's stages.
    """

    def __init__(self, models: MlflowModels, ledger: SqlLedger, rules: StageRules) -> None:
        self._models = models
        self._ledger = ledger
        self._rules = rules

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Upload the files and give them the model's next number."""
        check_draft(draft)
        if draft.lineage.parent is not None:
            check_parent(draft, self._latest(draft.model))
        made = self._models.register(draft, path)
        version = replace(made, stage=self._rules.initial)
        self._ledger.enter(_entered(version))
        self._show(version.model, {version.number: version.stage})
        return version

    def models(self) -> Sequence[ModelSummary]:
        """All models, by name."""
        return [self._summary(model, versions) for model, versions in self._models.models()]

    def versions(self, model: str, *, limit: int | None = None) -> Sequence[ModelVersion]:
        """A model's versions, newest first."""
        standing = self._standing(model)
        return [self._seen(found, standing) for found in self._models.found(model, limit=limit)]

    def version(self, model: str, number: int) -> ModelVersion:
        """One version; adopted if seatrial did not know it."""
        standing = self._standing(model)
        return self._adopted(self._seen(self._models.one(model, number), standing), standing)

    def holders(self, model: str, stage: str) -> Sequence[ModelVersion]:
        """The versions that hold a stage, oldest first."""
        wanted = self._rules.get(stage).name
        standing = self._standing(model)
        seen = [self._seen(found, standing) for found in self._models.found(model)]
        return [self._adopted(version, standing) for version in reversed(seen) if version.stage == wanted]

    def tag(self, model: str, number: int, tags: Mapping[str, str | None]) -> ModelVersion:
        """Set tags, remove those whose value is None; the version as it is then."""
        check_tags(tags)
        present = self.version(model, number).tags
        self._models.tag(model, number, {k: v for k, v in tags.items() if v is not None or k in present})
        return self.version(model, number)

    def keep(self, evidence: Evidence) -> None:
        """Keep what a promotion run found."""
        check_evidence(evidence)
        self._ledger.keep(evidence)

    def evidence(self, run: str) -> Evidence | None:
        """What a promotion run found."""
        return self._ledger.evidence(run)

    def move(self, move: Move) -> Sequence[LedgerEntry]:
        """Carry out a move in the ledger, then let MLflow show it."""
        check_move(move)
        self._check_ledger(move.model)
        version = self.version(move.model, move.number)
        entries = self._ledger.move(self._without_old_stages(move), version)
        self._show(move.model, self._ledger.stage_of(move.model))
        return entries

    def ledger(
        self, model: str | None = None, *, number: int | None = None, before: datetime | None = None
    ) -> Sequence[LedgerEntry]:
        """The ledger's lines in their order."""
        return self._ledger.entries(model, number=number, before=before)

    def books(self) -> Books:
        """Everything that the ledger is verified against; versions that no ledger moved yet are not in it."""
        known = [found for _, versions in self._models.models() for found in versions if STAGE in (found.tags or {})]
        return self._ledger.books([_entered(to_version(found, "")) for found in known])

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Lay the version's files below `folder`."""
        return self._models.fetch(version, folder)

    def close(self) -> None:
        """Give the ledger's connections back."""
        self._ledger.close()

    def _adopted(self, version: ModelVersion, standing: "_Standing") -> ModelVersion:
        """The version with our record and a line in the ledger."""
        entered = version.number in standing.stages
        if version.artifact.digest and entered:
            return version
        found = self._models.adopt(self._models.one(version.model, version.number))
        adopted = to_version(found, version.stage)
        if not entered:
            self._ledger.enter(_entered(adopted))
        return adopted

    def _standing(self, model: str) -> "_Standing":
        entries = self._ledger.entries(model)
        spoken = {stage for entry in entries for stage in (entry.source, entry.to)}
        return _Standing(
            stages=self._ledger.stage_of(model),
            spoken=frozenset(spoken),
            moved=tuple(entry.at for entry in entries[-1:]),
        )

    def _seen(self, found: Any, standing: "_Standing") -> ModelVersion:  # noqa: ANN401 - MLflow's entity
        """A version with its stage: the ledger's, or MLflow's old one while the ledger knows of no move to or from that."""
        stage = standing.stages.get(int(found.version), self._rules.initial)
        old = self._old_stage(found)
        return to_version(found, old if stage == self._rules.initial and old not in standing.spoken else stage)

    def _without_old_stages(self, move: Move) -> Move:
        """The move as the ledger can judge it, which knows nothing of who holds the stage by MLflow's old ones.

        Its reason names them, because they lose the stage by it.
        """
        ledgers = self._ledger.holders(move.model, move.to)
        holders = tuple(version.number for version in self.holders(move.model, move.to))
        old = [number for number in holders if number not in ledgers]
        if not old:
            return move
        note = f"displaces {', '.join(map(str, old))}, by MLflow's old stage"
        expected = ledgers if move.expected == holders else move.expected
        return replace(move, expected=expected, reason="; ".join(part for part in (move.reason, note) if part))

    def _old_stage(self, found: Any) -> str:  # noqa: ANN401 - MLflow's entity
        """The stage of ours that MLflow's deprecated one is called like; the initial one for `Archived` and the rest."""
        old = (getattr(found, "current_stage", None) or "").casefold()
        return next((stage.name for stage in self._rules.stages if stage.name.casefold() == old), self._rules.initial)

    def _summary(self, model: Any, versions: Sequence[Any]) -> ModelSummary:  # noqa: ANN401 - MLflow's entities
        standing = self._standing(model.name)
        seen = [self._seen(found, standing) for found in versions]
        created = datetime.fromtimestamp(0 if seen else model.creation_timestamp / 1000, tz=UTC)
        held: dict[str, list[int]] = {}
        for version in reversed(seen):
            if version.stage != self._rules.initial:
                held.setdefault(version.stage, []).append(version.number)
        return ModelSummary(
            name=model.name,
            versions=len(versions),
            latest=int(versions[0].version) if versions else 0,
            updated=max([created, *standing.moved, *(version.created for version in seen)]),
            holders={stage: tuple(numbers) for stage, numbers in held.items()},
        )

    def _latest(self, model: str) -> int:
        try:
            newest = self._models.found(model, limit=1)
        except UsageError:
            return 0
        return int(newest[0].version) if newest else 0

    def _check_ledger(self, model: str) -> None:
        """Refuse to move a model that was moved by another ledger than ours. Raises UsageError."""
        head = (self._models.model(model).tags or {}).get(LEDGER)
        if head and head not in {entry.digest for entry in self._ledger.entries(model)}:
            raise UsageError(
                f"{model} was moved by another ledger than this one",
                where=self._models.place,
                remedy="let all who move models on this server share one: registry.ledger: postgresql://…",
            )

    def _show(self, model: str, stages: Mapping[int, str]) -> None:
        """Let MLflow show what the ledger says; what it shows already is left alone."""
        shown = {int(found.version): (found.tags or {}).get(STAGE) for found in self._models.found(model)}
        for number, stage in stages.items():
            if number in shown and shown[number] != stage:
                self._models.tag(model, number, {STAGE: stage})
        self._point(model)
        entries = self._ledger.entries(model)
        if entries:
            self._models.tag_model(model, LEDGER, entries[-1].digest)

    def _point(self, model: str) -> None:
        present = dict(self._models.model(model).aliases or {})
        for stage in self._rules.stages[1:]:
            alias, newest = stage.name.lower(), max(self._ledger.holders(model, stage.name), default=None)
            if _number(present.get(alias)) != newest:
                self._models.point(model, alias, newest)


def _entered(version: ModelVersion) -> ModelVersion:
    """A version as the ledger keeps it: without its description, which anybody may edit in MLflow."""
    return replace(version, description="")


def _number(alias: Any) -> int | None:  # noqa: ANN401 - a string, or nothing
    return None if alias is None else int(alias)


def open_mlflow(url: str, ledger: SqlLedger, rules: StageRules) -> MlflowRegistry:
    """The registry on the MLflow server at `url`.

    Raises:
        UsageError: MLflow's client is not installed, or a stage's name can't be an alias.
    """
    _check_aliases(stage.name for stage in rules.stages[1:])
    return MlflowRegistry(open_models(url), ledger, rules)


def _check_aliases(names: Iterable[str]) -> None:
    for name in names:
        if name.lower() == "latest" or (name[:1].lower() == "v" and name[1:].isdigit()):
            raise UsageError(
                f"MLflow takes no alias {name!r}", where="registry.stages", remedy="give the stage another name"
            )
