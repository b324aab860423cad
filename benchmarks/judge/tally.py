"""Requests become windows: what a gateway's access log and the joined labels would have told of them.

Apart from the drawing, since here nothing is random, and since it is where the time goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatrial.records import ArmWindow, Labels, Part, Sums, Window
from seatrial.records.window import BINS_PER_TENTH, HIGHEST_BIN, LOWEST_LATENCY

METRIC: Final = "rmse"
_STEP_SECONDS: Final = 10.0
_GROUPS: Final = 64
_REPLICAS: Final = ("stable-0", "stable-1", "stable-2", "stable-3", "stable-4", "stable-5", "stable-6", "stable-7")
_CANARIES: Final = ("canary-0", "canary-1")
_ALL_REPLICAS: Final = len(_REPLICAS) + len(_CANARIES)
_BINS: Final = HIGHEST_BIN + 1

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Requests of some windows, in their order.

    Attributes:
        step: the window, counted from the first of them.
        canary: whose it was.
        replica: 0 … 7 of stable, 8 and 9 of the canary.
        seconds: its latency.
        failed: whether it went wrong.
        group: of its session; None without sessions.
        first: whether its session is seen for the first time; None without sessions.
    """

    step: Whole
    canary: Truths
    replica: Whole
    seconds: Floats
    failed: Truths
    group: Whole | None
    first: Truths | None

    def only(self, kept: Truths) -> "Answered":
        """Those of them that are kept."""
        return Answered(
            step=self.step[kept],
            canary=self.canary[kept],
            replica=self.replica[kept],
            seconds=self.seconds[kept],
            failed=self.failed[kept],
            group=None if self.group is None else self.group[kept],
            first=None if self.first is None else self.first[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Labels: the window they come in with, the window that served the request (both counted from the release's begin)."""

    step: Whole
    served: Whole
    canary: Truths
    loss: Floats

    @classmethod
    def none(cls) -> "Delivered":
        """No labels."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(step=nothing, served=nothing, canary=np.empty(0, dtype=np.bool_), loss=np.empty(0))

    def and_also(self, other: "Delivered") -> "Delivered":
        """Both."""
        return Delivered(
            step=np.concatenate([self.step, other.step]),
            served=np.concatenate([self.served, other.served]),
            canary=np.concatenate([self.canary, other.canary]),
            loss=np.concatenate([self.loss, other.loss]),
        )

    def split(self, step: int) -> tuple["Delivered", "Delivered"]:
        """Those that come in before that window, and the rest."""
        before = self.step < step
        return self._only(before), self._only(~before)

    def _only(self, kept: Truths) -> "Delivered":
        return Delivered(step=self.step[kept], served=self.served[kept], canary=self.canary[kept], loss=self.loss[kept])


def windows_of(
    answered: Answered, delivered: Delivered, *, first: int, steps: int, weight: float, start: datetime
) -> Iterator[Window]:
    """The windows of some requests and labels.

    Args:
        answered: the requests.
        delivered: the labels that come in within these windows.
        first: number of the first window since the release's begin.
        steps: how many windows.
        weight: the canary's share.
        start: of the first window.
    """
    arms = _arms(answered, steps)
    labels = _labels(delivered, start - timedelta(seconds=first * _STEP_SECONDS))
    for step in range(steps):
        yield Window(
            start=start + timedelta(seconds=step * _STEP_SECONDS),
            seconds=_STEP_SECONDS,
            weight=weight,
            stable=arms[2 * step],
            canary=arms[2 * step + 1],
            labels=labels.get(first + step, ()),
        )


def _arms(answered: Answered, steps: int) -> list[ArmWindow]:
    """Stable and canary of each window, in turn."""
    bins = _bins(answered.seconds)
    row = answered.step * 2 + answered.canary
    rows = 2 * steps
    counts = _parts(row, bins, answered.failed, rows)
    seconds = np.bincount(row, weights=answered.seconds, minlength=rows).tolist()
    replicas = _replicas(
        _parts(answered.step * _ALL_REPLICAS + answered.replica, bins, answered.failed, steps * _ALL_REPLICAS)
    )
    groups = _groups(answered, row, bins, rows)
    units = [None] * rows if answered.first is None else np.bincount(row[answered.first], minlength=rows).tolist()
    return [
        ArmWindow(
            requests=part.requests,
            errors={"5xx": part.errors} if part.errors else {},
            latency=part.latency,
            seconds=seconds[index],
            replicas=replicas[index],
            groups=groups[index],
            units=units[index] if part.requests else None,
        )
        for index, part in enumerate(counts)
    ]


def _bins(seconds: Floats) -> Whole:
    """The bins of latencies, as `seatrial.records.window.latency_bin` has them."""
    width = np.log(1.1) / BINS_PER_TENTH
    return np.asarray(np.clip(np.log(seconds / LOWEST_LATENCY) / width, 0, HIGHEST_BIN), dtype=np.int64)


def _parts(row: Whole, bins: Whole, failed: Truths, rows: int) -> list[Part]:
    """The counts of each row's requests."""
    keys, counts = np.unique(row * _BINS + bins, return_counts=True)
    bounds = np.searchsorted(keys, np.arange(rows + 1) * _BINS).tolist()
    bin_list, count_list = (keys % _BINS).tolist(), counts.tolist()
    requests = np.bincount(row, minlength=rows).tolist()
    errors = np.bincount(row[failed], minlength=rows).tolist()
    return [
        Part(
            requests=requests[index],
            errors=errors[index],
            latency=dict(zip(bin_list[low:high], count_list[low:high], strict=True)),
        )
        for index, (low, high) in enumerate(pairwise(bounds))
    ]


def _replicas(parts: list[Part]) -> list[dict[str, Part]]:
    """By arm: stable's replicas and the canary's, of each window in turn."""
    arms: list[dict[str, Part]] = []
    for base in range(0, len(parts), _ALL_REPLICAS):
        canaries = base + len(_REPLICAS)
        arms.append(_present(_REPLICAS, parts[base:canaries]))
        arms.append(_present(_CANARIES, parts[canaries : base + _ALL_REPLICAS]))
    return arms


def _present(names: tuple[str, ...], parts: list[Part]) -> dict[str, Part]:
    return {name: part for name, part in zip(names, parts, strict=True) if part.requests}


def _groups(answered: Answered, row: Whole, bins: Whole, rows: int) -> list[dict[int, Part]]:
    """By arm: the groups of sessions; empty without sessions."""
    if answered.group is None:
        return [{}] * rows
    parts = _parts(row * _GROUPS + answered.group, bins, answered.failed, rows * _GROUPS)
    return [
        {group: part for group, part in enumerate(parts[base : base + _GROUPS]) if part.requests}
        for base in range(0, len(parts), _GROUPS)
    ]


def _labels(delivered: Delivered, begin: datetime) -> dict[int, tuple[Labels, ...]]:
    """By the window that they come in with."""
    if not delivered.step.size:
        return {}
    least = int(delivered.served.min())
    span = int(delivered.served.max()) - least + 1
    cohort = delivered.step * span + (delivered.served - least)
    cohorts, index = np.unique(cohort, return_inverse=True)
    row = index * 2 + delivered.canary
    size = 2 * cohorts.size
    count = np.bincount(row, minlength=size).tolist()
    total = np.bincount(row, weights=delivered.loss, minlength=size).tolist()
    squares = np.bincount(row, weights=delivered.loss**2, minlength=size).tolist()
    sums = [Sums(count=n, total=t, squares=s) for n, t, s in zip(count, total, squares, strict=True)]
    steps = np.floor_divide(cohorts, span).tolist()
    served = (cohorts % span + least).tolist()
    made = (
        (
            step,
            Labels(
                served=begin + timedelta(seconds=when * _STEP_SECONDS),
                metric=METRIC,
                stable=sums[2 * position],
                canary=sums[2 * position + 1],
            ),
        )
        for position, (step, when) in enumerate(zip(steps, served, strict=True))
    )
    return {step: tuple(label for _, label in group) for step, group in groupby(made, key=lambda pair: pair[0])}
