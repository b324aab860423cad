"""Two cells side by side, and what is common to all that is compared of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import Draft, Effect, Observed, block_difference
from seatrial.records import CellResult, MetricSpec, RequestsSpec
from seatrial.trial.compare.answers import MetricError
from seatrial.trial.compare.functions import Function
from seatrial.trial.drive.requests import RequestSet
from seatrial.trial.samples import CellSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One cell as it is compared: what happened to it and its samples (None if it was never driven)."""

    result: CellResult
    samples: CellSamples | None


class Compared(Protocol):
    """Whose answers are compared: two cells' of a trial, or two models' on rows that were kept from training."""

    @property
    def deployment(self) -> str:
        """Name that the comparisons carry."""
        ...

    @property
    def functions(self) -> Mapping[str, Function]:
        """By metric, what computes it, where that is not built in."""
        ...

    @property
    def alone(self) -> bool:
        """Whether there is no baseline, so that only limits judge."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Baseline and candidate of one deployment; the baseline is None for a new deployment."""

    deployment: str
    metrics: tuple[MetricSpec, ...]
    requests: RequestsSpec | None
    rows: RequestSet | None
    baseline: Side | None
    candidate: Side
    functions: Mapping[str, Function]

    @property
    def alone(self) -> bool:
        """Whether there is no baseline, so that only limits judge."""
        return self.baseline is None

    @property
    def both(self) -> tuple[CellSamples, CellSamples] | None:
        """Both versions' samples; the candidate's twice for a new deployment; None where a version has none."""
        candidate = self.candidate.samples
        baseline = candidate if self.baseline is None else self.baseline.samples
        return None if baseline is None or candidate is None else (baseline, candidate)


@dataclass(frozen=True, slots=True)
class Matched:
    """Places of the same requests in both cells' samples."""

    baseline: NDArray[np.int64]
    candidate: NDArray[np.int64]


def match(baseline: CellSamples, candidate: CellSamples) -> Matched:
    """The requests that both cells got: same block, same place in it."""
    _, in_baseline, in_candidate = np.intersect1d(
        _keys(baseline), _keys(candidate), assume_unique=True, return_indices=True
    )
    return Matched(in_baseline, in_candidate)


def _keys(samples: CellSamples) -> NDArray[np.int64]:
    return (samples.block << 32) | samples.order


def unit_of_requests(pair: Pair, rows: Sequence[int]) -> NDArray[np.int64] | None:
    """The independent unit of each request: its cluster, or its row where rows are sent more than once."""
    if pair.rows is None:
        return None
    if pair.requests is not None and pair.requests.cluster is not None:
        names = [str(pair.rows.rows[row].cluster) for row in rows]
        return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
    if len(set(rows)) < len(rows):
        return np.array(rows, dtype=np.int64)
    return None


def why_missing(pair: Pair) -> str:
    """Why there is nothing to compare, in words."""
    if pair.baseline is not None and pair.baseline.samples is None:
        return "the baseline answered nothing"
    if pair.candidate.samples is None:
        return "the candidate answered nothing"
    return "no request was answered well by both versions"


def attempt(
    pair: Compared, spec: MetricSpec, compute: Callable[[], Effect], *, slice_name: str = "", note: str = ""
) -> Draft:
    """A draft, or one that carries the reason why the metric can't be computed."""
    try:
        return draft(pair, spec, compute(), slice_name=slice_name, note=note)
    except MetricError as error:
        return Draft(deployment=pair.deployment, metric=spec, slice=slice_name, candidate=math.nan, note=str(error))


def draft(
    pair: Compared, spec: MetricSpec, effect: Effect, *, slice_name: str = "", note: str = "", samples: int = 0
) -> Draft:
    """One metric with what is known of it; `samples` where the effect counts something else than requests."""
    if pair.alone:
        return _alone(pair, spec, effect, slice_name, note)
    return Draft(
        deployment=pair.deployment,
        metric=_with_floor(spec, effect),
        effect=effect,
        slice=slice_name,
        note=note,
        samples=samples,
    )


def _alone(pair: Compared, spec: MetricSpec, effect: Effect, slice_name: str, note: str) -> Draft:
    """A new deployment has nothing to be compared with: only a limit can judge it."""
    if spec.limit is None:
        return Draft(
            deployment=pair.deployment,
            metric=replace(spec, gate=False),
            slice=slice_name,
            candidate=effect.candidate,
            samples=effect.samples,
            note="there is no baseline to compare with",
        )
    return Draft(
        deployment=pair.deployment,
        metric=replace(spec, margin=None, margin_text="", relative=False),
        effect=effect,
        slice=slice_name,
        note=note,
    )


def _with_floor(spec: MetricSpec, effect: Effect) -> MetricSpec:
    """The absolute floor in place of a relative margin that is smaller."""
    if not spec.relative or spec.margin is None or spec.floor <= spec.margin * abs(effect.baseline):
        return spec
    return replace(
        spec, margin=spec.floor, relative=False, margin_text=f"{spec.margin_text}, at least {_floor_text(spec)}"
    )


def _floor_text(spec: MetricSpec) -> str:
    return f"{spec.floor * 1000:g} ms" if spec.unit == "s" else f"{spec.floor:g}"


def per_block(
    baseline: CellSamples, candidate: CellSamples, figure: Callable[[CellSamples], NDArray[np.float64]]
) -> Effect | None:
    """A figure that comes once a block, over the blocks in which both have it."""
    _, in_b, in_c = np.intersect1d(baseline.block_index, candidate.block_index, assume_unique=True, return_indices=True)
    first, second = figure(baseline)[in_b], figure(candidate)[in_c]
    known = np.isfinite(first) & np.isfinite(second)
    return block_difference(first[known], second[known]) if known.any() else None


def observed(pair: Pair, read: Callable[[CellResult], float | None], *, exact: bool = False) -> Effect | None:
    """A figure that is seen once a version; `exact` where chance has no part in it."""
    candidate = read(pair.candidate.result)
    baseline = candidate if pair.baseline is None else read(pair.baseline.result)
    if candidate is None or baseline is None:
        return None
    return Observed(
        baseline=float(baseline),
        candidate=float(candidate),
        samples=1,
        method="exact" if exact else "observed",
        exact=exact,
    )
