"""The charts of the Markdown report as text, for forges that draw no Mermaid."""

from seatrial.records import Report
from seatrial.trial.report import mermaid
from seatrial.wording import text
from seatrial.wording.inert import code, details, fence, table

_WIDTH = 20
_MOST_SHARE = 9.99
_MOST_CURVES = 6


def charts(report: Report, level: int) -> str:
    """How much of its margin each gate used, and (folded) the latency by percentile; at level 1 only the margins."""
    if level > 1:
        return ""
    tables = [] if level else [_latency(report)]
    return "\n\n".join(part for part in (_margins(report), *tables) if part)


def _margins(report: Report) -> str:
    found = mermaid.fullest_margins(report)
    if not found:
        return ""
    width = min(max(len(name) for name, _ in found), 48)
    shares = [(text.one_line(name, width), min(max(share, 0.0), _MOST_SHARE)) for name, share in found]
    lines = [f"{name:{width}}  {_bar(share)} {share:4.0%}" for name, share in shares]
    return fence("\n".join(["Margin used (0%: not worse, over 100%: worse than allowed)", "", *lines]))


def _bar(share: float) -> str:
    full = round(_WIDTH * min(share, 1.0))
    return "█" * full + "░" * (_WIDTH - full)


def _latency(report: Report) -> str:
    lines = []
    for deployment in report.deployments[:_MOST_CURVES]:
        for role, curve in mermaid.latency_curves(deployment):
            scale = text.scale_for("s", [max(curve)], max(curve) / 100)
            lines.append([code(deployment.name), role.value, *(scale.show(value) for value in curve)])
    if not lines:
        return ""
    heads = ["Deployment", "Version", *mermaid.LEVEL_NAMES]
    right = frozenset(range(2, len(heads)))
    return details("Latency by percentile", table(heads, lines, right=right))
