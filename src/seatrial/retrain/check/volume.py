"""How many rows came per hour, against what is usual.

Rows per hour are those of the middle nine tenths of the good rows, by their time: a few rows of a device whose clock stands
still would else make a day of a century. Whether a batch is unusual is judged by the interval of a Poisson count (variance
stabilised by the square root, Anscombe, Biometrika 35, 1948), so that a handful of rows refuses nothing.
"""

# ruff: noqa: S608 - names are quoted by `name`

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist, median
from typing import Final

from seatrial.records import Collected, DataFinding, Verdict
from seatrial.retrain.check.batch import Batch
from seatrial.retrain.check.before import per_hour
from seatrial.telemetry.log import name
from seatrial.wording.text import count

VOLUME: Final = "volume"
FEWEST_VERSIONS: Final = 3
"""So many earlier versions tell what is usual."""
_MIDDLE: Final = 0.9
_TAIL: Final = 0.05


def measure_volume(batch: Batch, time: str, collected: Collected) -> float | None:
    """Good rows per hour of the stream's time, or of collecting where there is no time column; None of no time."""
    if not time:
        return per_hour(batch.rows - batch.bad(), (collected.ended - collected.started).total_seconds())
    tails = [(1 - _MIDDLE) / 2, (1 + _MIDDLE) / 2]
    query = f"SELECT count({name(time)}), quantile_cont(epoch_us({name(time)}), {tails}) FROM clean"
    ((rows, middle),) = batch.connection.execute(query).fetchall()
    return per_hour(rows * _MIDDLE, (middle[1] - middle[0]) / 1e6) if rows else None


def judge_volume(volume: float | None, rows: int, usual: Sequence[float], factor: float | None) -> DataFinding:
    """What is said of the volume.

    Args:
        volume: rows per hour; None: not known.
        rows: that it is from.
        usual: rows per hour of earlier versions.
        factor: how many times more or fewer are all right; None: any.
    """
    if volume is None:
        return DataFinding(check=VOLUME, reason="the good rows span no time, so that there are no rows per hour")
    said = f"{_figure(volume)} good rows per hour"
    if len(usual) < FEWEST_VERSIONS or not median(usual):
        known = count(len(usual), "earlier version")
        reason = f"{said}; {known} can't tell what is usual, {FEWEST_VERSIONS} can"
        return DataFinding(check=VOLUME, value=volume, reason=reason)
    middle = median(usual)
    said = (
        f"{said}, {_times(volume, middle)} the usual {_figure(middle)} (the median of {count(len(usual), 'version')})"
    )
    if factor is None:
        return DataFinding(check=VOLUME, value=volume, reason=said)
    return _judged(volume, rows, middle, factor, said)


def _judged(volume: float, rows: int, middle: float, factor: float, said: str) -> DataFinding:
    low, high = (volume * share for share in _interval(rows))
    limit = middle * factor if volume >= middle else middle / factor
    finding = DataFinding(check=VOLUME, value=volume, limit=limit, verdict=Verdict.PASS, reason=said)
    if low > middle * factor or high < middle / factor:
        return replace(
            finding, verdict=Verdict.FAIL, reason=f"{said}; at most {factor:g} times more or fewer are usual"
        )
    if not middle / factor <= volume <= middle * factor:
        return replace(finding, verdict=None, reason=f"{said}; {count(rows, 'row')} are too few to tell")
    return finding


def _interval(rows: int) -> tuple[float, float]:
    """Of a Poisson count (90 %), as shares of it."""
    half = NormalDist().inv_cdf(1 - _TAIL) / 2
    root = rows**0.5
    return (max(0.0, root - half) / root) ** 2, ((root + half) / root) ** 2


def _times(volume: float, middle: float) -> str:
    ratio = volume / middle
    return f"{ratio:.3g} times" if ratio >= 1 else f"1/{1 / ratio:.3g} of"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
