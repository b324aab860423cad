"""Small pictures in the page itself (SVG): what a table's figures look like, without a script and on paper as well.

Colours are those of the page's style sheet. Each picture says in words what it shows; the table beside it has the figures.
"""

import math
from collections.abc import Iterable
from typing import Final

from markupsafe import Markup, escape

from seatrial.records import ColumnProfile, Comparison, DataFinding
from seatrial.wording import text
from seatrial.wording.verdicts import worse_by

_WIDTH: Final = 160.0
_EDGE: Final = 8.0
_BEST: Final = -1.5
_WORST: Final = 3.0
_ROW: Final = 30
_SHARES: Final = 100
_LABEL: Final = 118
_BAR: Final = 160
_MOST_BINS: Final = 24


def interval(comparison: Comparison) -> Markup:
    """The interval of a difference against its margin: the dashed line is as much worse as it may be; empty without one."""
    gate, found, difference = comparison.gate, comparison.interval, comparison.difference
    if gate is None or gate.margin is None or found is None or difference is None or comparison.verdict is None:
        return Markup("")
    low, high = sorted(worse_by(comparison, bound) for bound in (found.low, found.high))
    middle = worse_by(comparison, difference)
    scale = gate.margin or max(abs(low), abs(high))
    if not all(map(math.isfinite, (low, middle, high))) or not scale:
        return Markup("")
    at = [_across(value / scale) for value in (low, middle, high, 0.0, gate.margin)]
    left, point, right, zero, margin = at
    tone = f"var(--{comparison.verdict.value})"
    said = f"{comparison.metric}: {text.figures(comparison).difference} {text.figures(comparison).interval}"
    return _drawing(
        (_WIDTH, 22),
        said,
        f'<rect x="{margin:.1f}" y="0" width="{max(0.0, _WIDTH - margin):.1f}" height="22" fill="var(--beyond)"/>',
        f'<line x1="{zero:.1f}" y1="1" x2="{zero:.1f}" y2="21" stroke="var(--rule)" stroke-width="1.5"/>',
        f'<line x1="{margin:.1f}" y1="1" x2="{margin:.1f}" y2="21" stroke="var(--ink)" stroke-width="1.5" stroke-dasharray="4 3"/>',
        f'<line x1="{left:.1f}" y1="11" x2="{right:.1f}" y2="11" stroke="{tone}" stroke-width="3" stroke-linecap="round"/>',
        f'<circle cx="{point:.1f}" cy="11" r="4.5" fill="{tone}" stroke="var(--card)" stroke-width="1.5"/>'
        if _BEST < middle / scale < _WORST
        else "",
        _beyond((low / scale, high / scale), tone),
    )


def _across(share: float) -> float:
    """Where a share of the margin is: nothing at a third of the width, the margin right of the middle."""
    inside = min(max(share, _BEST), _WORST)
    return _EDGE + (inside - _BEST) / (_WORST - _BEST) * (_WIDTH - 2 * _EDGE)


def _beyond(shares: tuple[float, float], tone: str) -> str:
    """Arrows where an interval goes on beyond the picture."""
    right = f'<path d="M{_WIDTH - 7:g} 6l7 5-7 5z" fill="{tone}"/>' if shares[1] > _WORST else ""
    return right + (f'<path d="M7 6l-7 5 7 5z" fill="{tone}"/>' if shares[0] < _BEST else "")


def measure(found: DataFinding) -> Markup:
    """A figure of the data as a bar, and what is allowed as a line; empty where it has no such two."""
    value, limit = found.value, found.limit
    if value is None or limit is None or not (math.isfinite(value) and math.isfinite(limit)) or value < 0 or limit <= 0:
        return Markup("")
    most = max(value, limit) / 0.9
    tone = f"var(--{found.verdict.value})" if found.verdict is not None else "var(--muted)"
    return _drawing(
        (_WIDTH, 16),
        f"{found.check}: {text.quantity(value)}, {text.quantity(limit)} is allowed",
        f'<rect x="0" y="4" width="{_WIDTH:.1f}" height="8" rx="3" fill="var(--sunk)"/>',
        f'<rect x="0" y="4" width="{max(2.0, value / most * _WIDTH):.1f}" height="8" rx="3" fill="{tone}"/>',
        f'<line x1="{limit / most * _WIDTH:.1f}" y1="0" x2="{limit / most * _WIDTH:.1f}" y2="16" stroke="var(--ink)" '
        'stroke-width="1.5" stroke-dasharray="4 3"/>',
    )


def profile(found: ColumnProfile) -> Markup:
    """The shares of a column's bins: now as a full bar, before as a narrow one below."""
    shown = list(zip(found.labels, found.now, found.before or (None,) * len(found.now), strict=False))[:_MOST_BINS]
    most = max([share for _, now, before in shown for share in (now, before) if share is not None], default=0.0) or 1.0
    rows = [_bin(place, label, now, before, most) for place, (label, now, before) in enumerate(shown)]
    told = "; ".join(f"{label}: {_share(now)}" for label, now, _ in shown)
    return _drawing((_LABEL + _BAR + _SHARES, _ROW * len(shown)), f"{found.column}: {told}", *rows)


def _bin(place: int, label: str, now: float, before: float | None, most: float) -> str:
    top = place * _ROW
    change = _share(now) if before is None else f"{_share(before)} → {_share(now)}"
    before_bar = (
        f'<rect x="{_LABEL}" y="{top + 18}" width="{_long(before, most)}" height="5" rx="2" fill="var(--baseline)"/>'
        if before is not None
        else ""
    )
    return (
        f'<text x="{_LABEL - 10}" y="{top + 16}" text-anchor="end" fill="var(--ink)">{escape(text.one_line(label, 16))}</text>'
        f'<rect x="{_LABEL}" y="{top + 5}" width="{_long(now, most)}" height="11" rx="2" fill="var(--candidate)"/>{before_bar}'
        f'<text x="{_LABEL + _BAR * now / most + 8:.1f}" y="{top + 15}" fill="var(--muted)">{escape(change)}</text>'
    )


def _long(share: float | None, most: float) -> str:
    return f"{max(1.0, _BAR * (share or 0.0) / most):.1f}"


def _share(value: float) -> str:
    return f"{100 * value:.3g}%"


def _drawing(size: tuple[float, float], said: str, *parts: str) -> Markup:
    """An SVG that grows no wider than it is meant to be; `said` is what is read aloud."""
    width, height = size
    inner = "".join(parts)
    return Markup(  # noqa: S704 - figures, our own names of colours, and what was escaped
        f'<svg class="drawn" role="img" aria-label="{escape(text.visible(said))}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}">{inner}</svg>'
    )


def legend(profiles: Iterable[ColumnProfile]) -> bool:
    """Whether any profile has something to compare with."""
    return any(each.before for each in profiles)
