"""Asks the new model and the one in the stage about the same held-out rows, and judges the answers.

A model that can't be asked is never a model that passed: if it is the new one it fails as a candidate of a trial does, and
if it is the stage's there is nothing to compare with, which is an error and no reason to pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatrial.ports import Registry
from seatrial.records import Gated, ModelVersion, PermanentError, RetrainSpec, SplitResult, Trained, Verdict
from seatrial.retrain.commands import Place
from seatrial.retrain.gate import Contest, gate, unanswered
from seatrial.retrain.predict import predict
from seatrial.retrain.train import check_unchanged, fresh_folder

_NEW = "the new model"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The file of the answers; None where there are none, and `why` says it."""

    file: Path | None = None
    why: str = ""


def evaluate(
    spec: RetrainSpec,
    split: SplitResult,
    trained: Trained,
    place: Place,
    *,
    registry: Registry,
    baseline: ModelVersion | None,
    stage: str,
) -> Gated:
    """Ask both models and judge; done again, it finds the same.

    Args:
        spec: the loop.
        split: the held-out rows.
        trained: the new model.
        place: where the predict command is run.
        registry: has the baseline's files.
        baseline: the version in the stage; None for nobody.
        stage: its name.

    Raises:
        UsageError: the stack, the command or a metric's function can't be understood.
        PermanentError: the model's files changed after they were stored, or the registry's are broken.
        TemporaryError: the registry or the stack can't be had for now, or it was to stop.
    """
    contest = Contest(model=spec.model, artifact=trained.digest, stage=stage, baseline=baseline)
    check_unchanged(Path(trained.path), trained.digest, _NEW)
    label = next(column.kind for column in spec.columns if column.name == spec.train.label)
    new = _asked(
        lambda: predict(spec.train, split, Path(trained.path), place, whose="candidate", label=label),
        lambda why: f"{_NEW} can't be asked by the predict command: {why}",
    )
    check_unchanged(Path(trained.path), trained.digest, _NEW)
    old = _Asked()
    if baseline is not None:
        files = registry.fetch(baseline, fresh_folder(place.folder / "baseline"))
        old = _asked(
            lambda: predict(spec.train, split, files, place, whose="baseline", label=label),
            lambda why: f"the model in {stage}, {baseline.id}, can't be asked by today's predict command: {why}",
        )
        check_unchanged(files, baseline.artifact.digest, baseline.id)
    if new.file is None or old.why:
        broken = Verdict.FAIL if new.file is None and not old.why else Verdict.ERROR
        return unanswered(contest, broken, "; and ".join(filter(None, (new.why, old.why))), split.test_rows)
    return gate(
        spec.gate,
        split,
        new.file,
        old.file,
        columns=spec.columns,
        label=spec.train.label,
        contest=contest,
        project=place.tools.project,
        seed=place.seed,
    )


def _asked(ask: Callable[[], Path], told: Callable[[str], str]) -> _Asked:
    try:
        return _Asked(file=ask())
    except PermanentError as error:
        return _Asked(why=told(error.what))
