"""Words and figures that the Markdown, the HTML page and the terminal share, so that a number reads the same everywhere.

Figures get as many digits as their uncertainty leaves meaningful: two of the interval's half width, or three of the
figure itself where there is no interval. Everything of one comparison is in one unit (`12.1 → 18.4 ms`).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.records import Comparison, Direction, Family, Gate, Interval, Stage, Verdict

SYMBOLS = {Verdict.PASS: "✔", Verdict.FAIL: "✘", Verdict.INCONCLUSIVE: "?", Verdict.ERROR: "!"}
INFORMATIVE = "·"
MISSING = "–"
FAMILIES = {
    Family.MODEL: "Model metrics",
    Family.APPLICATION: "Application metrics",
    Family.PLATFORM: "Platform metrics",
    Family.TEST: "Metrics from tests",
}
STAGES = {
    Stage.CHECKOUT: "checkout",
    Stage.STACK: "building the stack",
    Stage.BUILD: "the build command",
    Stage.START: "start",
    Stage.DRIVE: "driving",
    Stage.TEST: "the tests",
    Stage.MEASURE: "measuring",
    Stage.DONE: "the end",
}

_STEPS: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")),
    "B": ((1.0, "B"), (2.0**10, "KiB"), (2.0**20, "MiB"), (2.0**30, "GiB"), (2.0**40, "TiB")),
    "fraction": ((0.01, "%"),),
    "1/s": ((1.0, "/s"),),
}
_ALIASES = {"seconds": "s", "sec": "s", "bytes": "B", "byte": "B", "ratio": "fraction", "share": "fraction"}
_TIGHT = ("%", "/s")
_MAX_DECIMALS = 6
_LONG = 9e8


@dataclass(frozen=True, slots=True)
class Scale:
    """How the figures of one comparison are shown: divided by `factor`, with `decimals`, followed by `suffix`."""

    factor: float
    suffix: str
    decimals: int

    def bare(self, value: float | None, *, sign: bool = False) -> str:
        """The figure without its unit, `–` for none and `∞` for an unbounded one."""
        if value is None or math.isnan(value):
            return MISSING
        exact = value / self.factor
        size = abs(exact)
        if size >= _LONG:
            return self._long(exact, sign=sign)
        shown = f"{size:,.{self.decimals}f}"
        if not shown.strip("0."):
            return shown
        return f"−{shown}" if exact < 0 else f"+{shown}" if sign else shown

    def _long(self, exact: float, *, sign: bool) -> str:
        """A figure that is, or once rounded may be, longer than any column."""
        if math.isinf(exact):
            return "−∞" if exact < 0 else "+∞" if sign else "∞"
        scaled = round(exact, self.decimals)
        shown = f"{scaled:{'+' if sign else ''}.3g}" if abs(scaled) >= 1e9 else f"{scaled:,.{self.decimals}f}"  # noqa: PLR2004 - longer than any column
        return ("+" * (sign and scaled > 0 and shown[0] != "+") + shown).replace("-", "−")

    def show(self, value: float | None, *, sign: bool = False) -> str:
        """The figure with its unit."""
        return self.attach(self.bare(value, sign=sign))

    def difference(self, value: float | None) -> str:
        """A signed difference with its unit; those of percentages are percentage points."""
        unit = "pp" if self.suffix == "%" else self.suffix
        return _attach(self.bare(value, sign=True), unit)

    def attach(self, text: str) -> str:
        """`text` followed by the unit."""
        return _attach(text, self.suffix)


def _attach(text: str, suffix: str) -> str:
    if not suffix or text == MISSING:
        return text
    return f"{text}{suffix}" if suffix in _TIGHT else f"{text} {suffix}"


def scale_for(unit: str, values: Iterable[float | None], resolution: float | None = None) -> Scale:
    """The scale that fits `values` in `unit`.

    Args:
        unit: `s`, `B`, `fraction`, `1/s`, `cores`, nothing, or any other text, which is shown as it is.
        values: the figures that will be shown; None and what isn't finite don't count.
        resolution: half width of the interval in `unit`; two of its digits are shown.
    """
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    top = max(finite, default=0.0)
    factor, suffix = _step(unit, top)
    scaled = [value / factor for value in finite]
    return Scale(factor, suffix, _decimals([v for v in scaled if math.isfinite(v)], _scaled(resolution, factor)))


def _step(unit: str, top: float) -> tuple[float, str]:
    steps = _STEPS.get(_ALIASES.get(unit, unit), ((1.0, unit),))
    fitting = [step for step in steps if top >= step[0]]
    if fitting:
        return fitting[-1]
    return steps[0] if top else steps[-1] if unit in {"s", "seconds"} else steps[0]


def _scaled(resolution: float | None, factor: float) -> float | None:
    return None if resolution is None or not math.isfinite(resolution / factor) else resolution / factor


def _decimals(scaled: list[float], resolution: float | None) -> int:
    if all(value == int(value) for value in scaled) and (resolution is None or resolution == int(resolution)):
        return 0
    if resolution:
        return _clamp(1 - math.floor(math.log10(resolution)))
    top = max(scaled, default=0.0)
    return _clamp(2 - math.floor(math.log10(top))) if top else 0


def _clamp(decimals: int) -> int:
    return min(max(decimals, 0), _MAX_DECIMALS)


def quantity(value: float | None, unit: str = "") -> str:
    """One figure by itself: `12.1 ms`, `384 MiB`, `95.6%`; `–` for none."""
    return scale_for(unit, [value]).show(value)


def duration(seconds: float) -> str:
    """A span of time for people: `850 ms`, `12.3 s`, `4 min 10 s`, `2 h 5 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return quantity(seconds, "s")
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 gate`, `1,200 requests`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one comparison as text, all in one unit.

    Attributes:
        change: `12.1 → 18.4 ms`; a single figure where the two look alike.
        difference: `+6.3 ms`.
        relative: `+52%`; empty where the baseline is zero or the metric is itself a share.
        interval: `[+4.1, +8.2]`; empty where there is none.
        held: what the gate allows: `at most +2.4 ms (20%)`; empty for an informative metric.
    """

    baseline: str
    candidate: str
    change: str
    difference: str
    relative: str
    interval: str
    held: str


def figures(comparison: Comparison) -> Figures:
    """The figures of `comparison` as text."""
    scale = _scale_of(comparison)
    baseline, candidate = scale.bare(comparison.baseline), scale.bare(comparison.candidate)
    return Figures(
        baseline=scale.show(comparison.baseline),
        candidate=scale.show(comparison.candidate),
        change=scale.attach(baseline if baseline == candidate else f"{baseline} → {candidate}"),
        difference=scale.difference(comparison.difference),
        relative=_relative(comparison),
        interval=_interval(comparison.interval, scale),
        held=_held(comparison.gate, scale, comparison.unit),
    )


def _scale_of(comparison: Comparison) -> Scale:
    values = [comparison.baseline, comparison.candidate]
    if values == [None, None]:
        values = [comparison.difference]
    return scale_for(comparison.unit, values, _resolution(comparison))


def _resolution(comparison: Comparison) -> float | None:
    interval = comparison.interval
    if interval is not None and math.isfinite(interval.high - interval.low) and interval.high > interval.low:
        return (interval.high - interval.low) / 2
    values = [value for value in (comparison.baseline, comparison.candidate) if value is not None]
    whole = all(math.isfinite(value) and value == int(value) for value in values)
    difference = comparison.difference
    if whole or not difference or not math.isfinite(difference):
        return None
    top = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return max(abs(difference), top / 100) if top else None


def _interval(interval: Interval | None, scale: Scale) -> str:
    if interval is None:
        return ""
    return f"[{scale.bare(interval.low, sign=True)}, {scale.bare(interval.high, sign=True)}]"


def _relative(comparison: Comparison) -> str:
    base, difference = comparison.baseline, comparison.difference
    if not base or difference is None or _ALIASES.get(comparison.unit, comparison.unit) == "fraction":
        return ""
    share = 100 * difference / abs(base)
    if not math.isfinite(share):
        return ""
    text = f"{share:+,.0f}" if abs(share) >= 10 else f"{share:+.1f}"  # noqa: PLR2004 - two digits
    return "±0%" if float(text.replace(",", "")) == 0 else f"{text}%".replace("-", "−")


def _held(gate: Gate | None, scale: Scale, unit: str) -> str:
    if gate is None:
        return ""
    parts = []
    if gate.margin is not None:
        parts.append(_margin(gate, gate.margin, scale, unit))
    if gate.limit is not None:
        word = "at least" if gate.direction is Direction.HIGHER else "at most"
        parts.append(f"{word} {quantity(gate.limit, unit)}")
    return ", ".join(parts)


def _margin(gate: Gate, margin: float, scale: Scale, unit: str) -> str:
    lower = gate.direction is Direction.LOWER
    if margin == 0:
        return "no increase" if lower else "no decrease"
    own = scale_for(unit, [margin])
    same_step = Scale(
        scale.factor, scale.suffix, max(own.decimals, scale.decimals) if own.factor == scale.factor else 0
    )
    chosen = same_step if own.factor == scale.factor else own
    shown = _trimmed(chosen.bare(margin if lower else -margin, sign=True))
    shown = _attach(shown, "pp" if chosen.suffix == "%" else chosen.suffix)
    written = gate.margin_text if "%" in gate.margin_text and own.suffix != "%" else ""
    return f"{'at most' if lower else 'at least'} {shown}{f' ({written})' if written else ''}"


def _trimmed(figure: str) -> str:
    return figure.rstrip("0").rstrip(".") if "." in figure else figure


def metric_name(metric: str, slice_: str = "") -> str:
    """`accuracy`, `accuracy [colour=red]`, `accuracy [gap between colour]`."""
    if not slice_:
        return metric
    gap = gap_column(slice_)
    return f"{metric} [gap between {gap}]" if gap else f"{metric} [{slice_}]"


def gap_column(slice_: str) -> str:
    """The column of a fairness gap's slice `gap(column)`; empty for a plain slice."""
    return slice_[4:-1] if slice_.startswith("gap(") and slice_.endswith(")") else ""


