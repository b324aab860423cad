"""Models, moves and evidence as tests of the registry need them, and one way to open each registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from seatrial.adapters.registry.sql import SqlRegistry
from seatrial.adapters.registry.sql_ledger import open_ledger_database
from seatrial.adapters.store.directory import DirectoryStore
from seatrial.ports import Registry
from seatrial.records import (
    Actor,
    ActorKind,
    Evidence,
    Lineage,
    ModelVersion,
    Move,
    StageGate,
    StageRules,
    StageSpec,
    Verdict,
    VersionDraft,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADA = Actor(name="ada@example.org", via="git config user.email")
CI = Actor(name="ci-account", kind=ActorKind.RUN, via="CI")
RULES = StageRules()
GLASS = StageRules(break_glass=True)
"""The default stages where people may break the glass."""
OWN = StageRules(
    stages=(
        StageSpec(name="New"),
        StageSpec(name="Shadow", people=("ada@example.org", "bob@example.org")),
        StageSpec(name="Champion", several=False, displaced_to="Retired"),
        StageSpec(name="Retired"),
        StageSpec(name="Live", several=False, gate=StageGate.PROMOTION, displaced_to="Retired"),
    )
)
"""Stages that a project named itself."""


def after(minutes: float) -> datetime:
    """A time on the day of the tests."""
    return NOON + timedelta(minutes=minutes)


def draft(model: str = "wine", **more: Any) -> VersionDraft:
    """A version that ada is about to register at noon."""
    given = {"creator": ADA, "created": NOON, "lineage": Lineage(commit="c0ffee", data="md5:1", stack="sha256:2")}
    return VersionDraft(model=model, **{**given, **more})


def model_file(folder: Path, text: str = "weights") -> Path:
    """A model on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.joblib"
    path.write_text(text)
    return path


def registered(registry: Registry, folder: Path, count: int = 1, model: str = "wine") -> list[ModelVersion]:
    """So many new versions with files of their own."""
    return [registry.register(draft(model), model_file(folder, f"{model} {number}")) for number in range(count)]


def evidence(version: ModelVersion, run: str = "run-1", **more: Any) -> Evidence:
    """What a promotion run found of a version: that it passes."""
    given = {
        "verdict": Verdict.PASS,
        "finished": after(5),
        "report": "sha256:report",
        "url": "https://ci.example.org/1",
    }
    return Evidence(
        run=run, model=version.model, number=version.number, artifact=version.artifact.digest, **{**given, **more}
    )


def promotion(version: ModelVersion, run: str = "run-1", to: str = "Production", **more: Any) -> Move:
    """The move of a promotion run that passed."""
    move = Move(model=version.model, number=version.number, to=to, actor=CI, at=after(6), run=run)
    return replace(move, **more)


def by_hand(version: ModelVersion, to: str = "Staging", **more: Any) -> Move:
    """A person's move."""
    return replace(Move(model=version.model, number=version.number, to=to, actor=ADA, at=after(1)), **more)


def promote(registry: Registry, version: ModelVersion, run: str = "run-1", **more: Any) -> None:
    """Keep evidence that passed, and move the version by it."""
    registry.keep(evidence(version, run))
    registry.move(promotion(version, run, **more))


@contextmanager
def sql_registry(url: str, folder: Path, rules: StageRules = RULES) -> Iterator[SqlRegistry]:
    """A registry on SQLite or PostgreSQL with its files in `folder`."""
    registry = SqlRegistry(open_ledger_database(url), DirectoryStore(folder / "store"), rules)
    try:
        yield registry
    finally:
        registry.close()
