"""Application metrics of a pair: latency, errors, throughput, the time until ready, the size of the stack."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import Draft, Effect, Observed, proportion_difference, quantile_differences
from seatrial.records import Family, MetricSpec
from seatrial.trial.compare.pairs import Pair, draft, match, observed, per_block, unit_of_requests, why_missing
from seatrial.trial.samples import CellSamples

QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p99": 0.99}


def application_drafts(pair: Pair, rng: np.random.Generator) -> Iterator[Draft]:
    """The application metrics, in the order of the configuration."""
    effects = _latency_effects(pair, rng) | _answer_effects(pair) | _start_effects(pair)
    for spec in pair.metrics:
        if spec.family is not Family.APPLICATION:
            continue
        effect = effects.get(spec.name)
        if effect is not None:
            yield draft(pair, _held_alone(pair, spec), effect)
        elif spec.gate:
            yield Draft(deployment=pair.deployment, metric=spec, note=_why_none(pair, spec))


def _held_alone(pair: Pair, spec: MetricSpec) -> MetricSpec:
    """Where there is no baseline, failed requests are held against a service that fails none: the margin is a limit."""
    if pair.baseline is not None or spec.name != "errors" or not spec.gate or spec.limit is not None or spec.relative:
        return spec
    return replace(spec, limit=spec.margin)


def _why_none(pair: Pair, spec: MetricSpec) -> str:
    """Why a gated metric has no figure, in words."""
    if spec.name in {"ready_seconds", "stack_size"}:
        return "it is not known of a deployment that seatrial neither built nor started"
    return why_missing(pair) if pair.requests else "nothing was driven, because the deployment has no requests"


def _latency_effects(pair: Pair, rng: np.random.Generator) -> dict[str, Effect]:
    both = pair.both
    if both is None or not both[0].good.any() or not both[1].good.any():
        return {}
    baseline, candidate = both
    good_b, good_c = baseline.good, candidate.good
    quantiles = quantile_differences(
        baseline.latency[good_b],
        candidate.latency[good_c],
        baseline.block[good_b],
        candidate.block[good_c],
        tuple(QUANTILES.values()),
        rng=rng,
    )
    means = per_block(baseline, candidate, _mean_latency)
    return dict(zip(QUANTILES, quantiles, strict=True)) | ({"latency_mean": means} if means else {})


def _mean_latency(samples: CellSamples) -> NDArray[np.float64]:
    """Mean latency of the good answers of each block; NaN where there is none."""
    good = samples.good
    places = np.searchsorted(samples.block_index, samples.block[good])
    sums = np.bincount(places, weights=samples.latency[good], minlength=len(samples.block_index))
    counts = np.bincount(places, minlength=len(samples.block_index))
    return np.asarray(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))


def _answer_effects(pair: Pair) -> dict[str, Effect]:
    both = pair.both
    if both is None:
        return {}
    baseline, candidate = both
    matched = match(baseline, candidate)
    rows = [int(row) for row in candidate.request[matched.candidate]]
    errors = proportion_difference(
        ~baseline.good[matched.baseline],
        ~candidate.good[matched.candidate],
        unit_of_requests(pair, rows),
    )
    throughput = Observed(
        baseline=_throughput(baseline),
        candidate=_throughput(candidate),
        samples=len(matched.candidate),
        method="observed",
        exact=False,
    )
    return {"errors": errors, "throughput": throughput}


def _throughput(samples: CellSamples) -> float:
    """Good answers a second while it was driven."""
    seconds = float(samples.block_seconds.sum())
    return float(samples.good.sum()) / seconds if seconds > 0 else 0.0


def _start_effects(pair: Pair) -> dict[str, Effect]:
    """What is seen once a version: the time until ready, and the size of the stack, in which chance has no part."""
    found: dict[str, Effect] = {}
    for name, read, exact in (
        ("ready_seconds", lambda result: result.ready_seconds, False),
        ("stack_size", lambda result: result.stack_bytes, True),
    ):
        effect = observed(pair, read, exact=exact)
        if effect is not None:
            found[name] = effect
    return found
