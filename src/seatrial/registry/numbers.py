"""How versions are numbered, and what is said of one that is not there; the same for every registry."""

import difflib
from collections.abc import Iterable

from seatrial.records import Artifact, Evidence, ModelVersion, StageRules, UsageError, VersionDraft


def numbered(draft: VersionDraft, number: int, artifact: Artifact, rules: StageRules) -> ModelVersion:
    """The version that a draft becomes."""
    return ModelVersion(
        model=draft.model,
        number=number,
        artifact=artifact,
        stage=rules.initial,
        creator=draft.creator,
        created=draft.created,
        lineage=draft.lineage,
        flavour=draft.flavour,
        signature=draft.signature,
        metrics=draft.metrics,
        tags=draft.tags,
        description=draft.description,
    )


def check_parent(draft: VersionDraft, latest: int) -> None:
    """Raises UsageError if a draft names a parent that its model, whose newest version is `latest`, doesn't have."""
    parent = draft.lineage.parent
    if parent is not None and not 1 <= parent <= latest:
        raise UsageError(
            f"{draft.model} has no version {parent} that this one could come from",
            where=draft.model,
            remedy=f"it has {_numbers(latest)}",
        )


def no_version(model: str, number: int, latest: int) -> UsageError:
    """That a model has no such version, and which it has."""
    return UsageError(
        f"{model} has no version {number}", where=f"{model}@{number}", remedy=f"it has {_numbers(latest)}"
    )


def no_model(model: str, names: Iterable[str]) -> UsageError:
    """That there is no such model, and which was perhaps meant."""
    known = tuple(names)
    near = difflib.get_close_matches(model, known, n=1)
    return UsageError(
        f"there is no model {model!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        remedy="seatrial models list shows them" if known else "seatrial models register makes the first one",
    )


def other_findings(evidence: Evidence) -> UsageError:
    """That a run, whose evidence is kept, can't have found something else."""
    return UsageError(
        f"run {evidence.run} found something else before, and evidence does not change",
        where=f"{evidence.model}@{evidence.number}",
        remedy="try again in a new run",
    )


def _numbers(latest: int) -> str:
    return {0: "none yet", 1: "version 1"}.get(latest, f"versions 1 to {latest}")
