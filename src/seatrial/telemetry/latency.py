"""How long answers took, and how many were errors, per version over time.

Latency belongs to a request: of several rows of one request the first stands for all.
"""

# ruff: noqa: S608 - the one value in it is ours

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from seatrial.telemetry.log import PredictionLog
from seatrial.telemetry.window import Bucket

_LEVELS = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Seconds; between two requests interpolated as numpy does. None where nothing was measured."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyStep:
    """One version in one step of time.

    Attributes:
        time: when the step begins; None for one step over everything.
        version: of the model.
        requests: how many were answered.
        rows: of all of them.
        client_errors, server_errors: requests with a status of 400 to 499, and of 500 and more.
        errors: share of the requests with either.
        total: received until answered.
        queue: received until the model began.
        model: of the whole batch that the request was in.
    """

    time: datetime | None
    version: str
    requests: int
    rows: int
    client_errors: int
    server_errors: int
    errors: float
    total: Percentiles
    queue: Percentiles
    model: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyReport:
    """Steps by time, then version."""

    by: Bucket
    steps: tuple[LatencyStep, ...]


def find_latency(log: PredictionLog, by: Bucket = Bucket.MINUTE) -> LatencyReport:
    """Latency percentiles of requests per version and step of time."""
    levels = "[" + ", ".join(map(str, _LEVELS)) + "]"
    parts = ", ".join(
        f"quantile_cont({part}_seconds, {levels}) FILTER (row = 0)" for part in ("total", "queue", "model")
    )
    query = f"""
        SELECT {by.expression} AS step, coalesce(version, ''), count(*) FILTER (row = 0) AS requests, count(*),
               count(*) FILTER (row = 0 AND status BETWEEN 400 AND 499),
               count(*) FILTER (row = 0 AND status >= 500), {parts}
        FROM predictions GROUP BY ALL HAVING requests > 0 ORDER BY ALL
    """
    found = log.run(lambda connection: connection.execute(query).fetchall())
    steps = tuple(
        LatencyStep(
            time=by.begins(row[0]),
            version=row[1],
            requests=row[2],
            rows=row[3],
            client_errors=row[4],
            server_errors=row[5],
            errors=(row[4] + row[5]) / row[2],
            total=_percentiles(row[6]),
            queue=_percentiles(row[7]),
            model=_percentiles(row[8]),
        )
        for row in found
    )
    return LatencyReport(by=by, steps=steps)


def _percentiles(values: Sequence[float] | None) -> Percentiles:
    p50, p90, p95, p99 = values or (None,) * len(_LEVELS)
    return Percentiles(p50=p50, p90=p90, p95=p95, p99=p99)
