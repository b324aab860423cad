"""The sections of the Markdown report that hold figures, each at several lengths like those of `sections.py`."""

from collections.abc import Sequence

from seatrial.records import AttributionEffect, Comparison, DeploymentReport, Report, Verdict
from seatrial.trial.report import mermaid, tables
from seatrial.trial.report.tables import FigureBook
from seatrial.wording import text
from seatrial.wording.inert import SIGNS, code, details, prose, summary_text, table

_COLUMNS = 6


def families(book: FigureBook, level: int) -> str:
    """One table per family; at level 1 only the gated metrics, at level 2 only their signs."""
    parts = [_family(family, level) for family in book.families]
    shown = [part for part in parts if part]
    if not shown:
        return ""
    legend = "<sub>Each cell: baseline → candidate, below it the difference with its interval. ✅ pass, ❌ fail, ❔ inconclusive, ⚠️ error; no sign: for information.</sub>"
    return "\n\n".join([*shown, legend])


def _family(family: tables.FamilyTable, level: int) -> str:
    gated = [index for index, column in enumerate(family.columns) if column.gated]
    every = list(range(len(family.columns)))
    main = every[: max(_COLUMNS, len(gated))] if not level else gated
    if not main:
        return ""
    body = f"### {family.title}\n\n{_family_table(family.part(main), signs_only=level > 1)}"
    rest = every[len(main) :]
    if level or not rest:
        return body
    more = details(f"{text.count(len(rest), 'more figure')}", _family_table(family.part(rest)))
    return f"{body}\n\n{more}"


def _family_table(family: tables.FamilyTable, *, signs_only: bool = False) -> str:
    heads = ["Deployment", *(_head(column) for column in family.columns)]
    return table(heads, [[code(row.deployment), *_entries(row, signs_only=signs_only)] for row in family.rows])


def _entries(row: tables.FamilyRow, *, signs_only: bool) -> list[str]:
    if row.broken:
        return [f"{SIGNS[row.verdict]} {prose(row.broken, 100)}", *([text.MISSING] * (len(row.entries) - 1))]
    return [_entry(item, signs_only=signs_only) for item in row.entries]


def _head(column: tables.Column) -> str:
    return f"{code(column.metric)}<br><sub>{prose(column.held)}</sub>" if column.held else code(column.metric)


def _entry(item: tables.Entry | None, *, signs_only: bool = False) -> str:
    if item is None:
        return text.MISSING
    comparison, figures = item.comparison, item.figures
    sign = SIGNS[comparison.verdict] if comparison.verdict is not None else ""
    if signs_only:
        return sign or text.MISSING
    under = [prose(f"{figures.difference} {figures.interval}")] if _differs(comparison) else []
    under += [text.needs(comparison)] if comparison.needs else []
    small = "".join(f"<br><sub>{line}</sub>" for line in under)
    return f"{prose(figures.change)} {sign}".strip() + small


def _differs(comparison: Comparison) -> bool:
    return comparison.difference is not None and (bool(comparison.difference) or comparison.interval is not None)


def attribution(report: Report, level: int) -> str:
    """How far each axis alone moved each metric."""
    effects = [effect for d in report.deployments for effect in d.attribution]
    if not effects or level:
        return ""
    axes = list(dict.fromkeys(effect.axis for effect in effects))
    keys = list(dict.fromkeys((effect.deployment, effect.metric) for effect in effects))
    by_key = {(e.deployment, e.metric, e.axis): e for e in effects}
    lines = [
        [code(deployment), code(metric), *(_effect(by_key.get((deployment, metric, axis))) for axis in axes)]
        for deployment, metric in keys
    ]
    heads = ["Deployment", "Metric", *(axis.value for axis in axes)]
    return f"### Which axis moved which metric\n\n{table(heads, lines)}\n\n<sub>Each cell: the baseline with only that axis from the candidate, minus the baseline.</sub>"


