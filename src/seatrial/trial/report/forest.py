"""The forest plot: the interval of every gate against its margin, all on one scale.

A colour is never the only sign: verdicts also differ in shape.
"""

import math
from collections.abc import Sequence

from seatrial.pages.vega import Spec, by_name, chart, layer, marker, tip
from seatrial.records import Comparison, Report, Verdict
from seatrial.wording import text, verdicts

_WORST, _BEST = 3.0, -1.5
_MOST_GATES = 40
_VERDICTS = tuple(verdict.value for verdict in Verdict)
_SHAPES = ("circle", "triangle-up", "diamond", "square")


def margins(report: Report) -> Spec | None:
    """Every gate's interval against its margin: 0 is no difference, 1 is exactly as much worse as allowed.

    A gate with a margin of zero has no such scale: its interval is drawn around 1 in units of its own half width. Gates
    without an interval or margin (limits) are left to the tables. None if there is nothing to draw.
    """
    values = _rows(report)
    if not values:
        return None
    low = max(min(-0.6, *(row["low"] for row in values)), _BEST)
    high = min(max(1.6, *(row["high"] for row in values)), _WORST)
    shown = [_within(row, low, high) for row in _nearest(values)]
    return chart(
        f"Intervals of {text.count(len(values), 'gate')} against their margins",
        shown,
        30 * len(shown) + 10,
        layer=[*_background(_axis(low, high), high), *_intervals(_axis(low, high), [row["gate"] for row in shown])],
    )


def _axis(low: float, high: float) -> Spec:
    label = "datum.value === 0 ? 'no difference' : datum.value === 1 ? 'margin' : format(datum.value, '.0%')"
    return {
        "type": "quantitative",
        "scale": {"domain": [low, high], "nice": False},
        "title": "share of the margin used",
        "axis": {"values": [-1, 0, 1, 2, 3], "labelExpr": label, "grid": False},
    }


def _background(x: Spec, high: float) -> list[Spec]:
    """What lies beyond the margin, the line of no difference, and the margin itself."""
    beyond = {"x": {"field": "from", **x}, "x2": {"field": "to"}}
    at = {"x": {"field": "at", **x}}
    return [
        layer({"type": "rect", "color": "var(--beyond)"}, beyond, values=[{"from": 1, "to": high}]),
        layer({"type": "rule", "color": "var(--rule)"}, at, values=[{"at": 0}]),
        layer({"type": "rule", "color": "var(--ink)", "strokeWidth": 2, "strokeDash": [5, 3]}, at, values=[{"at": 1}]),
    ]


def _intervals(x: Spec, order: list[str]) -> list[Spec]:
    """A line per gate, its point, and an arrow where it goes on beyond the axis."""
    y = by_name("gate", sort=order, limit=230, offset=14)
    colours = [f"var(--{verdict})" for verdict in _VERDICTS]
    colour = {
        "field": "verdict",
        "type": "nominal",
        "scale": {"domain": [*_VERDICTS], "range": colours},
        "legend": None,
    }
    shape = {
        "field": "verdict",
        "type": "nominal",
        "scale": {"domain": [*_VERDICTS], "range": [*_SHAPES]},
        "legend": None,
    }
    both = {
        "y": y,
        "color": colour,
        "tooltip": [tip(key, key) for key in ("gate", "change", "difference", "allowed", "verdict")],
    }
    low, point, high = ({"field": field, **x} for field in ("low", "point", "high"))
    arrow = {"type": "text", "fontSize": 15, "baseline": "middle"}
    return [
        layer({"type": "rule", "strokeWidth": 3, "strokeCap": "round"}, {**both, "x": low, "x2": {"field": "high"}}),
        layer(marker(), {**both, "x": point, "shape": shape}, where="datum.inside"),
        layer({**arrow, "text": "▶", "dx": 4}, {**both, "x": high}, where="datum.right"),
        layer({**arrow, "text": "◀", "dx": -4}, {**both, "x": low}, where="datum.left"),
    ]


def margins_caption(report: Report) -> str:
    """What the plot of the margins shows of how many gates."""
    found = len(_rows(report))
    shown = min(found, _MOST_GATES)
    part = f" ({shown} of {found}: those nearest to their margins or beyond)" if shown < found else ""
    return f"Share of the margin that each gate used{part}"


def _rows(report: Report) -> list[Spec]:
    several = len(report.deployments) > 1
    judged = (c for d in report.deployments for c in verdicts.gates(d))
    return [row for c in judged if (row := _row(c, several=several))]


def _nearest(values: list[Spec]) -> list[Spec]:
    """The rows nearest to the margin or beyond it, in their order."""
    kept = sorted(range(len(values)), key=lambda index: -values[index]["high"])[:_MOST_GATES]
    return [values[index] for index in sorted(kept)]


def _row(comparison: Comparison, *, several: bool) -> Spec | None:
    interval, gate, difference = comparison.interval, comparison.gate, comparison.difference
    if interval is None or gate is None or gate.margin is None or difference is None or not math.isfinite(difference):
        return None
    worse = sorted(verdicts.worse_by(comparison, bound) for bound in (interval.low, interval.high))
    if any(math.isnan(bound) for bound in worse):
        return None
    shift = 0.0 if gate.margin else 1.0
    scale = gate.margin or _spread(worse)
    figures = text.figures(comparison)
    name = text.one_line(text.metric_name(comparison.metric, comparison.slice), 60)
    return {
        "gate": f"{text.one_line(comparison.deployment, 40)} · {name}" if several else name,
        "point": shift + verdicts.worse_by(comparison, difference) / scale,
        "low": shift + worse[0] / scale,
        "high": shift + worse[1] / scale,
        "verdict": comparison.verdict.value if comparison.verdict else "",
        "change": figures.change,
        "difference": f"{figures.difference} {figures.interval}",
        "allowed": figures.held,
    }


def _spread(bounds: Sequence[float]) -> float:
    half = (bounds[1] - bounds[0]) / 2
    return half if half and math.isfinite(half) else 1.0


def _within(row: Spec, low: float, high: float) -> Spec:
    """The row with its positions inside the axis; `left` and `right` say where it goes on beyond."""
    clipped = {key: round(min(max(row[key], low), high), 5) for key in ("low", "point", "high")}
    inside = low < row["point"] < high
    return {**row, **clipped, "left": row["low"] < low, "right": row["high"] > high, "inside": inside}
