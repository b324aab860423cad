"""The report as tables of words, before any markup: what Markdown, HTML and the terminal all lay out.

`family_tables(report)` is one table per family of metrics with one row per deployment; one row per judged metric, for the
terminal and for notices, is `seatrial.wording.rows`.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from seatrial.records import (
    AttributionEffect,
    AxisChange,
    CellSummary,
    Comparison,
    DeploymentReport,
    Family,
    Report,
    StackChange,
    Verdict,
)
from seatrial.wording import text
from seatrial.wording.text import Figures
from seatrial.wording.verdicts import failed_at, failure_sentence, gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One comparison in a table: the record, its figures as text and the sign of its verdict."""

    comparison: Comparison
    figures: Figures
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One metric of a family's table; `held` says what it is held to, where that is the same for every row."""

    metric: str
    gated: bool
    held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """One deployment in a family's table: an entry per column, None where it has none.

    `broken` says why, where it has none at all because a cell failed.
    """

    deployment: str
    verdict: Verdict
    entries: tuple[Entry | None, ...]
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyTable:
    """One family of metrics: gated columns first, one row per deployment."""

    family: Family
    title: str
    columns: tuple[Column, ...]
    rows: tuple[FamilyRow, ...]

    def part(self, columns: Sequence[int]) -> "FamilyTable":
        """The same table with only the columns at these indexes."""
        return FamilyTable(
            family=self.family,
            title=self.title,
            columns=tuple(self.columns[index] for index in columns),
            rows=tuple(replace(row, entries=tuple(row.entries[index] for index in columns)) for row in self.rows),
        )


class FigureBook:
    """A report with the figures of its comparisons as text, each of which is made once however often it is shown.

    Args:
        report: the record.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self._made: dict[int, Figures] = {}

    @cached_property
    def families(self) -> tuple[FamilyTable, ...]:
        """One table per family that has any figure, without the slices; a deployment that broke keeps its row."""
        made = (_family_table(self, family, title) for family, title in text.FAMILIES.items())
        return tuple(table for table in made if table.columns)

    def figures(self, comparison: Comparison) -> Figures:
        """One of the report's own comparisons as text."""
        made = self._made.get(id(comparison))
        if made is None:
            made = self._made[id(comparison)] = text.figures(comparison)
        return made

    def entry(self, comparison: Comparison) -> Entry:
        """One of the report's own comparisons, ready to be laid out."""
        symbol = text.symbol(comparison.verdict)
        return Entry(comparison=comparison, figures=self.figures(comparison), symbol=symbol)


def family_tables(report: Report) -> tuple[FamilyTable, ...]:
    """`FigureBook.families` of a report that is shown once."""
    return FigureBook(report).families


def _family_table(book: FigureBook, family: Family, title: str) -> FamilyTable:
    deployments = book.report.deployments
    own = [
        {c.metric: c for c in deployment.comparisons if c.family is family and not c.slice}
        for deployment in deployments
    ]
    found = [comparison for by_name in own for comparison in by_name.values()]
    gated = {c.metric for c in found if c.verdict is not None}
    names = sorted(dict.fromkeys(c.metric for c in found), key=lambda name: name not in gated)
    rows = tuple(
        _family_row(deployment, [book.entry(by_name[name]) if name in by_name else None for name in names])
        for deployment, by_name in zip(deployments, own, strict=True)
    )
    columns = (
        Column(metric=name, gated=name in gated, held=_shared_held(row.entries[index] for row in rows))
        for index, name in enumerate(names)
    )
    return FamilyTable(family=family, title=title, columns=tuple(columns), rows=rows)


def _shared_held(entries: Iterable[Entry | None]) -> str:
    """What a column's gates are held to, where that is the same for all."""
    judged = [each for each in entries if each is not None and each.comparison.verdict is not None]
    held = {each.figures.held for each in judged if each.comparison.gate is not None}
    return held.pop() if len(held) == 1 else ""


def _family_row(deployment: DeploymentReport, entries: Sequence[Entry | None]) -> FamilyRow:
    failed = next((cell for cell in deployment.cells if cell.result.failure is not None), None)
    broken = failed_at(failed.result.failure) if failed is not None and not any(entries) else ""
    return FamilyRow(deployment=deployment.name, verdict=deployment.verdict, entries=tuple(entries), broken=broken)


