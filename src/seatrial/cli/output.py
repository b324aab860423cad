"""Everything that is printed: results on standard output, progress and errors on standard error.

With `--format json` standard output holds one JSON document and nothing else.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from seatrial.records import Change, Plan, Report, Run, SeatrialError, Verdict
    from seatrial.trial.planned import Planned
    from seatrial.trial.progress import Watcher
    from seatrial.trial.report import ReportPaths
    from seatrial.wording.grid import Grid
    from seatrial.wording.rows import Row

STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "error": "magenta"}


class Format(StrEnum):
    """Of standard output."""

    TEXT = "text"
    JSON = "json"


def print_error(error: "SeatrialError") -> None:
    """One message on standard error: what, where, remedy."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    lines = str(error).splitlines()
    console.print(Text.assemble(("error: ", "bold red"), lines[0]))
    for line in lines[1:]:
        console.print(Text(line))


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    import msgspec

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.buffer.flush()


class Shown(StrEnum):
    """How progress is shown on standard error."""

    AUTO = "auto"
    JSON = "json"


def progress(shown: Shown = Shown.AUTO) -> "AbstractContextManager[Watcher]":
    """A watcher that shows progress on standard error: live rows on a terminal, plain lines elsewhere, or JSON lines."""
    from contextlib import nullcontext

    from rich.console import Console

    from seatrial.cli.progress import JsonLines, watching

    return nullcontext(JsonLines(sys.stderr)) if shown is Shown.JSON else watching(Console(stderr=True))


def print_plan(planned: "Planned", form: Format) -> None:
    """What a trial would run."""
    from rich.text import Text

    if form is Format.JSON:
        print_json({"change": planned.change, "plan": planned.plan})
        return
    console = _console()
    _print_change(console, planned.change)
    console.print(_plan_table(planned.plan))
    for note in (*planned.change.notes, *planned.plan.notes):
        console.print(Text(f"• {note}", style="dim"))


def _plan_table(plan: "Plan") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("cell", "version", "starts with", "cpu", "memory", "requests", "tests"):
        table.add_column(heading)
    for cell in plan.cells:
        spec = cell.deployment
        requests = spec.requests
        table.add_row(
            Text(cell.id),
            Text(cell.version.described),
            Text(spec.run or spec.url or ""),
            "–" if spec.resources.cpu is None else f"{spec.resources.cpu:g}",
            "–" if spec.resources.memory is None else f"{spec.resources.memory / 2**20:.0f} MiB",
            Text("–" if requests is None else f"{requests.count or 'all'} of {requests.file} at {requests.rate:g}/s"),
            Text(", ".join(test.name for test in spec.tests) or "–"),
        )
    return table


def print_report(report: "Report") -> None:
    """The verdict table."""
    from rich.text import Text

    from seatrial.trial.report import headline

    console = _console()
    _print_change(console, report.change)
    _print_verdicts(console, report)
    _print_tests(console, report)
    console.print()
    style = STYLES[report.verdict]
    console.print(Text.assemble((f" {report.verdict.value.upper()} ", f"bold reverse {style}"), " ", headline(report)))
    for note in report.notes:
        console.print(Text(f"• {note}", style="dim"))


def _print_change(console: "Console", change: "Change") -> None:
    from rich.text import Text

    console.print(
        Text.assemble(
            ("baseline  ", "bold"), change.baseline.described, "\n", ("candidate ", "bold"), change.candidate.described
        )
    )
    for axis in change.axes:
        names = ", ".join(file.path for file in axis.files[:4])
        more = f" and {len(axis.files) - 4} more" if len(axis.files) > 4 else ""  # noqa: PLR2004 - what fits a line
        console.print(Text.assemble((f"{axis.axis.value:<9} ", "bold"), f"{names}{more}"))


def _print_verdicts(console: "Console", report: "Report") -> None:
    """Per deployment its verdict and its judged metrics, narrow enough for 80 columns; notes stand below the table."""
    from rich.text import Text

    from seatrial.trial.report import rows

    found = rows(report)
    for deployment in report.deployments:
        own = [row for row in found if row.deployment == deployment.name]
        verdict = (deployment.verdict.value, STYLES[deployment.verdict])
        console.print(Text.assemble("\n", (deployment.name, "bold"), "  ", verdict))
        console.print(_metric_table([row for row in own if row.metric]))
        for row in own:
            if row.note:
                head = f"{row.metric}: " if row.metric else ""
                console.print(Text(f"{row.symbol} {head}{row.note}", style=_style(row.verdict)))


