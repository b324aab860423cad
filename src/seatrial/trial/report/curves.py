"""Plots over requests and time: latency distributions, CPU and memory, one line per cell.

A colour is never the only sign: cells also differ in dashes. Long series are thinned to what a screen can show.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from seatrial.pages.vega import Spec, chart, layer, rounded, thin, tip
from seatrial.records import CellSummary, DeploymentReport, LatencySummary, Role, UsagePoint
from seatrial.wording import text

MOST_POINTS = 300
MOST_QUANTILES = 200

_MIXED = tuple(f"var(--mixed-{index})" for index in range(1, 7))
_DASHES = ([2, 2], [8, 3, 2, 3], [1, 3], [10, 4], [6, 2, 2, 2], [12, 3])


@dataclass(frozen=True, slots=True)
class Line:
    """How a cell is drawn in every plot of its deployment."""

    name: str
    colour: str
    dash: list[int]


def key(deployment: DeploymentReport) -> tuple[Line, ...]:
    """The key to the lines of a deployment's plots: the cells that have any figure over time."""
    return tuple(_line(cell, deployment) for cell in deployment.cells if cell.latency or cell.result.usage)


def latency(deployment: DeploymentReport) -> Spec | None:
    """Share of requests answered within a time, per cell (the distribution's body); log axis. None without latencies."""
    cells = _with_latency(deployment)
    if not cells:
        return None
    factor, unit = _latency_unit(cells)
    values = [
        {"cell": name, "latency": rounded(seconds / factor), "share": rounded(level)}
        for name, cell in _named(cells)
        for level, seconds in quantiles(cell.latency)
    ]
    share = {"axis": {"format": ".0%", "tickCount": 5}, "scale": {"domain": [0, 1]}}
    return chart(
        f"Latency distribution of {_listed(cells)}",
        values,
        220,
        encoding={"x": _log_axis(unit), "y": _axis("share", "share of requests within", **share)},
        layer=_lines(
            deployment, cells, [tip("share", "share of requests", ".1%"), tip("latency", f"within ({unit})", ".4~g")]
        ),
    )


def latency_tail(deployment: DeploymentReport) -> Spec | None:
    """Latency by percentile with the tail spread out (50 %, 90 %, 99 %, 99.9 % … at even steps); None without latencies.

    This is the axis of HdrHistogram's percentile plots: the logarithm of 1 / (1 - level).
    """
    cells = _with_latency(deployment)
    if not cells:
        return None
    factor, unit = _latency_unit(cells)
    values = [
        {
            "cell": name,
            "latency": rounded(seconds / factor),
            "odds": rounded(1 / (1 - level)),
            "percentile": rounded(100 * level),
        }
        for name, cell in _named(cells)
        for level, seconds in quantiles(cell.latency)
        if level < 1
    ]
    spread = {
        "scale": {"type": "log", "nice": False},
        "axis": {"values": [1, 2, 10, 100, 1000, 10000], "labelExpr": "format(1 - 1 / datum.value, '.4~%')"},
    }
    return chart(
        f"Latency by percentile of {_listed(cells)}",
        values,
        220,
        encoding={"x": _axis("odds", "percentile (the tail spread out)", **spread), "y": _log_axis(unit)},
        layer=_lines(
            deployment, cells, [tip("percentile", "percentile", ".5~g"), tip("latency", f"latency ({unit})", ".4~g")]
        ),
    )


def _with_latency(deployment: DeploymentReport) -> list[CellSummary]:
    return [cell for cell in deployment.cells if quantiles(cell.latency)]


