"""Copies versions from one registry into another, with files, tags and where they came from.

Stages are not copied: in the target somebody else may decide what is Production, or the same gates hold there. The stage
that a version had is a tag of the copy. Copying again copies what is new.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from seatrial.records import ModelVersion, UsageError, VersionDraft

COPIED_FROM: Final = "copied_from"
STAGE_THERE: Final = "copied_stage"


class Source(Protocol):
    """What versions are copied from."""

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """A model's versions."""
        ...

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Put a version's files below a folder."""
        ...


class Target(Protocol):
    """What versions are copied into."""

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """A model's versions; none, or UsageError, if there is no such model."""
        ...

    def register(self, draft: VersionDraft, path: Path) -> ModelVersion:
        """Make a version."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """One version that was copied; `new` is False where an earlier copy of it was found."""

    source: str
    target: str
    new: bool


def copy_versions(
    source: Source, target: Target, model: str, *, place: str, numbers: Iterable[int] = ()
) -> tuple[Copied, ...]:
    """Copy a model's versions, oldest first.

    Args:
        source: where they are.
        target: where they go; under the same name, with the numbers that are next there.
        model: name.
        place: names the source in the copies' tag `copied_from`.
        numbers: of the versions to copy; all if empty.

    Raises:
        UsageError: there is no such model or version.
    """
    chosen = _chosen(source.versions(model), model, set(numbers))
    there = _earlier_copies(target, model)
    copied: list[Copied] = []
    for version in chosen:
        origin = f"{place} {version.id}"
        found = there.get(origin)
        made = found or _copy(source, target, version, origin, _parent(version, place, there))
        there[origin] = made
        copied.append(Copied(source=version.id, target=made.id, new=found is None))
    return tuple(copied)


def _chosen(versions: Sequence[ModelVersion], model: str, numbers: set[int]) -> list[ModelVersion]:
    missing = numbers - {version.number for version in versions}
    if missing or not versions:
        lacking = ", ".join(f"{model}@{number}" for number in sorted(missing)) or model
        raise UsageError(f"there is no {lacking} to copy", remedy="look at what is there: seatrial models list")
    return sorted(
        (version for version in versions if not numbers or version.number in numbers),
        key=lambda version: version.number,
    )


def _earlier_copies(target: Target, model: str) -> dict[str, ModelVersion]:
    try:
        versions = target.versions(model)
    except UsageError:
        return {}
    return {version.tags[COPIED_FROM]: version for version in versions if COPIED_FROM in version.tags}


def _parent(version: ModelVersion, place: str, there: Mapping[str, ModelVersion]) -> int | None:
    """The parent's number in the target, if it was copied too."""
    found = there.get(f"{place} {version.model}@{version.lineage.parent}")
    return found.number if found else None


def _copy(source: Source, target: Target, version: ModelVersion, origin: str, parent: int | None) -> ModelVersion:
    staged = {STAGE_THERE: version.stage} if version.stage else {}
    draft = VersionDraft(
        model=version.model,
        creator=version.creator,
        created=version.created,
        lineage=replace(version.lineage, parent=parent),
        flavour=version.flavour,
        signature=version.signature,
        metrics=version.metrics,
        tags={**version.tags, **staged, COPIED_FROM: origin},
        description=version.description,
    )
    with tempfile.TemporaryDirectory(prefix="seatrial-copy-") as room:
        return target.register(draft, source.fetch(version, Path(room)))
