"""What all plots share: the look, and the small pieces that their Vega-Lite specifications are made of.

Colours are custom properties of the page's style sheet (`var(--…)`), so one drawing serves light, dark and paper.
"""

import math
from collections.abc import Sequence
from typing import Any

from seatrial.wording import text

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
CONFIG: Spec = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": 500,
        "titlePadding": 8,
        "domainColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "gridColor": "var(--grid)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "labelOverlap": True,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "orient": "top",
        "direction": "horizontal",
        "title": None,
        "labelLimit": 260,
        "symbolStrokeWidth": 2.5,
        "symbolSize": 220,
    },
    "line": {"strokeWidth": 2, "strokeJoin": "round"},
}


def chart(description: str, values: list[Spec], height: int, **rest: object) -> Spec:
    """A specification as wide as its place on the page, with its data inside; `rest` are further members of it."""
    return {
        "$schema": SCHEMA,
        "description": text.one_line(description),
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": values},
        **rest,
    }


def layer(mark: Spec, encoding: Spec, *, values: list[Spec] | None = None, where: str = "") -> Spec:
    """One layer of a plot, over data of its own (`values`) or over those rows of the plot's for which `where` holds."""
    own: Spec = {"data": {"values": values}} if values is not None else {}
    kept: Spec = {"transform": [{"filter": where}]} if where else {}
    return {**own, **kept, "mark": mark, "encoding": encoding}


def marker() -> Spec:
    """The mark of a figure: a filled point with a thin edge, so that it stands out from a line beneath."""
    return {"type": "point", "filled": True, "size": 110, "opacity": 1, "stroke": "var(--card)", "strokeWidth": 1.5}


def by_name(field: str, *, sort: list[str] | None = None, limit: int = 160, offset: int = 0) -> Spec:
    """A vertical axis of names, in the order of `sort` or of the data; `limit` is the widest label in pixels."""
    axis = {"labelLimit": limit, "labelColor": "var(--ink)", "labelFontSize": 12, "ticks": False, "domain": False}
    return {"field": field, "type": "nominal", "sort": sort, "title": None, "axis": {**axis, "offset": offset}}


def thin(items: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of `items`, evenly spread, first and last among them."""
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(index * step)] for index in range(most)]


def tip(field: str, title: str, format_: str = "") -> Spec:
    """One line of a tooltip: a number where `format_` is given, else text."""
    kind: Spec = {"type": "quantitative", "format": format_} if format_ else {"type": "nominal"}
    return {"field": field, "title": title, **kind}


def is_finite(value: float | None) -> bool:
    """Whether there is a figure that can be drawn."""
    return value is not None and math.isfinite(value)


def rounded(value: float) -> float:
    """Five digits: more can't be seen and would only make the page larger."""
    return float(f"{value:.5g}")
