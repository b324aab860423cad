"""The answer to `/seatrial explain METRIC`: both values, the difference, what was allowed, why, and what would settle it."""

import difflib
from collections.abc import Sequence
from functools import partial

from seatrial.records import Comparison, DeploymentReport, Report
from seatrial.wording import text
from seatrial.wording.fit import Layout, Render, fit
from seatrial.wording.inert import SIGNS, code, prose, table
from seatrial.wording.verdicts import failure_sentence

LIMIT = 60_000
_NEAR = 5
_MOST_SLICES = 20


def explain(report: Report, metric: str, *, limit: int = LIMIT) -> str:
    """What the trial says of one metric, as Markdown.

    Args:
        report: of the trial.
        metric: its name; case does not count. Of a slice (`accuracy [colour=red]`) it is the metric's whole answer.
        limit: most bytes of UTF-8.
    """
    known = dict.fromkeys(c.metric for d in report.deployments for c in d.comparisons)
    name = _meant(metric, list(known))
    if name is None:
        return _unknown(metric, list(known))
    parts: dict[str, Render] = {"head": lambda _: _head(report, name)}
    for index, deployment in enumerate(report.deployments):
        parts[f"{index}"] = partial(_deployment, deployment, name)
        parts[f"{index} slices"] = partial(_slices, deployment, name)
    parts["note"] = lambda level: "<sub>Shortened to fit; the full report holds everything.</sub>" if level else ""
    slices = [part for part in parts if part.endswith("slices")]
    whole = [str(index) for index in range(len(report.deployments))]
    layout = Layout(parts=parts, gives_way=(*slices, *slices, *whole), note="note", by_lines=("head", *whole))
    return fit(layout, limit)


def _meant(metric: str, known: Sequence[str]) -> str | None:
    """The known name that is meant; None where there is none."""
    wanted = metric.strip().casefold()
    whole = [name for name in known if name.casefold() == wanted]
    sliced = [name for name in known if wanted.startswith(f"{name.casefold()} [")]
    return next(iter([*whole, *sliced]), None)


def _unknown(metric: str, known: Sequence[str]) -> str:
    if not known:
        return f"Nothing was measured in this trial, so that there is nothing to say of {code(metric)}.\n"
    by_case = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(metric.strip().casefold(), list(by_case), n=_NEAR, cutoff=0.5)
    near = [by_case[name] for name in close]
    shown = near or sorted(known)[:20]
    words = "The nearest are" if near else "Known are"
    return f"There is no metric {code(metric)} in this trial. {words} {', '.join(code(name) for name in shown)}.\n"


def _head(report: Report, metric: str) -> str:
    commit = report.change.candidate.commit or ""
    of = f" of commit {code(commit[:12])}" if commit else ""
    return f"### {code(metric)} in {prose(report.project, 80)}\n\n<sub>Trial {code(report.run)}{of}. A difference is candidate − baseline.</sub>"


def _deployment(deployment: DeploymentReport, metric: str, level: int) -> str:
    """Everything of one deployment; one line of it at level 1."""
    found = next((c for c in deployment.comparisons if c.metric == metric and not c.slice), None)
    if found is None:
        return f"**{code(deployment.name)}**: {prose(_why_missing(deployment, metric), 400)}"
    if level:
        shown = text.figures(found)
        return f"**{code(deployment.name)}**: {_verdict(found)}, {prose(f'{shown.change} {shown.difference}', 200)}"
    lines = [[name, value] for name, value in _facts(found) if value]
    return f"**{code(deployment.name)}**: {_verdict(found)}\n\n{table(['', ''], lines)}"


def _why_missing(deployment: DeploymentReport, metric: str) -> str:
    broken = next((cell for cell in deployment.cells if cell.result.failure is not None), None)
    if broken is not None:
        return failure_sentence(broken)
    sliced = any(c.metric == metric for c in deployment.comparisons)
    return "only its slices were measured" if sliced else "it has no such metric"


def _verdict(comparison: Comparison) -> str:
    if comparison.verdict is None:
        return "for information, not judged"
    return f"{SIGNS[comparison.verdict]} {comparison.verdict.value}"


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    shown = text.figures(comparison)
    relative = f" ({shown.relative})" if shown.relative else ""
    return [
        ("Baseline", prose(shown.baseline)),
        ("Candidate", prose(shown.candidate)),
        ("Difference", prose(f"{shown.difference}{relative}")),
        ("Interval", prose(_interval(comparison, shown))),
        ("Allowed", prose(shown.held) if shown.held else "nothing is: no margin and no limit is set for it"),
        ("Samples", f"{comparison.samples:,}"),
        ("p-value", _p_value(comparison)),
        ("Why", prose(comparison.reason, 400) if comparison.reason else ""),
        ("To settle it", _settles(comparison)),
    ]


def _interval(comparison: Comparison, shown: text.Figures) -> str:
    interval = comparison.interval
    return f"{shown.interval}, {interval.confidence:.0%}, {interval.method}" if interval else ""


def _p_value(comparison: Comparison) -> str:
    """Of "not worse than the margin", and after Holm over all gates of the trial."""
    if comparison.p_worse is None:
        return ""
    adjusted = comparison.p_worse_adjusted
    after = f", {adjusted:.3g} after Holm over all gates" if adjusted is not None else ""
    return f"{comparison.p_worse:.3g} of “not worse than the margin”{after}"


def _settles(comparison: Comparison) -> str:
    needed = text.needs(comparison)
    return needed.removeprefix("needs ") if needed else ""


def _slices(deployment: DeploymentReport, metric: str, level: int) -> str:
    """The metric's slices; those that are judged at level 1."""
    found = [
        c for c in deployment.comparisons if c.metric == metric and c.slice and (not level or c.verdict is not None)
    ]
    if not found or level > 1:
        return ""
    lines = [[_slice_name(c), *_slice_figures(c)] for c in found[:_MOST_SLICES]]
    hidden = len(found) - len(lines)
    more = f"\n\nand {text.count(hidden, 'more slice')}" if hidden else ""
    heads = ["Slice", "Value", "Difference", "Samples", "Verdict", "Why"]
    return table(heads, lines, right=frozenset({3})) + more


def _slice_name(comparison: Comparison) -> str:
    gap = text.gap_column(comparison.slice)
    return f"largest gap between {code(gap)}" if gap else code(comparison.slice)


def _slice_figures(comparison: Comparison) -> list[str]:
    shown = text.figures(comparison)
    why = " ".join(part for part in (comparison.reason, text.needs(comparison)) if part)
    return [
        prose(shown.change),
        prose(f"{shown.difference} {shown.interval}"),
        f"{comparison.samples:,}",
        _verdict(comparison),
        prose(why, 200) if why else text.MISSING,
    ]