def _effect(effect: AttributionEffect | None) -> str:
    if effect is None:
        return text.MISSING
    shown = tables.effect_figures(effect)
    under = f"<br><sub>{prose(shown.interval)}</sub>" if shown.interval else ""
    return prose(shown.difference) + under + (f"<br><sub>{prose(effect.note)}</sub>" if effect.note else "")


def slices(book: FigureBook, level: int) -> str:
    """The sliced metrics with their fairness gaps, folded; at level 1 only the judged ones."""
    blocks = [
        _slice_block(book, d.name, column, [c for c in found if not level or c.verdict is not None])
        for d in book.report.deployments
        for column, found in tables.slice_groups(d).items()
    ]
    shown = [block for block in blocks if block]
    return "### Slices\n\n" + "\n\n".join(shown) if shown and level < 2 else ""  # noqa: PLR2004 - the last level


def _slice_block(book: FigureBook, deployment: str, column: str, found: Sequence[Comparison]) -> str:
    if not found:
        return ""
    metrics = list(dict.fromkeys(c.metric for c in found))
    names = list(dict.fromkeys(c.slice for c in found))
    by_key = {(c.slice, c.metric): c for c in found}
    lines = [
        [_slice_name(name, by_key, metrics), *(_slice_entry(book, by_key.get((name, metric))) for metric in metrics)]
        for name in names
    ]
    told = f"<code>{summary_text(deployment)}</code> by <code>{summary_text(column)}</code>{_signs(found)}"
    return details(told, table(["Slice", *(code(metric) for metric in metrics)], lines))


def _slice_name(name: str, by_key: dict[tuple[str, str], Comparison], metrics: Sequence[str]) -> str:
    if text.gap_column(name):
        return "**largest gap**"
    samples = max((by_key[name, metric].samples for metric in metrics if (name, metric) in by_key), default=0)
    value = name.split("=", 1)[-1]
    return f"{code(value)}<br><sub>{samples:,} requests</sub>" if samples else code(value)


def _slice_entry(book: FigureBook, comparison: Comparison | None) -> str:
    return _entry(book.entry(comparison)) if comparison else text.MISSING


def _signs(found: Sequence[Comparison]) -> str:
    kinds = [c.verdict for c in found if c.verdict is not None]
    parts = [f"{kinds.count(kind)} {SIGNS[kind]}" for kind in SIGNS if kind in kinds]
    return f": {', '.join(parts)}" if parts else ""


def charts(report: Report, level: int) -> str:
    """Mermaid charts: the margins, and (folded) the latency of up to six deployments; at level 1 only the margins."""
    if level > 1:
        return ""
    parts = [mermaid.margins(report)]
    curves = [] if level else [chart for d in report.deployments[:6] if (chart := mermaid.latency(d))]
    if curves:
        parts.append(details("Latency by percentile", "\n\n".join(curves)))
    return "\n\n".join(part for part in parts if part)


def every_figure(book: FigureBook, level: int) -> str:
    """Every comparison of every deployment with what it was held to, folded."""
    if level:
        return ""
    blocks = [
        details(f"Every figure of <code>{summary_text(d.name)}</code>", _figures(book, d))
        for d in book.report.deployments
        if d.comparisons
    ]
    return "\n\n".join(blocks)


def _figures(book: FigureBook, deployment: DeploymentReport) -> str:
    lines = []
    for comparison in deployment.comparisons:
        shown = book.figures(comparison)
        sign = f"{SIGNS[comparison.verdict]} {comparison.verdict.value}" if comparison.verdict is not None else ""
        name = text.metric_name(comparison.metric, comparison.slice)
        difference = " ".join(
            part for part in (shown.difference, shown.relative and f"({shown.relative})", shown.interval) if part
        )
        why = comparison.reason if comparison.verdict is not Verdict.PASS else ""
        lines.append(
            [code(name), shown.baseline, shown.candidate, prose(difference), prose(shown.held), sign, prose(why)]
        )
    heads = ["Metric", "Baseline", "Candidate", "Difference", "Held to", "Verdict", "Why"]
    return table(heads, [[prose(c) if i in {1, 2} else c for i, c in enumerate(line)] for line in lines])