def _latency_unit(cells: Sequence[CellSummary]) -> tuple[float, str]:
    medians = [points[len(points) // 2][1] for cell in cells if (points := quantiles(cell.latency))]
    scale = text.scale_for("s", medians)
    return scale.factor, scale.suffix


def quantiles(summary: LatencySummary | None) -> list[tuple[float, float]]:
    """At most 200 (level, seconds) of a latency summary, its ends among them; a log axis has no zero, so at least 1 ns."""
    if summary is None:
        return []
    pairs = [
        (level, max(seconds, 1e-9))
        for level, seconds in zip(summary.levels, summary.seconds, strict=False)
        if math.isfinite(level) and math.isfinite(seconds)
    ]
    return thin(pairs, MOST_QUANTILES)


def timelines(deployment: DeploymentReport) -> tuple[Spec, Spec] | None:
    """CPU cores in use and memory (the highest of each span) over time, per cell; None where no usage was seen."""
    found = _usage(deployment)
    if not found:
        return None
    scale = text.scale_for("B", [held for _, line in found for _, _, held in line])
    cores = {cell: [(at, cores) for at, cores, _ in line] for cell, line in found}
    memory = {cell: [(at, held / scale.factor) for at, _, held in line] for cell, line in found}
    return (
        _timeline(deployment, cores, "cores", "CPU in use (cores)"),
        _timeline(deployment, memory, "memory", f"memory ({scale.suffix})"),
    )


def _usage(deployment: DeploymentReport) -> list[tuple[str, list[tuple[float, float, float]]]]:
    lines = [(cell.cell, usage_line(cell.result.usage.points)) for cell in deployment.cells if cell.result.usage]
    return [(cell, line) for cell, line in lines if line]


def _timeline(
    deployment: DeploymentReport, series: Mapping[str, Sequence[tuple[float, float]]], field: str, title: str
) -> Spec:
    cells = [cell for cell in deployment.cells if cell.cell in series]
    values = [
        {"cell": name, "at": rounded(at), field: rounded(value)}
        for name, cell in _named(cells)
        for at, value in series[cell.cell]
    ]
    x = _axis("at", "seconds since the cell's start", scale={"nice": False})
    y = _axis(field, title, scale={"zero": True}, axis={"tickCount": 5})
    lines = _lines(deployment, cells, [tip("at", "seconds", ".1f"), tip(field, title, ".4~g")])
    return chart(f"{title} over time of {_listed(cells)}", values, 170, encoding={"x": x, "y": y}, layer=lines)


def usage_line(points: Sequence[UsagePoint], most: int = MOST_POINTS) -> list[tuple[float, float, float]]:
    """At most `most` spans of a usage timeline as (end of the span in seconds, mean cores, highest memory in bytes)."""
    edges = thin(range(len(points)), most + 1)
    return [span for before, after in pairwise(edges) if (span := _span(points[before : after + 1])) is not None]


def _span(points: Sequence[UsagePoint]) -> tuple[float, float, float] | None:
    first, last = points[0], points[-1]
    seconds, used = last.at - first.at, last.cpu_seconds - first.cpu_seconds
    if not (seconds > 0 and math.isfinite(used)):
        return None
    return last.at, max(used / seconds, 0.0), float(max([point.memory for point in points[1:]]))


def _lines(deployment: DeploymentReport, cells: Sequence[CellSummary], tooltip: list[Spec]) -> list[Spec]:
    """A line per cell, with invisible points on it so that a pointer or finger finds the figures."""
    drawn = [_line(cell, deployment) for cell in cells]
    names = [line.name for line in drawn]
    by_cell = {"field": "cell", "type": "nominal", "sort": None, "legend": None}
    look = {
        "color": {**by_cell, "scale": {"domain": names, "range": [line.colour for line in drawn]}},
        "strokeDash": {**by_cell, "scale": {"domain": names, "range": [line.dash for line in drawn]}},
    }
    unseen = {"type": "point", "opacity": 0, "size": 90, "filled": True}
    return [layer({"type": "line"}, look), layer(unseen, {"tooltip": [tip("cell", "cell"), *tooltip]})]


def _line(cell: CellSummary, deployment: DeploymentReport) -> Line:
    if cell.role is Role.MIXED:
        number = [other.cell for other in deployment.cells if other.role is Role.MIXED].index(cell.cell)
        return Line(_name(cell), _MIXED[number % len(_MIXED)], list(_DASHES[number % len(_DASHES)]))
    return Line(_name(cell), f"var(--{cell.role.value})", [1, 0] if cell.role is Role.CANDIDATE else [5, 3])


def _axis(field: str, title: str, **rest: object) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, **rest}


def _log_axis(unit: str) -> Spec:
    ticks = {"format": "~g", "tickCount": 6}
    return _axis("latency", f"latency ({unit}, log scale)", scale={"type": "log", "nice": False}, axis=ticks)


def _named(cells: Sequence[CellSummary]) -> list[tuple[str, CellSummary]]:
    return [(_name(cell), cell) for cell in cells]


def _name(cell: CellSummary) -> str:
    return text.one_line(cell.version or cell.cell, 60)


def _listed(cells: Sequence[CellSummary]) -> str:
    return ", ".join(cell.cell for cell in cells)
