"""What the canary answered to the copies it got, held against what stable answered to the originals.

The proxy drops the canary's answers, so this is found out afterwards from the prediction logs of both: a copy has the
request id of its original. Agreement is no quality, since stable may be the one that is wrong; it tells whether the canary
does what it is thought to do before it gets a single user's request.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from seatrial.records import Differing, MirrorReport
from seatrial.telemetry.log import open_log, text
from seatrial.telemetry.window import Selection

if TYPE_CHECKING:
    import duckdb

TOLERANCE: Final = 1e-6
LARGEST: Final = 5
_REFUSED: Final = 400
_ARM = """
    SELECT request_id, row, status, prediction, answer, total_seconds FROM predictions
    QUALIFY row_number() OVER (PARTITION BY request_id, row ORDER BY time DESC) = 1
"""
_BOTH = """
    CREATE VIEW both_arms AS
    SELECT
        request_id, row,
        s.request_id IS NOT NULL AS of_stable, c.request_id IS NOT NULL AS of_canary,
        s.status >= {refused} AS stable_failed, c.status >= {refused} AS canary_failed,
        s.prediction AS stable_number, c.prediction AS canary_number, s.answer AS stable_text, c.answer AS canary_text,
        s.total_seconds AS stable_seconds, c.total_seconds AS canary_seconds,
        c.prediction - s.prediction AS difference
    FROM read_parquet({stable}) AS s FULL JOIN read_parquet({canary}) AS c USING (request_id, row)
"""
_COMPARED = """
    CREATE VIEW compared AS
    SELECT *, coalesce(
        CASE WHEN difference IS NULL THEN stable_text = canary_text
             ELSE abs(difference) <= {tolerance} * greatest(abs(stable_number), abs(canary_number)) END, false) AS same
    FROM both_arms
    WHERE of_stable AND of_canary AND NOT stable_failed AND NOT canary_failed
        AND coalesce(stable_text, stable_number::VARCHAR) IS NOT NULL
        AND coalesce(canary_text, canary_number::VARCHAR) IS NOT NULL
"""
_COUNTS = """
    SELECT
        count(*) FILTER (of_stable AND of_canary),
        count(*) FILTER (of_stable AND NOT of_canary),
        count(*) FILTER (of_canary AND NOT of_stable),
        count(*) FILTER (canary_failed AND NOT stable_failed),
        count(*) FILTER (stable_failed AND NOT canary_failed)
    FROM both_arms
"""
_FIGURES = """
    SELECT
        count(*), count(*) FILTER (same), count(difference), avg(difference), avg(abs(difference)),
        median(abs(difference)), max(abs(difference)), median(stable_seconds), median(canary_seconds)
    FROM compared
"""
_LARGEST = """
    SELECT request_id, row, coalesce(stable_text, stable_number::VARCHAR, ''), coalesce(canary_text, canary_number::VARCHAR, ''),
        difference
    FROM compared WHERE NOT same ORDER BY abs(difference) DESC NULLS LAST, request_id, row LIMIT {count}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Where an arm's answers are: a prediction log (directory or `s3://bucket/prefix`), and its version there."""

    target: str
    version: str


def compare_mirrored(
    stable: Logged,
    canary: Logged,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    tolerance: float = TOLERANCE,
    largest: int = LARGEST,
) -> MirrorReport:
    """Compare what both answered to the same requests.

    Args:
        stable: log of stable's answers.
        canary: log of the canary's; it may be the same one.
        since: only answers given then or later; timezone-aware. None: all.
        until: only answers given before.
        tolerance: relative difference up to which numbers are the same.
        largest: how many rows to name.

    Raises:
        UsageError: there is no log, or nothing was logged there.
        TemporaryError: a bucket doesn't answer.
    """
    import duckdb  # noqa: PLC0415 - a large library

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="seatrial-mirror-")))
        notes: list[str] = []
        for name, arm in (("stable", stable), ("canary", canary)):
            selection = Selection(since=since, until=until, version=arm.version)
            notes += _copy(arm, selection, folder / f"{name}.parquet")
        connection = stack.enter_context(duckdb.connect())
        files = {name: text(str(folder / f"{name}.parquet")) for name in ("stable", "canary")}
        connection.execute(_BOTH.format(refused=_REFUSED, **files))
        connection.execute(_COMPARED.format(tolerance=float(tolerance)))
        return _report(connection, largest, notes)


def _copy(arm: Logged, selection: Selection, place: Path) -> Sequence[str]:
    """Write an arm's rows to a file of their own; what had to be left out."""
    with open_log(arm.target, selection) as log:
        log.run(lambda connection: connection.execute(f"COPY ({_ARM}) TO {text(str(place))} (FORMAT parquet)"))
        return list(log.warnings)


def _report(connection: "duckdb.DuckDBPyConnection", largest: int, notes: Sequence[str]) -> MirrorReport:
    rows, only_stable, only_canary, canary_failed, stable_failed = _one(connection, _COUNTS)
    compared, same, numbers, mean, mean_absolute, median_absolute, most, *seconds = _one(connection, _FIGURES)
    found = connection.execute(_LARGEST.format(count=int(largest))).fetchall()
    return MirrorReport(
        rows=rows,
        compared=compared,
        same=same,
        numbers=numbers,
        mean=mean,
        mean_absolute=mean_absolute,
        median_absolute=median_absolute,
        largest_absolute=most,
        canary_failed=canary_failed,
        stable_failed=stable_failed,
        only_stable=only_stable,
        only_canary=only_canary,
        stable_seconds=seconds[0],
        canary_seconds=seconds[1],
        differing=tuple(
            Differing(request_id=request_id, row=row, stable=stable, canary=canary, difference=difference)
            for request_id, row, stable, canary, difference in found
        ),
        notes=tuple(notes),
    )


def _one(connection: "duckdb.DuckDBPyConnection", query: str) -> tuple[Any, ...]:
    ((*row,),) = connection.execute(query).fetchall()
    return tuple(row)
