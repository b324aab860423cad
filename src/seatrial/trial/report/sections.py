"""The sections of the Markdown report, each at several lengths: `section(report, level)`, level 0 being the whole.

A section that has nothing to say is an empty string. Which of them shrinks first is decided in `markdown.py`.
"""

from seatrial.records import (
    Axis,
    CellSummary,
    DeploymentReport,
    Report,
    Role,
    StackChange,
    Verdict,
)
from seatrial.trial.report import outcomes, tables
from seatrial.trial.report.sentence import headline
from seatrial.wording import text, verdicts
from seatrial.wording.inert import SIGNS, code, details, fence, prose, summary_text, table


def verdict(report: Report, level: int) -> str:
    """The verdict and the numbers that decide, first of all."""
    word = report.verdict.value
    lines = [f"## {SIGNS[report.verdict]} {word.capitalize()}: {prose(report.project, 80)}"]
    lines.append(f"**{prose(headline(report), 600)}**")
    if not report.complete:
        lines.append("> [!WARNING]\n> This trial was interrupted: it holds what was finished by then.")
    change = report.change
    versions = f"{code(_named(change.baseline.described, change.baseline.name))} → {code(_named(change.candidate.described, change.candidate.name))}"
    took = text.duration((report.ended - report.started).total_seconds())
    lines.append(f"<sub>baseline → candidate: {versions} · took {took} · run {code(report.run)}</sub>")
    if report.notes and not level:
        lines.append("\n".join(f"- {prose(note)}" for note in report.notes))
    return "\n\n".join(lines)


def _named(described: str, name: str) -> str:
    return described or name


def deployments(report: Report, level: int) -> str:
    """One row per deployment with its verdict and the worst reason; only those that don't pass at level 1."""
    shown = [d for d in report.deployments if not level or d.verdict is not Verdict.PASS]
    if not shown or (len(report.deployments) == 1 and not verdicts.broken_cells(report) and not shown[0].reasons):
        return ""
    lines = [
        [code(d.name), f"{SIGNS[d.verdict]} {d.verdict.value}", tables.tally(d), _why(d, 120 if level else 300)]
        for d in shown
    ]
    return table(["Deployment", "Verdict", "Gates", "Why"], lines)


def _why(deployment: DeploymentReport, limit: int) -> str:
    judged = [cell for cell in deployment.cells if cell.result.failure and cell.role is not Role.MIXED]
    broken = [verdicts.failure_sentence(cell) for cell in judged]
    sentences = list(dict.fromkeys([*broken, *deployment.reasons]))
    return "<br>".join(prose(sentence, limit) for sentence in sentences[:3]) or text.MISSING


def failures(report: Report, level: int) -> str:
    """The end of the log of every cell that failed: 20, 8 or 3 lines, then none."""
    lines = (20, 8, 3, 0)[level]
    return "\n\n".join(_log(cell, lines) for cell in verdicts.broken_cells(report)) if lines else ""


def _log(cell: CellSummary, lines: int) -> str:
    failure = cell.result.failure
    if failure is None or not failure.log_tail.strip():
        return ""
    told = (
        f"<code>{summary_text(cell.cell)}</code> {summary_text(verdicts.describe_failure(failure))}: the end of its log"
    )
    return details(told, fence(text.last_lines(failure.log_tail, lines)))


def tests(report: Report, level: int) -> str:
    """The external tests, passed and failed cases per version; only those that failed at level 1."""
    found = [row for row in outcomes.tested(report) if not level or not row.passed]
    if not found or level > 1:
        return ""
    lines = [
        [
            code(r.deployment),
            f"{code(r.kind)} {code(r.test)}",
            prose(r.baseline, 120),
            f"{prose(r.candidate if r.ran else 'not run', 120)} {SIGNS[_verdict_of(r)]}",
        ]
        for r in found
    ]
    body = f"### Tests\n\n{table(['Deployment', 'Test', 'Baseline', 'Candidate'], lines)}"
    messages = _failed_cases(report) if not level else ""
    return f"{body}\n\n{messages}" if messages else body


def _verdict_of(row: outcomes.TestedRow) -> Verdict:
    if not row.ran:
        return Verdict.ERROR
    return Verdict.PASS if row.passed else Verdict.FAIL


