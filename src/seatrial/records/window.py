"""What was seen of two arms within ten seconds: the input of the judge of releases, from whatever source.

Latency is counted in bins that are a fixed step apart on a logarithmic scale, ten of them to ten per cent, so that windows
of any source and length add up, and ranks, quantiles and exceedances come from the counts alone. A source that has buckets
of its own (Prometheus) says what their edges are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

BINS_PER_TENTH: Final = 10
LOWEST_LATENCY: Final = 1e-4
HIGHEST_BIN: Final = 1599
_STEP: Final = math.log(1.1) / BINS_PER_TENTH


def latency_bin(seconds: float) -> int:
    """The bin of a latency: 0 for up to 0.1 ms, 1599 for 415 s and more."""
    if seconds <= LOWEST_LATENCY:
        return 0
    return min(int(math.log(seconds / LOWEST_LATENCY) / _STEP), HIGHEST_BIN)


def bin_edge(index: int) -> float:
    """The upper edge of a bin, in seconds."""
    return LOWEST_LATENCY * math.exp((index + 1) * _STEP)


class Arm(StrEnum):
    """The two sides of a release."""

    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The counts of some of an arm's requests: of a replica, or of a group of users.

    Attributes:
        requests: that were answered or given up.
        errors: how many of them went wrong.
        latency: number of requests by bin.
    """

    requests: int = 0
    errors: int = 0
    latency: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Per-row losses, added up: what a mean and its variance need.

    Attributes:
        count: rows with a label.
        total: Σ of the loss (absolute or squared error, 0 or 1 for a wrong class).
        squares: Σ of its square.
    """

    count: int = 0
    total: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels that came in within a window, for requests of one earlier window.

    Attributes:
        served: begin of the window that answered those requests.
        metric: name of the loss's metric (`rmse`).
        stable, canary: the losses of each arm.
    """

    served: datetime
    metric: str
    stable: Sums = Sums()
    canary: Sums = Sums()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmWindow:
    """One arm in one window. A request belongs to the window in which it was answered or given up.

    Attributes:
        requests: all of them, those that went wrong included.
        errors: how many went wrong, by kind: `5xx`, `timeout`, `reset`, `no answer`….
        latency: number of requests by bin; empty where a source has none.
        seconds: Σ of the latencies, for means; None where it isn't known.
        replicas: the same by replica, where a source tells them apart.
        groups: the same by group of users or sessions (0 … 63, by a hash), where there is a key to tell them by.
        units: users or sessions that were seen here for the first time in the release; None where there is no key, and a
            request is its own unit.
    """

    requests: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    latency: Mapping[int, int] = field(default_factory=dict)
    seconds: float | None = None
    replicas: Mapping[str, Part] = field(default_factory=dict)
    groups: Mapping[int, Part] = field(default_factory=dict)
    units: int | None = None

    @property
    def failed(self) -> int:
        """Requests that went wrong."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Both arms in one window.

    Attributes:
        start: of the window; windows of a release follow each other without gaps.
        seconds: its length.
        weight: the share of requests that the canary was to get, 0 … 1.
        steady: whether that share was the same over the whole window, and no replica came or went.
        edges: upper edges of the latency buckets in seconds, ascending, where they are not the standard bins: then
            `latency` counts by index into them, with one more for what lies above the last.
        labels: that came in within this window.
        slices: the same arms for a part of the requests, by `column=value`.
    """

    start: datetime
    seconds: float = 10.0
    weight: float
    stable: ArmWindow = ArmWindow()
    canary: ArmWindow = ArmWindow()
    steady: bool = True
    edges: tuple[float, ...] | None = None
    labels: tuple[Labels, ...] = ()
    slices: Mapping[str, tuple[ArmWindow, ArmWindow]] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """When the next one begins."""
        return self.start + timedelta(seconds=self.seconds)
