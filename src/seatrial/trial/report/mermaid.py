"""Mermaid charts for the Markdown report: drawn by the forge itself, so no picture has to be hosted anywhere."""

import math
from collections.abc import Sequence
from itertools import pairwise

from seatrial.records import Comparison, DeploymentReport, LatencySummary, Report, Role
from seatrial.wording import text, verdicts
from seatrial.wording.inert import fence, label

_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
LEVEL_NAMES = tuple(f"p{100 * level:g}" for level in _LEVELS)
_MOST = 12
_BASELINE, _CANDIDATE = "#8b98ab", "#2f74e0"


def margins(report: Report) -> str:
    """How much of its margin each gate used, as bars, the fullest first; empty where none got worse at all."""
    found = fullest_margins(report)
    if not found:
        return ""
    shares = [100 * min(max(share, 0.0), 3.0) for _, share in found]
    title = "Margin used, in percent (0: not worse, over 100: worse than allowed)"
    return _xychart(title, [name for name, _ in found], "percent", [("bar", shares)], horizontal=True)


def fullest_margins(report: Report) -> tuple[tuple[str, float], ...]:
    """The gates that used most of their margins, with their shares, the fullest first; none where none got worse at all."""
    judged = [c for d in report.deployments for c in verdicts.gates(d) if not c.slice]
    worse = [(share, c) for c in judged if (share := margin_share(c)) is not None]
    fullest = sorted(worse, key=lambda pair: -pair[0])[:_MOST]
    if not fullest or fullest[0][0] <= 0:
        return ()
    several = len(report.deployments) > 1
    return tuple((f"{c.deployment} {c.metric}" if several else c.metric, share) for share, c in fullest)


def margin_share(comparison: Comparison) -> float | None:
    """The difference as a share of the margin: 1 is exactly as much worse as allowed, negative is better; None without both."""
    margin = comparison.gate.margin if comparison.gate else None
    difference = comparison.difference
    if not margin or difference is None or not math.isfinite(difference):
        return None
    return verdicts.worse_by(comparison, difference) / margin


def latency(deployment: DeploymentReport) -> str:
    """The latency quantiles of baseline and candidate as two lines; empty where one of them has none."""
    curves = [curve for _, curve in latency_curves(deployment)]
    if not curves:
        return ""
    scale = text.scale_for("s", [max(curve) for curve in curves])
    lines = [("line", [value / scale.factor for value in curve]) for curve in curves]
    title = f"{label(deployment.name)}: latency (baseline grey, candidate blue)"
    return _xychart(title, LEVEL_NAMES, scale.suffix, lines)


def latency_curves(deployment: DeploymentReport) -> tuple[tuple[Role, list[float]], ...]:
    """The latencies of baseline and candidate at the levels of `LEVEL_NAMES`; empty where one of them has none."""
    pair = [(role, _latency_of(deployment, role)) for role in (Role.BASELINE, Role.CANDIDATE)]
    curves = tuple((role, [_at(found, level) for level in _LEVELS]) for role, found in pair if found is not None)
    return curves if len(curves) == len(pair) else ()


def _latency_of(deployment: DeploymentReport, role: Role) -> LatencySummary | None:
    found = (cell.latency for cell in deployment.cells if cell.role is role and cell.latency and cell.latency.seconds)
    return next(found, None)


def _at(summary: LatencySummary, level: float) -> float:
    """The summary's latency at `level`, linear between its points."""
    points = list(zip(summary.levels, summary.seconds, strict=True))
    if level <= points[0][0]:
        return points[0][1]
    for (low, before), (high, after) in pairwise(points):
        if level <= high:
            return before + (after - before) * (level - low) / (high - low) if high > low else after
    return points[-1][1]


def _xychart(
    title: str,
    names: Sequence[str],
    unit: str,
    series: Sequence[tuple[str, Sequence[float]]],
    *,
    horizontal: bool = False,
) -> str:
    top = max(100.0 if horizontal else 0.0, *(value for _, values in series for value in values))
    height = 110 + 32 * len(names) if horizontal else 360
    lines = [
        "---",
        "config:",
        "    xyChart:",
        f"        height: {height}",
        "    themeVariables:",
        "        xyChart:",
        f'            plotColorPalette: "{_CANDIDATE if len(series) == 1 else f"{_BASELINE}, {_CANDIDATE}"}"',
        "---",
        "xychart-beta horizontal" if horizontal else "xychart-beta",
        f'    title "{label(title, 100)}"',
        f"    x-axis [{', '.join(_distinct(names))}]",
        f'    y-axis "{label(unit)}" 0 --> {_figure(top * 1.05 or 1.0)}',
        *(f"    {kind} [{', '.join(_figure(value) for value in values)}]" for kind, values in series),
    ]
    return fence("\n".join(lines), "mermaid")


def _distinct(names: Sequence[str]) -> list[str]:
    """Quoted labels; equal ones, which Mermaid would lay over each other, get a number."""
    labels = [label(name, 48) for name in names]
    return [f'"{name} ({index})"' if labels.count(name) > 1 else f'"{name}"' for index, name in enumerate(labels, 1)]


def _figure(value: float) -> str:
    """Four digits, never with an exponent, which Mermaid can't read."""
    if not value or not math.isfinite(value):
        return "0"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(decimals, 9)}f}"