def _failed_cases(report: Report) -> str:
    found = [case for d in report.deployments for case in outcomes.failed_cases(d)]
    blocks = [
        f"{code(case.cell)} {code(case.test)} {code(case.name)}\n\n{fence(text.last_lines(case.message, 15))}"
        for case in found[:20]
    ]
    return details(text.count(len(found), "failed case"), "\n\n".join(blocks)) if blocks else ""


def changes(report: Report, level: int) -> str:
    """What changed per axis: every file, ten of them, or their number."""
    axes = report.change.axes
    if not axes or level > 2:  # noqa: PLR2004 - the last level
        return ""
    most = (200, 10, 0)[level]
    lines = [
        [
            f"**{axis.axis.value}**",
            tables.file_tally(axis),
            _versions(axis.axis, axis.baseline_version, axis.candidate_version),
        ]
        for axis in axes
    ]
    parts = [f"### What changed\n\n{table(['Axis', 'Files', 'Version'], lines)}"]
    if most:
        listed = [f"- {code(f.path)} {f.status} ({axis.axis.value})" for axis in axes for f in axis.files]
        hidden = len(listed) - most
        listed = [*listed[:most], *([f"- and {text.count(hidden, 'more file')}"] if hidden > 0 else [])]
        parts.append(details(text.count(sum(len(axis.files) for axis in axes), "changed file"), "\n".join(listed)))
    return "\n\n".join(parts)


def _versions(axis: Axis, baseline: str, candidate: str) -> str:
    return text.MISSING if axis is Axis.OTHER else f"{code(baseline[:12])} → {code(candidate[:12])}"


def stacks(report: Report, level: int) -> str:
    """The packages that a change added, removed or changed, per deployment; their number at level 1."""
    found = [(d.name, d.stack) for d in report.deployments if d.stack and tables.stack_size(d.stack)]
    if not found or level > 1:
        return ""
    if level:
        lines = [[code(name), text.count(tables.stack_size(stack), "package")] for name, stack in found]
        return f"### Software stack\n\n{table(['Deployment', 'Changed'], lines)}"
    blocks = [
        details(f"<code>{summary_text(name)}</code>: {tables.stack_words(stack)}", _packages(stack))
        for name, stack in found
    ]
    return "### Software stack\n\n" + "\n\n".join(blocks)


def _packages(stack: StackChange) -> str:
    lines = [[code(a.name), code(a.version), code(b.version)] for a, b in stack.changed]
    lines += [[code(p.name), text.MISSING, f"{code(p.version)} added"] for p in stack.added]
    lines += [[code(p.name), code(p.version), "removed"] for p in stack.removed]
    return table(["Package", "Baseline", "Candidate"], lines)


def cells(report: Report, level: int) -> str:
    """What each cell cost and how far it came, folded."""
    found = [cell for d in report.deployments for cell in d.cells]
    if not found or level:
        return ""
    lines = [
        [
            code(c.cell),
            c.result.stage.value,
            f"{c.result.requests:,}",
            ", ".join(f"{number} {prose(kind)}" for kind, number in c.errors.items()) or "none",
            text.quantity(c.result.ready_seconds, "s"),
            text.quantity(c.result.stack_bytes, "B"),
            prose("; ".join(tables.limit_notes(c)), 200) or text.MISSING,
        ]
        for c in found
    ]
    heads = ["Cell", "Reached", "Requests", "Errors", "Ready after", "Stack", "Limits"]
    return details(text.count(len(lines), "cell"), table(heads, lines, right=frozenset({2, 4, 5})))


def facts(report: Report, level: int) -> str:
    """Timings, settings, machine and the command that runs it again, folded; only the command at level 1."""
    again = f"Run it again:\n\n{fence(tables.reproduce(report), 'sh')}"
    if level:
        return again
    seconds = [(phase, text.duration(value)) for phase, value in report.timings.items()]
    blocks = [
        ("Timings", seconds),
        ("Settings", list(report.settings.items())),
        ("Machine", list(report.machine.items())),
    ]
    parts = [
        f"**{title}**\n\n{table(['', ''], [[prose(key), code(value)] for key, value in pairs])}"
        for title, pairs in blocks
        if pairs
    ]
    version = f"seatrial {code(report.seatrial)}, started {report.started:%Y-%m-%d %H:%M:%S} UTC."
    return details("How this was measured", "\n\n".join([version, *parts, again]))