def slice_groups(deployment: DeploymentReport) -> dict[str, tuple[Comparison, ...]]:
    """The sliced comparisons per column, the fairness gaps last in each."""
    groups: dict[str, list[Comparison]] = {}
    for comparison in deployment.comparisons:
        if comparison.slice:
            groups.setdefault(text.slice_column(comparison.slice), []).append(comparison)
    return {
        column: tuple(sorted(found, key=lambda c: bool(text.gap_column(c.slice)))) for column, found in groups.items()
    }


def effect_figures(effect: AttributionEffect) -> Figures:
    """One attributed effect as text: `difference` and `interval`."""
    shown = Comparison(
        deployment=effect.deployment,
        metric=effect.metric,
        family=effect.family,
        unit=effect.unit,
        difference=effect.effect,
        interval=effect.interval,
    )
    return text.figures(shown)


def limit_notes(cell: CellSummary) -> tuple[str, ...]:
    """What the runtime did about the cell's limits, in words."""
    limits = cell.result.limits
    if limits is None:
        return ()
    enforced = [name for name, held in (("cpu", limits.cpu_enforced), ("memory", limits.memory_enforced)) if held]
    return (*([f"{' and '.join(enforced)} enforced ({limits.kind})"] if enforced else []), *limits.notes)


def reproduce(report: Report) -> str:
    """The command that runs this trial again, quoted for a shell."""
    change = report.change
    if change.candidate.registered:
        model, _, number = change.candidate.registered.rpartition("@")
        project = [] if change.project == "." else ["--project", change.project]
        return shlex.join(["seatrial", "promote", model, "--version", number, *project])
    words = ["seatrial", "trial", change.project]
    base = change.baseline.url or change.baseline.commit
    if base:
        words += ["--base", base]
    if change.candidate.commit and not change.candidate.dirty:
        words += ["--head", change.candidate.commit]
    if any(deployment.attribution for deployment in report.deployments):
        words.append("--attribute")
    return shlex.join(words)


def gate_tally(report: Report) -> str:
    """`7 of 8 pass` over the whole trial; `–` where nothing was judged."""
    return _pass_tally([c for d in report.deployments for c in gates(d)])


def tally(deployment: DeploymentReport) -> str:
    """`3 of 4 gates pass`; `nothing was judged`."""
    judged = gates(deployment)
    return _pass_tally(judged).replace(" pass", " gates pass") if judged else "nothing was judged"


def _pass_tally(judged: Sequence[Comparison]) -> str:
    return f"{sum(c.verdict is Verdict.PASS for c in judged)} of {len(judged)} pass" if judged else text.MISSING


def requests(report: Report) -> int:
    """How many requests were sent in all."""
    return sum(cell.result.requests for d in report.deployments for cell in d.cells)


def why(deployment: DeploymentReport) -> str:
    """The one reason that best explains a deployment's verdict."""
    broken = next((cell for cell in deployment.cells if cell.result.failure), None)
    if broken is not None and deployment.verdict is Verdict.ERROR:
        return failure_sentence(broken)
    return next(iter(deployment.reasons), tally(deployment))


def file_tally(change: AxisChange) -> str:
    """`2 added, 1 modified`."""
    kinds = [file.status for file in change.files]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "modified") if kind in kinds)


def stack_size(stack: StackChange) -> int:
    """How many packages differ."""
    return len(stack.added) + len(stack.removed) + len(stack.changed)


def stack_words(stack: StackChange) -> str:
    """`packages: 2 changed, 1 added`."""
    counts = (("changed", stack.changed), ("added", stack.added), ("removed", stack.removed))
    parts = [f"{len(packages)} {word}" for word, packages in counts if packages]
    return "packages: " + ", ".join(parts) if parts else "no package changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGroup:
    """The comparisons of one deployment in one family, without slices, judged ones first."""

    title: str
    comparisons: tuple[Comparison, ...]


def metric_groups(deployment: DeploymentReport) -> tuple[MetricGroup, ...]:
    """The comparisons of a deployment per family that has any."""
    groups = (
        MetricGroup(title=title, comparisons=tuple(sorted(own, key=lambda c: c.verdict is None)))
        for family, title in text.FAMILIES.items()
        if (own := [c for c in deployment.comparisons if c.family is family and not c.slice])
    )
    return tuple(groups)