def slice_column(slice_: str) -> str:
    """The column that a slice belongs to: `colour` for `colour=red` and for `gap(colour)`."""
    return gap_column(slice_) or slice_.split("=", 1)[0]


def symbol(verdict: Verdict | None) -> str:
    """The sign of a verdict: ✔ ✘ ? !, and a dot for a metric that is only shown."""
    return SYMBOLS[verdict] if verdict is not None else INFORMATIVE


def needs(comparison: Comparison) -> str:
    """`needs about 1,200 more requests`; empty where nothing is open."""
    if comparison.needs is None:
        return ""
    return f"needs about {count(comparison.needs.requests, 'more request', 'more requests')}"


def exit_status(status: int | None) -> str:
    """`exit status 1`, `killed by signal 9`; empty where there is none."""
    if status is None:
        return ""
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\uffff\ud800-\udfff\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    r"""`text` with nothing hidden in it: colours removed; other control, bidirectional and zero-width characters as `\u202e`.

    Line feeds and tabs stay; carriage returns become line feeds. Against "Trojan source" (CVE-2021-42574).
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    plain = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, ending in `…` where something was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def one_line(text: str, limit: int = 300) -> str:
    """`text` made visible, on one line, of at most `limit` characters."""
    return clip(" ".join(visible(text).split()), limit)


def last_lines(text: str, lines: int, width: int = 400) -> str:
    """The last `lines` lines of a log, made visible, each at most `width` characters."""
    kept = visible(text).rstrip("\n").split("\n")[-lines:]
    return "\n".join(clip(line, width) for line in kept)
