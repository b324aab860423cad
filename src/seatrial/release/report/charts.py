"""The plots of a release over time: weight, evidence, latency bands, errors; and each effect against its margin.

All plots over time have the same axis, so that a look down the page tells what happened at once.
"""

from collections.abc import Callable, Iterable
from typing import Any

from seatrial.pages.vega import Spec, by_name, chart, is_finite, layer, marker, rounded, tip
from seatrial.records import ArmFigures, MetricJudgement, ReleaseEventKind, ReleasePoint, ReleaseReport
from seatrial.wording import text

_ARMS = {"stable": "var(--baseline)", "canary": "var(--candidate)"}
_DASHES = {"stable": [5, 3], "canary": [1, 0]}
_MIXED = tuple(f"var(--mixed-{index})" for index in range(1, 7))
_FLOOR = -2.0
_HIGHEST = 8.0
_WIDEST = 3.0
_SHORT = 1800.0


def weight(report: ReleaseReport) -> Spec | None:
    """The canary's share over time, with what happened as vertical lines."""
    if not report.points:
        return None
    values = [{"at": _time(point), "share": rounded(point.weight)} for point in report.points]
    told = [
        {"at": f"{event.at.isoformat()}", "text": text.one_line(event.text, 160), "kind": event.kind.value}
        for event in report.events
        if event.kind is not ReleaseEventKind.WEIGHT
    ]
    area = {"type": "area", "interpolate": "step-before", "color": "var(--candidate)", "opacity": 0.25, "line": True}
    share = {"field": "share", "type": "quantitative", "title": "canary's share", "axis": {"format": ".0%"}}
    lines = layer(
        {"type": "rule", "color": "var(--muted)", "strokeDash": [2, 3]},
        {"x": _x(report), "tooltip": [tip("kind", "what"), tip("text", "")]},
        values=told,
    )
    return chart(
        "The canary's share of the requests", values, 120, layer=[layer(area, {"x": _x(report), "y": share}), lines]
    )


def evidence(report: ReleaseReport) -> Spec | None:
    """log10 of the e-values over time: harm, and the safe side of each metric, with what settles them."""
    judgement = report.judgement
    if judgement is None or not any(point.harm is not None for point in report.points):
        return None
    values = [row for point in report.points for row in _evidence_rows(point)]
    names = list(dict.fromkeys(row["line"] for row in values))
    colours = ["var(--fail)", *_MIXED][: len(names)]
    needed = [
        {"level": judgement.evidence.needed, "says": "harm aborts"},
        {
            "level": max((m.safe.needed for m in judgement.metrics if m.safe is not None), default=1.3),
            "says": "safe settles",
        },
    ]
    y = {
        "field": "value",
        "type": "quantitative",
        "title": "evidence (log10 of the e-value)",
        "scale": {"domainMin": _FLOOR},
    }
    colour = {"field": "line", "type": "nominal", "scale": {"domain": names, "range": colours}, "legend": {}}
    rules = layer(
        {"type": "rule", "color": "var(--muted)", "strokeDash": [6, 4]},
        {"y": {"field": "level", "type": "quantitative"}, "tooltip": [tip("says", "")]},
        values=needed,
    )
    lines = layer(
        {"type": "line"},
        {"x": _x(report), "y": y, "color": colour, "tooltip": [tip("line", ""), tip("value", "log10", ".2f")]},
    )
    return chart("Evidence over time", values, 240, layer=[lines, rules])


def _evidence_rows(point: ReleasePoint) -> Iterable[dict[str, Any]]:
    named = {"harm": point.harm, **{f"safe: {name}": value for name, value in point.safe.items()}}
    for line, value in named.items():
        if value is not None and is_finite(value):
            yield {"at": _time(point), "line": line, "value": rounded(min(max(value, _FLOOR), _HIGHEST))}


def latency(report: ReleaseReport) -> Spec | None:
    """The median of each arm as a line in the band up to its 90th percentile, and the 99th as a thin line."""
    values = [row for point in report.points for row in _arm_rows(point, _latencies)]
    if not values:
        return None
    scale = text.scale_for("s", [row["p50"] for row in values])
    for row in values:
        row.update({level: rounded(row[level] / scale.factor) for level in ("p50", "p90", "p99")})
    y = {"type": "quantitative", "title": f"latency ({scale.suffix})"}
    band = layer(
        {"type": "area", "opacity": 0.18},
        {"x": _x(report), "y": {"field": "p50", **y}, "y2": {"field": "p90"}, "color": _colour()},
    )
    median = layer(
        {"type": "line"},
        {
            "x": _x(report),
            "y": {"field": "p50", **y},
            "color": _colour(),
            "strokeDash": _dash(),
            "tooltip": [
                tip("arm", ""),
                *(tip(level, f"{level} ({scale.suffix})", ".4~g") for level in ("p50", "p90", "p99")),
            ],
        },
    )
    tail = layer(
        {"type": "line", "strokeWidth": 1, "opacity": 0.7},
        {"x": _x(report), "y": {"field": "p99", **y}, "color": _colour(), "strokeDash": _dash()},
    )
    return chart("Latency: median, band to p90, and p99", values, 220, layer=[band, median, tail])


