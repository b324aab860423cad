"""Windows of two arms with lognormal latency, as many requests as wanted, the same for the same seed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from seatrial.records import ArmWindow, Window
from seatrial.records.window import LOWEST_LATENCY, bin_edge

BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_MEDIAN, _SIGMA = 0.125, 0.45
_STEP = float(np.log(bin_edge(1) / bin_edge(0)))


def stream(
    count: int,
    *,
    slower: float = 1.0,
    failing: float = 0.001,
    requests: int = 20_000,
    weight: float = 0.2,
    seconds: float = 10.0,
    start: datetime = BEGIN,
    seed: int = 1,
) -> Iterator[Window]:
    """`count` windows; the canary is `slower` by a factor and fails at the rate `failing`, stable at 0.001."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        canary = int(rng.binomial(requests, weight))
        yield Window(
            start=start + timedelta(seconds=index * seconds),
            seconds=seconds,
            weight=weight,
            stable=_arm(rng, requests - canary, 1.0, 0.001),
            canary=_arm(rng, canary, slower, failing),
        )


def history(count: int = 60, *, seconds: float = 10.0, seed: int = 9) -> Iterator[Window]:
    """Windows of stable alone, up to the begin."""
    start = BEGIN - timedelta(seconds=count * seconds)
    return stream(count, weight=0.0, seconds=seconds, start=start, seed=seed)


def lines(windows: Iterator[Window]) -> bytes:
    """The windows as JSON lines."""
    return b"".join(msgspec.json.encode(window) + b"\n" for window in windows)


def _arm(rng: np.random.Generator, requests: int, slower: float, failing: float) -> ArmWindow:
    latency = _MEDIAN * slower * np.exp(_SIGMA * rng.standard_normal(requests))
    bins, counts = np.unique((np.log(latency / LOWEST_LATENCY) / _STEP).astype(int), return_counts=True)
    failed = int(rng.binomial(requests, failing))
    return ArmWindow(
        requests=requests,
        errors={"5xx": failed} if failed else {},
        latency={int(place): int(number) for place, number in zip(bins, counts, strict=True)},
        seconds=float(latency.sum()),
    )
