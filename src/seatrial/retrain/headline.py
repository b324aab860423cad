"""The one sentence on what the gate found: the metric that decides, its figures with their interval, and why."""

import math
from collections.abc import Sequence

from seatrial.judge import Draft
from seatrial.records import Comparison, Verdict
from seatrial.wording import text


def headline(comparisons: Sequence[Comparison], verdict: Verdict, *, rows: int, against: str | None, stage: str) -> str:
    """One sentence.

    Args:
        comparisons: all of the gate's.
        verdict: of all of them together.
        rows: that were held out.
        against: the version in the stage, as people write it; None for nobody.
        stage: its name.
    """
    judged = [c for c in comparisons if c.verdict is not None]
    if not judged:
        nobody = f"nobody holds {stage}, and " if against is None else ""
        return f"nothing was judged, and no data never passes: {nobody}no metric has a limit that a model alone could be held to"
    deciding = [c for c in judged if c.verdict is verdict]
    chosen = min(deciding, key=_urgency) if verdict is Verdict.FAIL else deciding[0]
    told = _told(chosen, rows, against)
    if verdict is Verdict.PASS:
        lead = "the gate holds" if len(judged) == 1 else f"all {len(judged)} gates hold"
        return f"{lead}: {told}"
    more = text.needs(chosen).replace("requests", "held-out rows").replace("request", "held-out row")
    failing = f"; {len(deciding)} of {len(judged)} gates are so" if len(deciding) > 1 else ""
    return f"{told}{f'; it {more}' if more else ''}{failing}"


def own_interval(draft: Draft, confidence: float) -> str:
    """The candidate's own interval, which a limit is held against: `its own 95% interval is 0.90 to 0.96`."""
    if draft.effect is None or not math.isfinite(draft.effect.candidate):
        return ""
    found = draft.effect.interval(confidence, weight=0.0)
    if found is None:
        return ""
    half = (found.high - found.low) / 2
    scale = text.scale_for(draft.metric.unit, [draft.effect.candidate, found.low, found.high], half or None)
    return f"its own {confidence:.0%} interval is {scale.bare(found.low)} to {scale.show(found.high)}"


def _urgency(comparison: Comparison) -> tuple[float, bool]:
    """The surest failure first, and of equals the one over all rows."""
    return (comparison.p_worse_adjusted or 0.0, bool(comparison.slice))


def _told(comparison: Comparison, rows: int, against: str | None) -> str:
    name = text.metric_name(comparison.metric, comparison.slice)
    figures = text.figures(comparison)
    held_out = text.count(rows, "held-out row")
    if comparison.candidate is None:
        return f"{name} can't be judged on {held_out}: {comparison.reason}"
    if comparison.baseline is None or against is None:
        return f"{name} is {figures.candidate} on {held_out}: {comparison.reason}"
    interval = f", {comparison.interval.confidence:.0%} interval {figures.interval}" if comparison.interval else ""
    return (
        f"{name} went {figures.change} ({figures.difference}{interval}) "
        f"from {against} on the same {held_out}: {comparison.reason}"
    )
