"""Judges a trained model on rows that no training saw: against its limits, and against the model in the stage.

Both models answered the very same rows, so what makes a row hard cancels in the difference: the pair is compared, not two
averages. The statistics are those of a trial (`trial.compare`, `judge`): the same verdicts from the same figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import Draft, judge
from seatrial.records import (
    ColumnKind,
    ColumnSpec,
    Comparison,
    Family,
    Gated,
    GateSpec,
    MetricSpec,
    ModelVersion,
    PermanentError,
    Slice,
    SplitResult,
    Verdict,
    worst,
)
from seatrial.retrain.headline import headline, own_interval
from seatrial.retrain.predict import read_predictions
from seatrial.retrain.rows import opened
from seatrial.telemetry.log import name, text
from seatrial.trial.compare.answers import Answers
from seatrial.trial.compare.functions import Function, load_functions
from seatrial.trial.compare.model import answer_drafts

_NO_SUCH_DATA = "held-out rows tell nothing of it: a gate of a retraining takes metrics of the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Who is judged.

    Attributes:
        model: its name in the registry.
        artifact: digest of the candidate's files.
        stage: whose holder it is compared with.
        baseline: that holder; None for nobody: then only limits judge.
    """

    model: str
    artifact: str
    stage: str
    baseline: ModelVersion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """The two models, as `trial.compare` wants them."""

    deployment: str
    functions: Mapping[str, Function]
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    """What is known of the held-out rows: labels, the clusters' codes, and the columns of the slices."""

    labels: NDArray[np.object_]
    groups: NDArray[np.int64] | None
    cuts: tuple[tuple[Slice, Sequence[Any]], ...]


def gate(
    spec: GateSpec,
    split: SplitResult,
    candidate_predictions: Path,
    baseline_predictions: Path | None,
    *,
    columns: Sequence[ColumnSpec],
    label: str,
    contest: Contest,
    project: Path,
    seed: int,
) -> Gated:
    """Judge the candidate's answers, beside the baseline's where there are some.

    Args:
        spec: the metrics, each with its limit and margin; slices; the independent unit.
        split: the held-out rows; `truth_file` has their labels.
        candidate_predictions: a file of `predict`.
        baseline_predictions: the same of the model in the stage, for the same rows.
        columns: of the dataset.
        label: column that was predicted.
        contest: who is judged.
        project: its folder, where `module:function` is looked for.
        seed: of resampling.

    Raises:
        UsageError: a metric's function can't be loaded.
        PermanentError: a file can't be read, or does not fit the others.
    """
    kinds = {column.name: column.kind for column in columns}
    truth = _read_truth(spec, Path(split.truth_file), label, kinds)
    candidate = read_predictions(candidate_predictions, kinds[label])
    baseline = candidate if baseline_predictions is None else read_predictions(baseline_predictions, kinds[label])
    _check_lengths(truth, candidate, baseline, split)
    metrics = tuple(metric for metric in spec.metrics if metric.family is Family.MODEL)
    compared = _Compared(
        deployment=contest.model,
        functions=load_functions(metrics, project),
        alone=baseline_predictions is None,
    )
    answers = Answers(truth.labels, baseline, candidate, truth.groups)
    drafts = [
        *answer_drafts(compared, metrics, answers, truth.cuts, np.random.default_rng(seed)),
        *(_without_data(metric, contest.model) for metric in spec.metrics if metric.family is not Family.MODEL),
    ]
    comparisons = _judged(drafts, spec.confidence, alone=compared.alone)
    verdict = worst(c.verdict for c in comparisons if c.verdict is not None)
    against = None if contest.baseline is None else f"{contest.baseline.id} ({contest.stage})"
    return Gated(
        verdict=verdict,
        headline=headline(comparisons, verdict, rows=len(truth.labels), against=against, stage=contest.stage),
        comparisons=comparisons,
        artifact=contest.artifact,
        rows=len(truth.labels),
        baseline=None if contest.baseline is None else contest.baseline.number,
    )


def unanswered(contest: Contest, verdict: Verdict, why: str, rows: int) -> Gated:
    """What the gate found where a model could not be asked: nothing to compare."""
    return Gated(
        verdict=verdict,
        headline=why,
        comparisons=(),
        artifact=contest.artifact,
        rows=rows,
        baseline=None if contest.baseline is None else contest.baseline.number,
    )


def _read_truth(spec: GateSpec, file: Path, label: str, kinds: Mapping[str, ColumnKind]) -> _Truth:
    with opened(file.parent) as connection:

        def values(column: str, *, as_text: bool) -> list[Any]:
            shown = f"{name(column)}::VARCHAR" if as_text or kinds[column] is ColumnKind.TIME else name(column)
            found = connection.execute(f"SELECT {shown} FROM read_parquet({text(str(file))})").fetchall()  # noqa: S608 - quoted
            return [value for (value,) in found]

        labels = values(label, as_text=False)
        clusters = values(spec.cluster, as_text=True) if spec.cluster else None
        cuts = tuple((cut, values(cut.column, as_text=False)) for cut in spec.slices)
    objects = np.empty(len(labels), dtype=object)
    objects[:] = labels
    return _Truth(labels=objects, groups=None if clusters is None else _codes(clusters), cuts=cuts)


def _codes(clusters: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each cluster; a row without one is a cluster of its own."""
    known = {cluster: code for code, cluster in enumerate(sorted({c for c in clusters if c is not None}))}
    found = (known[c] if c is not None else len(known) + place for place, c in enumerate(clusters))
    codes = np.fromiter(found, dtype=np.int64, count=len(clusters))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _check_lengths(
    truth: _Truth, candidate: NDArray[np.object_], baseline: NDArray[np.object_], split: SplitResult
) -> None:
    lengths = {len(truth.labels), len(candidate), len(baseline), split.test_rows}
    if len(lengths) != 1:
        raise PermanentError(
            f"labels and predictions are of different lengths: {len(truth.labels)}, {len(candidate)}, {len(baseline)}",
            where=split.truth_file,
            remedy="the files were changed after they were written: run it again",
        )


def _without_data(metric: MetricSpec, model: str) -> Draft:
    return Draft(deployment=model, metric=metric, note=_NO_SUCH_DATA)


def _judged(drafts: Sequence[Draft], confidence: float, *, alone: bool) -> tuple[Comparison, ...]:
    """The comparisons; where there is no baseline they show none. What has a limit shows its own interval."""
    found = []
    for draft, comparison in zip(drafts, judge(drafts, confidence), strict=True):
        own = own_interval(draft, confidence) if alone or draft.metric.limit is not None else ""
        told = replace(comparison, reason="; ".join(filter(None, (comparison.reason, own))))
        found.append(replace(told, baseline=None, difference=None, interval=None) if alone else told)
    return tuple(found)
