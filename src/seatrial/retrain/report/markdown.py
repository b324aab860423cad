"""`report.md`: the report of a retraining for a chat, a ticket or a pull request."""

from collections.abc import Callable
from typing import Final

from seatrial.records import RetrainResult
from seatrial.retrain import text as grids
from seatrial.retrain.report.stages import Mark, Stage, stages
from seatrial.wording import retraining
from seatrial.wording.grid import Grid
from seatrial.wording.inert import SIGNS, code, details, prose, table

_MARKS: Final = {Mark.DONE: "✔", Mark.NOW: "…", Mark.ENDED: "■", Mark.AHEAD: "", Mark.LEFT: ""}


def render_markdown(result: RetrainResult) -> str:
    """The report as Markdown (GitHub's flavour)."""
    parts = (_head, _steps, _gate, _checks, _data, _split, _training, _after, _notes)
    sections: tuple[Callable[[RetrainResult], str], ...] = parts
    return "\n\n".join(filter(None, (section(result) for section in sections))) + "\n"


def _head(result: RetrainResult) -> str:
    verdict = retraining.verdict_of(result)
    sign = f"{SIGNS[verdict]} {verdict.value}: " if verdict is not None else ""
    lines = [f"## {sign}{prose(retraining.became(result))}"]
    if result.headline:
        lines.append(f"**{prose(result.headline, 600)}**")
    if retraining.consequence(result):
        lines.append(f"{prose(retraining.consequence(result))}.")
    took = f" · took {grids.took(result)}" if result.ended is not None else ""
    lines.append(f"<sub>begun by {prose(retraining.begun_by(result))}{took} · run {code(result.run)}</sub>")
    return "\n\n".join(lines)


def _steps(result: RetrainResult) -> str:
    lines = [[each.name, _sign(each), prose(each.found)] for each in stages(result)]
    return f"### Steps\n\n{table(['Step', '', 'Found'], lines)}"


def _sign(stage: Stage) -> str:
    return SIGNS[stage.verdict] if stage.verdict is not None else _MARKS[stage.mark]


def _gate(result: RetrainResult) -> str:
    if result.gated is None:
        return ""
    grid = grids.gate_grid(result.gated)
    return f"### Gate\n\n{retraining.judged_words(result.gated)}.\n\n{_table(grid)}"


def _checks(result: RetrainResult) -> str:
    if result.checked is None:
        return ""
    return f"### Data checks\n\n{prose(result.checked.headline)}\n\n{_table(grids.findings_grid(result.checked))}"


def _data(result: RetrainResult) -> str:
    found = result.collected
    lines = [f"- {prose(each, 400)}" for each in retraining.facts(result)]
    if found is None:
        return ""
    parts = ["### Data\n\n" + "\n".join(lines), details("Offsets", _table(grids.spans_grid(found)))]
    if found.reasons:
        parts.append(details("Lines that did not parse", _table(grids.reasons_grid(found))))
    return "\n\n".join(parts)


def _split(result: RetrainResult) -> str:
    if result.split is None:
        return ""
    lines = [f"- {prose(each)}" for each in grids.split_lines(result.split)]
    return "### Train and test\n\n" + "\n".join(lines)


def _training(result: RetrainResult) -> str:
    if result.trained is None:
        return ""
    return f"### Training\n\n{grids.trained_words(result.trained)[0]}. The model is {code(result.trained.digest)}."


def _after(result: RetrainResult) -> str:
    lines = [
        f"- {label}: {code(value)}"
        for label, value in (
            ("Registered", f"{result.model}@{result.number}" if result.number is not None else ""),
            ("Trial and promotion", result.promotion),
            ("Release", result.release),
        )
        if value
    ]
    return "### What followed\n\n" + "\n".join(lines) if lines else ""


def _notes(result: RetrainResult) -> str:
    notes = (*(result.collected.notes if result.collected is not None else ()), *result.notes)
    return "\n".join(f"- {prose(note)}" for note in notes)


def _table(grid: Grid) -> str:
    right = frozenset(place for place, heading in enumerate(grid.headings) if heading in grid.right)
    return table(list(grid.headings), [[prose(cell, 400) for cell in row] for row in grid.rows], right=right)
