"""`report.md`: the report as a comment of a pull request.

Verdict first, then tables, details folded. GitHub takes 65,536 characters; a longer report gives up its details in the
order of `GIVES_WAY`, the verdict and the tables of metrics last, and says so. A comment on a forge stands on the same
parts (`report_parts`), with its own beside them.
"""

from collections.abc import Callable
from functools import partial

from seatrial.records import Report
from seatrial.trial.report import figures, sections, textcharts
from seatrial.trial.report.tables import FigureBook
from seatrial.wording.fit import Layout, Render, fit
from seatrial.wording.unfold import unfolded

LIMIT = 65_536
_ORDER = (
    "verdict", "deployments", "failures", "families", "charts", "tests", "slices", "attribution", "changes", "stacks",
    "every_figure", "cells", "facts",
)  # fmt: skip
_SECTIONS: dict[str, Callable[[Report, int], str]] = {
    "verdict": sections.verdict,
    "deployments": sections.deployments,
    "failures": sections.failures,
    "charts": figures.charts,
    "tests": sections.tests,
    "attribution": figures.attribution,
    "changes": sections.changes,
    "stacks": sections.stacks,
    "cells": sections.cells,
    "facts": sections.facts,
}
_FIGURES: dict[str, Callable[[FigureBook, int], str]] = {
    "families": figures.families,
    "slices": figures.slices,
    "every_figure": figures.every_figure,
}
DETAILS_GIVE_WAY = (
    "every_figure", "cells", "charts", "slices", "changes", "stacks", "failures", "tests", "changes", "charts", "failures",
    "slices", "stacks", "facts", "tests", "attribution", "changes", "failures",
)  # fmt: skip
VERDICT_GIVES_WAY = ("verdict", "deployments", "families", "families")
LINES_THAT_STAY = ("verdict", "deployments", "families")
_SHORTENED = "<sub>Shortened to fit; report.html and report.json of this run hold everything.</sub>"


def render_markdown(report: Report, *, limit: int | None = LIMIT, mermaid: bool = True, details: bool = True) -> str:
    """The report as Markdown (GitHub's flavour).

    Args:
        report: the record.
        limit: most bytes of UTF-8 that the result may have; None for no bound.
        mermaid: whether charts are drawn by Mermaid; they are text otherwise.
        details: whether details may be folded.
    """
    parts = {
        **report_parts(report, mermaid=mermaid, details=details),
        "shortened": lambda level: _SHORTENED if level else "",
    }
    layout = Layout(
        parts=parts,
        gives_way=(*DETAILS_GIVE_WAY, *VERDICT_GIVES_WAY),
        note="shortened",
        by_lines=LINES_THAT_STAY,
    )
    return fit(layout, limit)


def report_parts(report: Report, *, mermaid: bool = True, details: bool = True) -> dict[str, Render]:
    """The parts of the report by name, in order, each at several lengths."""
    book = FigureBook(report)
    drawn = _SECTIONS if mermaid else {**_SECTIONS, "charts": textcharts.charts}
    found: dict[str, Render] = {
        **{name: partial(render, report) for name, render in drawn.items()},
        **{name: partial(render, book) for name, render in _FIGURES.items()},
    }
    parts = {name: found[name] for name in _ORDER}
    return parts if details else {name: _laid_open(render) for name, render in parts.items()}


def _laid_open(render: Render) -> Render:
    return lambda level: unfolded(render(level))
