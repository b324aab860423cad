"""Plots of parts: the slices of a metric beside each other, and the effect of each axis alone."""

import math
from collections.abc import Sequence

from seatrial.pages.vega import Spec, by_name, chart, is_finite, layer, marker, rounded, tip
from seatrial.records import AttributionEffect, Comparison, DeploymentReport
from seatrial.trial.report import tables
from seatrial.wording import text

_VERSIONS = ["baseline", "candidate"]


def slices(deployment: DeploymentReport) -> list[tuple[str, Spec]]:
    """One plot per cut and metric: baseline and candidate of every slice, as (title, specification)."""
    found = []
    for column, comparisons in tables.slice_groups(deployment).items():
        for metric in dict.fromkeys(c.metric for c in comparisons):
            own = [c for c in comparisons if c.metric == metric]
            spec = _slice_chart(metric, column, [c for c in own if not text.gap_column(c.slice)])
            gap = next((text.figures(c).change for c in own if text.gap_column(c.slice)), "")
            if spec:
                found.append((f"{metric} by {column}" + (f", largest gap {gap}" if gap else ""), spec))
    return found


def _slice_chart(metric: str, column: str, comparisons: Sequence[Comparison]) -> Spec | None:
    pairs = [c for c in comparisons if is_finite(c.baseline) and is_finite(c.candidate)]
    if not pairs:
        return None
    scale = text.scale_for(pairs[0].unit, [c.candidate for c in pairs])
    values = [_slice_row(comparison, scale.factor) for comparison in pairs]
    x = {"type": "quantitative", "title": _titled(metric, scale.suffix), "scale": {"zero": False, "padding": 14}}
    y = by_name("slice")
    both = {"y": y, "x": {"field": "baseline", **x}, "x2": {"field": "candidate"}}
    points = {
        "y": y,
        "x": {"field": "value", **x},
        "color": _by_version(["var(--baseline)", "var(--candidate)"]),
        "shape": _by_version(["square", "circle"]),
        "tooltip": [tip(key, key) for key in ("slice", "change", "difference", "requests")],
    }
    folded = {"transform": [{"fold": _VERSIONS, "as": ["version", "value"]}], **layer(marker(), points)}
    lines = layer({"type": "rule", "strokeWidth": 2, "color": "var(--rule)"}, both)
    told = f"{metric} of baseline and candidate by {column}"
    return chart(told, values, 28 * len(values) + 10, layer=[lines, folded])


def _slice_row(comparison: Comparison, factor: float) -> Spec:
    figures = text.figures(comparison)
    return {
        "slice": text.one_line(comparison.slice.split("=", 1)[-1], 60),
        "baseline": rounded((comparison.baseline or 0.0) / factor),
        "candidate": rounded((comparison.candidate or 0.0) / factor),
        "change": figures.change,
        "difference": f"{figures.difference} {figures.interval}".strip(),
        "requests": comparison.samples,
    }


def _by_version(marks: list[str]) -> Spec:
    return {"field": "version", "type": "nominal", "scale": {"domain": _VERSIONS, "range": marks}}


def _titled(metric: str, unit: str) -> str:
    return f"{metric} ({unit})" if unit else metric


def attribution(deployment: DeploymentReport) -> list[tuple[str, Spec]]:
    """One plot per metric: the effect of each axis alone with its interval, as (title, specification)."""
    by_metric: dict[str, list[AttributionEffect]] = {}
    for effect in deployment.attribution:
        if is_finite(effect.effect):
            by_metric.setdefault(effect.metric, []).append(effect)
    return [(metric, _effects_chart(metric, effects)) for metric, effects in by_metric.items()]


def _effects_chart(metric: str, effects: Sequence[AttributionEffect]) -> Spec:
    bounds = [
        value for e in effects for value in (e.effect, *((e.interval.low, e.interval.high) if e.interval else ()))
    ]
    scale = text.scale_for(effects[0].unit, bounds)
    values = [_effect_row(effect, scale.factor) for effect in effects]
    unit = "pp" if scale.suffix == "%" else scale.suffix
    x = {"type": "quantitative", "title": _titled(f"change of {metric}", unit), "scale": {"padding": 10}}
    both = {"y": by_name("axis"), "tooltip": [tip(key, key) for key in ("axis", "difference", "note")]}
    zero = {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3]}
    line = {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "color": "var(--candidate)"}
    return chart(
        f"Effect of each axis alone on {metric}",
        values,
        28 * len(values) + 10,
        layer=[
            layer(zero, {"x": {"field": "at", **x}}, values=[{"at": 0}]),
            layer(line, {**both, "x": {"field": "low", **x}, "x2": {"field": "high"}}),
            layer({**marker(), "color": "var(--candidate)"}, {**both, "x": {"field": "effect", **x}}),
        ],
    )


def _effect_row(effect: AttributionEffect, factor: float) -> Spec:
    point = effect.effect or 0.0
    bounds = (effect.interval.low, effect.interval.high) if effect.interval else (point, point)
    low, high = (bound if math.isfinite(bound) else point for bound in bounds)
    shown = tables.effect_figures(effect)
    return {
        "axis": effect.axis.value,
        "effect": rounded(point / factor),
        "low": rounded(low / factor),
        "high": rounded(high / factor),
        "difference": f"{shown.difference} {shown.interval}".strip(),
        "note": text.one_line(effect.note),
    }