def _metric_table(rows: "Sequence[Row]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(rows))
    for heading in ("", "metric", "change", "difference", "allowed"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"", "metric"})
    for row in rows:
        difference = Text.assemble(row.difference, " " if row.interval else "", (row.interval, "dim"))
        table.add_row(
            Text(row.symbol, style=_style(row.verdict)), row.metric, Text(row.change), difference, Text(row.held)
        )
    return table


def _style(verdict: "Verdict | None") -> str:
    return STYLES[verdict] if verdict else ""


def _print_tests(console: "Console", report: "Report") -> None:
    from rich.text import Text

    from seatrial.trial.report.outcomes import tested

    for row in tested(report):
        mark = Text("✔" if row.passed else "✘", style="green" if row.passed else "red")
        console.print(
            Text.assemble(
                mark, f" {row.deployment} test {row.test}: candidate {row.candidate}; baseline {row.baseline}"
            )
        )


def print_paths(paths: "ReportPaths") -> None:
    """Where the reports are."""
    from rich.text import Text

    console = _console()
    for path in (paths.html, paths.markdown, paths.json, paths.junit):
        console.print(Text(str(path)), soft_wrap=True)


def print_runs(runs: "Sequence[Run]", notes: Iterable[str] = ()) -> None:
    """The history, newest first; which kind a run is, where they are not all trials."""
    from rich.table import Table
    from rich.text import Text

    from seatrial.records import RunKind

    if not runs:
        _console().print("no trial was run here yet; begin with: seatrial trial")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    mixed = any(run.kind is not RunKind.TRIAL for run in runs)
    headings = ("kind", "verdict") if mixed else ("state", "verdict")
    for heading in ("run", *headings, "baseline", "candidate", "headline"):
        table.add_column(heading, no_wrap=heading in {"run", "kind", "state", "verdict"}, overflow="fold")
    for run in runs:
        verdict = Text(run.verdict.value, style=STYLES[run.verdict]) if run.verdict else Text("–")
        cells = (run.kind.value, _found(run)) if mixed else (run.state.value, verdict)
        table.add_row(run.id, *cells, Text(run.baseline), Text(run.candidate), Text(run.headline))
    _console().print(table)
    print_sentences(f"• {note}" for note in notes)


def _found(run: "Run") -> "Text":
    """The verdict of a run that has ended by itself; the state of any other."""
    from rich.text import Text

    from seatrial.records import RunState

    if run.state is not RunState.FINISHED or run.verdict is None:
        return Text(run.state.value)
    return Text(run.verdict.value, style=STYLES[run.verdict])


def print_facts(facts: Mapping[str, Mapping[str, str]]) -> None:
    """Facts by topic."""
    from rich.text import Text

    console = _console()
    for topic, entries in facts.items():
        console.print(Text(topic, style="bold"))
        for name, value in entries.items():
            console.print(Text(f"  {name:<22} {value}"), soft_wrap=True)


def print_grid(grid: "Grid", nothing: str = "") -> None:
    """A table, and the lines below it; for a table without rows what `nothing` says."""
    from rich.table import Table
    from rich.text import Text

    console = _console()
    if not grid.rows and nothing:
        console.print(Text(nothing))
    else:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in grid.headings:
            justify: Literal["left", "right"] = "right" if heading in grid.right else "left"
            table.add_column(Text(heading), justify=justify, overflow="fold", no_wrap=heading in grid.unwrapped)
        for row in grid.rows:
            table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        console.print(table)
    for line in grid.below:
        console.print(Text(f"• {line}", style="dim"), soft_wrap=True)


def print_sentences(sentences: Iterable[str]) -> None:
    """One a line, whole however long."""
    from rich.text import Text

    console = _console()
    for sentence in sentences:
        console.print(Text(sentence), soft_wrap=True)


def print_verdict(verdict: "Verdict", sentence: str) -> None:
    """The verdict, and what it rests on."""
    from rich.text import Text

    style = f"bold reverse {STYLES[verdict]}"
    _console().print(Text.assemble((f" {verdict.value.upper()} ", style), " ", sentence), soft_wrap=True)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as CSV; what is nested is JSON, what is missing is empty."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    import msgspec

    return msgspec.json.encode(value).decode() if isinstance(value, list | tuple | dict) else value


def print_warnings(warnings: Iterable[str]) -> None:
    """What was left out, on standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for warning in warnings:
        console.print(Text.assemble(("warning: ", "bold yellow"), warning))


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)
