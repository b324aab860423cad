"""A window as arrays, checked once: what comes in here is right everywhere else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from seatrial.judge.release.mixtures import Floats, Integers
from seatrial.judge.release.scale import Scale
from seatrial.records import UsageError
from seatrial.records.window import ArmWindow, Part, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """One arm in one window or block.

    Attributes:
        requests, failed: counts.
        latency: (bins,) requests by latency.
        answered: how many of them have a latency.
        seconds: Σ of the latencies.
    """

    requests: int
    failed: int
    latency: Floats
    answered: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An arm's requests by part (replica or group of users), flat.

    Attributes:
        names: of the n parts.
        requests, failed: (n,) counts.
        owner, bins, counts: (m,) which part, which latency bin, how many.
    """

    names: tuple[str, ...]
    requests: Floats
    failed: Floats
    owner: Integers
    bins: Integers
    counts: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Both arms in one window, in seconds since 1970, with stable's parts."""

    start: float
    end: float
    weight: float
    stable: ArmCounts
    canary: ArmCounts
    replicas: Parts | None
    groups: Parts | None


def take_in(window: Window, scale: Scale) -> Seen:
    """Check a window and turn it into arrays.

    Raises:
        UsageError: for what can't have been counted: negative numbers, bins that are not there, a share above one.
    """
    where = f"window of {window.start.isoformat()}"
    if not 0 <= window.weight <= 1:
        raise UsageError(f"the weight is {window.weight}, not a share from 0 to 1", where=where)
    if not (math.isfinite(window.seconds) and window.seconds > 0):
        raise UsageError(f"a window of {window.seconds} seconds has no length", where=where)
    start = window.start.timestamp()
    try:
        return Seen(
            start=start,
            end=start + window.seconds,
            weight=window.weight,
            stable=_arm(window.stable, scale),
            canary=_arm(window.canary, scale),
            replicas=_parts(window.stable.replicas),
            groups=_parts(window.stable.groups),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"these are no counts of requests: {error}", where=where, remedy="see the source of the windows"
        ) from error


def _arm(arm: ArmWindow, scale: Scale) -> ArmCounts:
    requests, failed = arm.requests, arm.failed
    if min(requests, min(arm.errors.values(), default=0), arm.units or 0) < 0:
        raise ValueError("a count is negative")
    latency, answered = _spectrum(arm.latency, scale)
    seconds = float((latency * scale.middles()).sum()) if arm.seconds is None else arm.seconds
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"the latencies add up to {seconds}")
    # Where requests and errors come from two queries, either may be ahead of the other by a few.
    requests = max(int(requests), int(failed))
    return ArmCounts(requests=requests, failed=int(failed), latency=latency, answered=answered, seconds=seconds)


def _spectrum(counted: Mapping[int, int], scale: Scale) -> tuple[Floats, int]:
    if not counted:
        return np.zeros(scale.size), 0
    bins = np.fromiter(counted, dtype=np.int64, count=len(counted))
    counts = np.fromiter(counted.values(), dtype=np.int64, count=len(counted))
    _check(counts)
    # bincount refuses negative bins.
    latency = np.asarray(np.bincount(bins, weights=counts, minlength=scale.size), dtype=np.float64)
    if len(latency) > scale.size:
        raise ValueError(f"there are latency bins 0 to {scale.size - 1}")
    return latency, int(counts.sum())


def _parts(parts: Mapping[str, Part] | Mapping[int, Part]) -> Parts | None:
    if not parts:
        return None
    rows = list(parts.values())
    spectra = [row.latency for row in rows]
    sizes = [len(spectrum) for spectrum in spectra]
    total = sum(sizes)
    bins = np.fromiter(chain.from_iterable(spectra), dtype=np.int64, count=total)
    counts = np.fromiter(chain.from_iterable([spectrum.values() for spectrum in spectra]), dtype=np.int64, count=total)
    _check(counts)
    requests = np.array([row.requests for row in rows], dtype=np.float64)
    failed = np.array([row.errors for row in rows], dtype=np.float64)
    if requests.min() < 0 or failed.min() < 0:
        raise ValueError("a count is negative")
    return Parts(
        names=tuple(map(str, parts)),
        requests=requests,
        failed=failed,
        owner=np.repeat(np.arange(len(rows)), sizes),
        bins=bins,
        counts=counts.astype(np.float64),
    )


def _check(counts: Integers) -> None:
    if counts.size and counts.min() < 0:
        raise ValueError("a count is negative")