def _latencies(figures: ArmFigures) -> dict[str, float] | None:
    if figures.p50 is None or figures.p90 is None or figures.p99 is None:
        return None
    return {"p50": figures.p50, "p90": figures.p90, "p99": figures.p99}


def errors(report: ReleaseReport) -> Spec | None:
    """The share of requests that went wrong, by arm."""
    values = [row for point in report.points for row in _arm_rows(point, _error_rate)]
    if not any(row["rate"] for row in values):
        return None
    y = {"field": "rate", "type": "quantitative", "title": "errors", "axis": {"format": ".2%"}}
    tips = [tip("arm", ""), tip("rate", "errors", ".3%")]
    line = layer(
        {"type": "line"}, {"x": _x(report), "y": y, "color": _colour(), "strokeDash": _dash(), "tooltip": tips}
    )
    return chart("Share of requests that went wrong", values, 160, layer=[line])


def _error_rate(figures: ArmFigures) -> dict[str, float] | None:
    return {"rate": rounded(figures.errors / figures.requests)} if figures.requests else None


def _arm_rows(point: ReleasePoint, of: Callable[[ArmFigures], dict[str, float] | None]) -> Iterable[dict[str, Any]]:
    for arm, figures in (("stable", point.stable), ("canary", point.canary)):
        found = of(figures)
        if found is not None:
            yield {"at": _time(point), "arm": arm, **found}


def margins(report: ReleaseReport) -> Spec | None:
    """Each effect with its confidence sequence, measured in its own margin: right of 1 is worse than it may be."""
    metrics = report.judgement.metrics if report.judgement is not None else ()
    values = [row for metric in metrics if (row := _margin_row(metric)) is not None]
    if not values:
        return None
    y = by_name("metric", sort=[row["metric"] for row in values])
    x: Spec = {
        "type": "quantitative",
        "title": "effect, in margins (1: as much worse as it may be)",
        "scale": {"domain": [-_WIDEST, _WIDEST], "clamp": True},
    }
    tips = [tip("metric", ""), tip("shown", "effect")]
    return chart(
        "Effects against their margins",
        values,
        40 + 34 * len(values),
        layer=[
            layer(
                {"type": "rule", "strokeWidth": 3, "color": "var(--candidate)"},
                {"y": y, "x": {"field": "low", **x}, "x2": {"field": "high"}, "tooltip": tips},
            ),
            layer({**marker(), "color": "var(--candidate)"}, {"y": y, "x": {"field": "middle", **x}, "tooltip": tips}),
            layer({"type": "rule", "color": "var(--rule)"}, {"x": {"datum": 0}}),
            layer({"type": "rule", "color": "var(--fail)", "strokeDash": [6, 4]}, {"x": {"datum": 1}}),
        ],
    )


def _margin_row(metric: MetricJudgement) -> dict[str, Any] | None:
    if not metric.margin or metric.estimate is None or metric.effect is None or not is_finite(metric.estimate):
        return None
    low, middle, high = (
        min(max(value / metric.margin, -_WIDEST), _WIDEST)
        for value in (metric.effect.low, metric.estimate, metric.effect.high)
    )
    shown = f"{metric.estimate:+.4g} [{metric.effect.low:+.4g}, {metric.effect.high:+.4g}]"
    return {
        "metric": metric.name,
        "low": rounded(low),
        "middle": rounded(middle),
        "high": rounded(high),
        "shown": shown,
    }


def _time(point: ReleasePoint) -> str:
    return point.at.isoformat()


def _x(report: ReleaseReport) -> Spec:
    """Seconds are shown where minutes would all be alike."""
    span = (report.points[-1].at - report.points[0].at).total_seconds()
    axis = {"format": "%H:%M:%S" if span < _SHORT else "%H:%M", "tickCount": 8}
    return {"field": "at", "type": "temporal", "title": None, "scale": {"type": "utc"}, "axis": axis}


def _colour() -> Spec:
    return {
        "field": "arm",
        "type": "nominal",
        "scale": {"domain": list(_ARMS), "range": list(_ARMS.values())},
        "legend": {},
    }


def _dash() -> Spec:
    return {
        "field": "arm",
        "type": "nominal",
        "scale": {"domain": list(_DASHES), "range": list(_DASHES.values())},
        "legend": None,
    }
