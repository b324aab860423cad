"""Model metrics for windows of any source: the labels that came in later, held against the prediction log.

Once a minute of windows, the labels of the minute before are looked up. A label counts for the window that answered its
request, and is told with a window half a minute to a minute and a half after it came in, once whoever took it has surely
written it down. So what a window tells depends on the moments of its labels alone, and not on when somebody asked.
"""

# ruff: noqa: S608 - names are quoted by `text`, figures are numbers

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from seatrial.adapters.metrics.grid import moment
from seatrial.ports import Metrics, Watched
from seatrial.records import Labels, Sums, TemporaryError, UsageError, Window

if TYPE_CHECKING:
    import duckdb

PERIOD: Final = 60.0
LAG: Final = 30.0
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Labels of one period for the requests of one window and version."""

    period: float
    served: float
    version: str
    metric: str
    sums: Sums


class LabelledMetrics:
    """Implements `seatrial.ports.Metrics`: another's windows, with labels.

    Args:
        metrics: whose windows they are.
        target: the prediction log of both arms, a directory or `s3://bucket/prefix`; it need not be there yet.
    """

    def __init__(self, metrics: Metrics, target: str) -> None:
        self._metrics = metrics
        self._target = target

    def windows(self, watched: Watched, since: datetime, until: datetime) -> Sequence[Window]:
        """As `seatrial.ports.Metrics.windows`. Raises TemporaryError as well where a bucket does not answer."""
        found = self._metrics.windows(watched, since, until)
        period = math.ceil(PERIOD / watched.seconds) * watched.seconds
        ends = {window.start: _ends(window, period) for window in found}
        every = [end for some in ends.values() for end in some]
        if not watched.quality or not every:
            return found
        told = self._told(watched, min(every) - period, max(every), period)
        return tuple(
            replace(window, labels=tuple(label for end in ends[window.start] for label in told.get(end, ())))
            for window in found
        )

    def _told(self, watched: Watched, begin: float, end: float, period: float) -> Mapping[float, Sequence[Labels]]:
        """What is told at the end of each period between two moments."""
        rows = _asked(self._target, watched, begin, end, period)
        told: dict[float, dict[tuple[float, str], dict[str, Sums]]] = {}
        for row in rows:
            told.setdefault(row.period, {}).setdefault((row.served, row.metric), {})[row.version] = row.sums
        return {
            period: [
                Labels(
                    served=moment(served),
                    metric=metric,
                    stable=sums.get(watched.stable, Sums()),
                    canary=sums.get(watched.canary, Sums()),
                )
                for (served, metric), sums in sorted(some.items())
            ]
            for period, some in told.items()
        }


def with_labels(metrics: Metrics, target: str) -> Metrics:
    """The same windows with the labels of a prediction log; see `LabelledMetrics`."""
    return LabelledMetrics(metrics, target)


def _ends(window: Window, period: float) -> Sequence[float]:
    """The ends of periods that lie in a window, its own end among them and its begin not."""
    first = math.floor(round(window.start.timestamp() / period, 7)) + 1
    last = math.floor(round(window.end.timestamp() / period, 7))
    return [number * period for number in range(first, last + 1)]


def _asked(target: str, watched: Watched, begin: float, end: float, period: float) -> list[_Row]:
    """Ask the log; nothing is found where there is none, or nothing was predicted yet."""
    import duckdb  # noqa: PLC0415 - of the extra `telemetry`

    from seatrial.telemetry.log import first_line, open_log  # noqa: PLC0415 - as above
    from seatrial.telemetry.window import Selection  # noqa: PLC0415

    try:
        with suppress(UsageError), open_log(target, Selection(since=watched.begun)) as log:
            return log.run(lambda connection: list(_answers(connection, watched, (begin, end), period)))
    except duckdb.Error as error:
        raise TemporaryError(
            f"the prediction log can't be asked: {first_line(error)}",
            where=target,
            remedy="look at it with `seatrial telemetry segments`; it is tried again",
        ) from error
    return []


def _answers(
    connection: "duckdb.DuckDBPyConnection", watched: Watched, span: tuple[float, float], period: float
) -> Iterator[_Row]:
    wanted = {metric: loss for metric, loss in _losses().items() if metric in watched.quality}
    if not wanted:
        return
    connection.execute(_firsts(span))
    for number, served, version, *sums in connection.execute(_question(watched, wanted, period)).fetchall():
        for place, metric in enumerate(wanted):
            count, total, squares = sums[3 * place : 3 * place + 3]
            if count:
                yield _Row(
                    period=number * period,
                    served=served * watched.seconds,
                    version=version,
                    metric=metric,
                    sums=Sums(count=count, total=total, squares=squares),
                )


def _losses() -> Mapping[str, str]:
    """SQL of each metric's loss for one row; null where the row has none."""
    from seatrial.telemetry.quality import class_of  # noqa: PLC0415 - as above

    error = "CASE WHEN isfinite(prediction) AND isfinite(label) THEN prediction - label END"
    differ = f"({class_of('label', 'label_text')}) <> ({class_of('prediction', 'answer')})"
    return {"rmse": f"({error}) ** 2", "mae": f"abs({error})", "error_rate": f"({differ})::INTEGER::DOUBLE"}


def _firsts(span: tuple[float, float]) -> str:
    """SQL: the labels that came in within a time, of rows that had none before.

    Of several labels for one row the first counts, whatever is corrected later: a decision was made on it.
    """
    begin, end = (_timestamp(edge - LAG) for edge in span)
    return f"""
        CREATE OR REPLACE TEMP TABLE firsts AS
        WITH came AS (
            SELECT request_id, row, time, label, label_text FROM labels
            WHERE time >= {begin} AND time < {end} AND (label IS NOT NULL OR label_text IS NOT NULL)
        ), known AS (
            SELECT DISTINCT request_id, row FROM labels SEMI JOIN came USING (request_id, row) WHERE time < {begin}
        )
        SELECT request_id, row, min(time) AS came_at, unnest(arg_min({{label: label, label_text: label_text}}, time))
        FROM came ANTI JOIN known USING (request_id, row) GROUP BY request_id, row
    """


def _question(watched: Watched, losses: Mapping[str, str], period: float) -> str:
    """SQL: number, Σ and Σ of squares of each loss, by period in which the label came in, window that answered, version."""
    from seatrial.telemetry.log import name, text  # noqa: PLC0415 - as above

    columns = ", ".join(f"{loss} AS {name(metric)}" for metric, loss in losses.items())
    sums = ", ".join(f"count({one}), sum({one}), sum({one} * {one})" for one in map(name, losses))
    return f"""
        WITH losses AS (
            SELECT 1 + (epoch_us(came_at) + {_micro(LAG)}) // {_micro(period)} AS period,
                   epoch_us(time) // {_micro(watched.seconds)} AS served, version, {columns}
            FROM predictions JOIN firsts USING (request_id, row)
            WHERE version IN ({text(watched.stable)}, {text(watched.canary)})
        )
        SELECT period, served, version, {sums} FROM losses GROUP BY ALL
    """


def _timestamp(seconds: float) -> str:
    return f"make_timestamp({_micro(seconds)})"


def _micro(seconds: float) -> int:
    return round(seconds * _MICRO)
