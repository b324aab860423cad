"""Platform metrics of a pair: CPU and memory of the process trees."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seatrial.judge import Draft, Effect
from seatrial.records import CellResult, Family
from seatrial.trial.compare.pairs import Pair, draft, observed, per_block
from seatrial.trial.samples import CellSamples


def platform_drafts(pair: Pair) -> Iterator[Draft]:
    """The platform metrics, in the order of the configuration.

    A baseline that runs elsewhere has no usage to compare with; the candidate's is still held to its limits.
    """
    if pair.baseline is not None and pair.baseline.result.usage is None:
        yield from _without_baseline(pair)
        return
    effects = _block_platform_effects(pair)
    requests = len(pair.candidate.samples) if pair.candidate.samples is not None else 0
    for name, read in (("cpu_peak", cpu_peak), ("memory_peak", memory_peak)):
        effect = observed(pair, read)
        if effect is not None:
            effects[name] = effect
    for spec in pair.metrics:
        if spec.family is not Family.PLATFORM:
            continue
        effect = effects.get(spec.name)
        if effect is not None:
            yield draft(pair, spec, effect, samples=requests if effect.samples > 1 else 1)
        elif spec.gate:
            yield Draft(deployment=pair.deployment, metric=spec, note="its usage could not be read")


def _without_baseline(pair: Pair) -> Iterator[Draft]:
    """The candidate alone: limits are judged, and a margin has no data, which never passes."""
    for found in platform_drafts(replace(pair, baseline=None)):
        spec = next(metric for metric in pair.metrics if metric.name == found.metric.name)
        lost = spec.gate and spec.limit is None
        yield replace(found, metric=spec if lost else found.metric, note="the baseline's usage isn't known")


def _block_platform_effects(pair: Pair) -> dict[str, Effect]:
    both = pair.both
    if both is None:
        return {}
    baseline, candidate = both
    figures: Mapping[str, Callable[[CellSamples], NDArray[np.float64]]] = {
        "cpu_per_request": lambda samples: samples.block_cpu,
        "cpu_mean": lambda samples: samples.block_cpu_seconds / np.maximum(samples.block_seconds, 1e-9),
        "memory_mean": lambda samples: samples.block_memory,
    }
    found = {name: per_block(baseline, candidate, figure) for name, figure in figures.items()}
    return {name: effect for name, effect in found.items() if effect is not None}


def memory_peak(result: CellResult) -> float | None:
    """The most bytes that its process tree held at any reading."""
    points = result.usage.points if result.usage else ()
    return float(max(point.memory for point in points)) if points else None


def cpu_peak(result: CellResult) -> float | None:
    """The most cores that it used between two readings."""
    points = result.usage.points if result.usage else ()
    steps = [
        (later.cpu_seconds - earlier.cpu_seconds) / (later.at - earlier.at)
        for earlier, later in pairwise(points)
        if later.at - earlier.at > 0.05  # noqa: PLR2004 - shorter steps measure the clock
    ]
    return max(steps) if steps else None
