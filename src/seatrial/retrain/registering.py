"""Gives a model that passed its gate a number in the registry, with all that it was made from.

A version that a retraining registered carries the run's id in its lineage. By it a run that was cut off finds the number
that it gave already, so that no model is registered twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from seatrial.ports import Registry
from seatrial.records import (
    Actor,
    ActorKind,
    DatasetVersion,
    Gated,
    Lineage,
    ModelVersion,
    PermanentError,
    RetrainSpec,
    Trained,
    VersionDraft,
)
from seatrial.registry.examine import Examined, examine
from seatrial.retrain.train import check_unchanged
from seatrial.trial.change.registered import DIRTY_TAG
from seatrial.trial.origin import Code

RUN_TAG: Final = "retrain_run"
DATASET_TAG: Final = "dataset"


def examined(trained: Trained, project: Path) -> Examined:
    """What the model says of itself: its flavour, and its signature (its own, or from a `signature.yaml` within it).

    A model that only the project's own commands can open has none, which is no reason not to register it.
    """
    found = examine(Path(trained.path), cwd=project)
    return found if found.digest in {"", trained.digest} else Examined(note="its files changed while it was opened")


def draft_of(
    spec: RetrainSpec,
    *,
    run: str,
    dataset: DatasetVersion,
    trained: Trained,
    gated: Gated,
    code: Code,
    about: Examined,
    creator: Actor,
    now: datetime,
) -> VersionDraft:
    """The version that is about to be registered.

    Args:
        spec: the loop.
        run: its run.
        dataset: what it was trained on.
        trained: the model.
        gated: what the gate found: its figures are the version's metrics.
        code: where the project stood when it was trained.
        about: what the model says of itself.
        creator: for whom the run acts.
        now: the moment.

    Raises PermanentError if the gate judged other files than these.
    """
    if gated.artifact != trained.digest:
        raise PermanentError(
            f"the gate judged {gated.artifact}, and {trained.digest} is to be registered",
            where=run,
            remedy="train and judge it again",
        )
    return VersionDraft(
        model=spec.model,
        creator=replace(creator, kind=ActorKind.RUN),
        created=now,
        lineage=Lineage(
            commit=code.commit,
            branch=code.branch,
            data=dataset.digest,
            stack=trained.stack,
            run=run,
            parent=gated.baseline,
        ),
        flavour=about.flavour,
        signature=about.signature,
        metrics=_figures(gated),
        tags={RUN_TAG: run, DATASET_TAG: dataset.id, **({DIRTY_TAG: "true"} if code.dirty else {})},
        description=gated.headline,
    )


def register(draft: VersionDraft, trained: Trained, registry: Registry) -> ModelVersion:
    """Register it, unless this run has done so already: then that version.

    Raises:
        UsageError: the registry refuses the name or the parent.
        PermanentError: the files are not those that were judged.
        TemporaryError: the registry does not answer.
    """
    known = registered_by(draft.lineage.run, draft.model, registry)
    if known is None:
        check_unchanged(Path(trained.path), trained.digest, "the new model")
        known = registry.register(draft, Path(trained.path))
    if known.artifact.digest != trained.digest:
        raise PermanentError(
            f"{known.id} holds {known.artifact.digest}, and {trained.digest} was judged",
            where=known.id,
            remedy="leave that version where it is, and run the retraining again",
        )
    return known


def registered_by(run: str | None, model: str, registry: Registry) -> ModelVersion | None:
    """The version that a run registered; None if it has registered none."""
    if run is None or all(summary.name != model for summary in registry.models()):
        return None
    return next((version for version in registry.versions(model) if version.lineage.run == run), None)


def _figures(gated: Gated) -> Mapping[str, float]:
    """The candidate's figure on all held-out rows, by metric."""
    return {c.metric: c.candidate for c in gated.comparisons if not c.slice and c.candidate is not None}
