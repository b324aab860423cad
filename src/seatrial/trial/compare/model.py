"""Model metrics of a pair: over all requests, per slice, and the gaps between slices."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.config.metrics import default_metric
from seatrial.judge import Draft
from seatrial.records import Direction, Family, MetricSpec, Slice
from seatrial.trial.compare.answers import Answers
from seatrial.trial.compare.metrics import compare_gap, compare_metric
from seatrial.trial.compare.pairs import Compared, Pair, attempt, match, unit_of_requests, why_missing
from seatrial.trial.compare.slices import slice_codes

FEWEST_IN_SLICE = 2


def model_drafts(pair: Pair, rng: np.random.Generator) -> Iterator[Draft]:
    """The model metrics, each with its slices."""
    specs = model_metrics(pair)
    if not specs:
        return
    if pair.rows is None or not pair.rows.labelled:
        for spec in specs:
            yield Draft(
                deployment=pair.deployment,
                metric=spec,
                note="the requests have no labels; set requests.label or requests.labels",
            )
        return
    found = _answers(pair)
    if found is None:
        for spec in specs:
            yield Draft(deployment=pair.deployment, metric=spec, note=why_missing(pair))
        return
    answers, rows, left_out = found
    note = f"{left_out} requests that not both versions answered are left out" if left_out else ""
    cuts = [
        (cut, [pair.rows.rows[row].columns.get(cut.column) for row in rows])
        for cut in (pair.requests.slices if pair.requests else ())
    ]
    yield from answer_drafts(pair, specs, answers, cuts, rng, note=note)


def answer_drafts(
    compared: Compared,
    specs: Sequence[MetricSpec],
    answers: Answers,
    cuts: Sequence[tuple[Slice, Sequence[Any]]],
    rng: np.random.Generator,
    *,
    note: str = "",
) -> Iterator[Draft]:
    """Each metric over all answers, then its slices.

    Args:
        compared: whose answers they are.
        specs: model metrics.
        answers: of both.
        cuts: each with the value of its column for every answer.
        rng: for resampling.
        note: what is to be said of the metrics over all answers.
    """
    for spec in specs:
        compute = partial(compare_metric, spec, answers, compared.functions.get(spec.name), rng)
        yield attempt(compared, spec, compute, note=note)
    for cut, values in cuts:
        codes, names = slice_codes(cut, values)
        for spec in specs:
            if spec.sliced:
                yield from _sliced(compared, spec, cut, answers, codes, names, rng)


def model_metrics(pair: Pair) -> tuple[MetricSpec, ...]:
    """The model metrics that are configured, or the usual ones for the kind of labels where none is."""
    named = tuple(spec for spec in pair.metrics if spec.family is Family.MODEL)
    if named or pair.rows is None or not pair.rows.labelled:
        return named
    labels = [row.label for row in pair.rows.rows]
    if all(isinstance(label, int | float) for label in labels) and any(isinstance(label, float) for label in labels):
        return (default_metric("mae"), replace(default_metric("rmse"), gate=False))
    return (default_metric("accuracy"),)


def _answers(pair: Pair) -> tuple[Answers, list[int], int] | None:
    """Labels and predictions where both answered well, their rows, and how many requests had to be left out."""
    if pair.both is None or pair.rows is None:
        return None
    baseline, candidate = pair.both
    matched = match(baseline, candidate)
    both = baseline.good[matched.baseline] & candidate.good[matched.candidate]
    if not both.any():
        return None
    rows = [int(row) for row in candidate.request[matched.candidate][both]]
    labels = np.empty(len(rows), dtype=object)
    for index, row in enumerate(rows):
        labels[index] = pair.rows.rows[row].label
    answers = Answers(
        labels,
        baseline.prediction[matched.baseline][both],
        candidate.prediction[matched.candidate][both],
        unit_of_requests(pair, rows),
    )
    return answers, rows, int((~both).sum())


def _sliced(
    compared: Compared,
    spec: MetricSpec,
    cut: Slice,
    answers: Answers,
    codes: NDArray[np.int64],
    names: Sequence[str],
    rng: np.random.Generator,
) -> Iterator[Draft]:
    """One informative draft a slice, and the gap between slices; the gap is judged only if it is named as a metric."""
    informative = replace(spec, gate=False)
    function = compared.functions.get(spec.name)
    for code, name in enumerate(names):
        inside = codes == code
        if inside.sum() >= FEWEST_IN_SLICE:
            part = answers.where(inside)
            yield attempt(
                compared,
                informative,
                partial(compare_metric, spec, part, function, rng),
                slice_name=f"{cut.column}={name}",
            )
    if len(names) > 1:
        gap = _gap_metric(spec)
        yield attempt(
            compared, gap, partial(compare_gap, spec, answers, codes, function, rng), slice_name=f"gap({cut.column})"
        )


def _gap_metric(spec: MetricSpec) -> MetricSpec:
    """The fairness gap of a metric, held to the margin that the configuration allows it to grow by."""
    return replace(
        spec,
        gate=spec.gap is not None,
        direction=Direction.LOWER,
        margin=spec.gap,
        margin_text="",
        relative=False,
        limit=None,
    )
