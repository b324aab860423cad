"""`report.md`: the report as a comment of a pull request.

Verdict first, then tables, details folded. GitHub takes 65,536 characters; a longer report gives up its details in the
order of `_GIVES_WAY`, the verdict and the tables of metrics last, and says so.
"""

from collections.abc import Callable
from typing import NamedTuple

from seatrial.records import Report
from seatrial.trial.report import figures, sections

LIMIT = 65_536


class _Section(NamedTuple):
    """One section: how it is rendered and how many shorter forms it has."""

    render: Callable[[Report, int], str]
    levels: int


_SECTIONS = {
    "verdict": _Section(sections.verdict, 1),
    "deployments": _Section(sections.deployments, 1),
    "failures": _Section(sections.failures, 3),
    "families": _Section(figures.families, 2),
    "charts": _Section(figures.charts, 2),
    "tests": _Section(sections.tests, 2),
    "slices": _Section(figures.slices, 2),
    "attribution": _Section(figures.attribution, 1),
    "changes": _Section(sections.changes, 3),
    "stacks": _Section(sections.stacks, 2),
    "every_figure": _Section(figures.every_figure, 1),
    "cells": _Section(sections.cells, 1),
    "facts": _Section(sections.facts, 1),
}
_GIVES_WAY = (
    "every_figure", "cells", "charts", "slices", "changes", "stacks", "failures", "tests", "changes", "charts", "failures",
    "slices", "stacks", "facts", "tests", "attribution", "changes", "failures", "verdict", "deployments", "families", "families",
)  # fmt: skip
_SHORTENED = "<sub>Shortened to fit; report.html and report.json of this run hold everything.</sub>"


def render_markdown(report: Report, *, limit: int | None = LIMIT) -> str:
    """The report as Markdown (GitHub's flavour).

    Args:
        report: the record.
        limit: most bytes of UTF-8 that the result may have; None for no bound.
    """
    levels = dict.fromkeys(_SECTIONS, 0)
    rendered = {name: section.render(report, 0) for name, section in _SECTIONS.items()}
    whole = _join(rendered)
    if limit is None or _size(whole) <= limit:
        return whole
    for name in _GIVES_WAY:
        levels[name] += 1
        rendered[name] = _SECTIONS[name].render(report, levels[name])
        shortened = _join({**rendered, "shortened": _SHORTENED})
        if _size(shortened) <= limit:
            return shortened
    return _cut(rendered, limit)


def _join(rendered: dict[str, str]) -> str:
    return "\n\n".join(part for part in rendered.values() if part) + "\n"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _cut(rendered: dict[str, str], limit: int) -> str:
    """Whole lines of the verdict and its tables for as long as they fit: every line of a table stands by itself."""
    room = limit - _size(_SHORTENED) - 3
    kept: list[str] = []
    for line in _join({name: rendered[name] for name in ("verdict", "deployments", "families")}).split("\n"):
        room -= _size(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, "", _SHORTENED, ""])
