"""Datasets as tables of text: what a reader needs at 100 columns; the JSON has the rest.

Notes and values of columns were written by people and programs elsewhere, so that all of them are made harmless here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from seatrial.datasets.book import Ancestor
from seatrial.datasets.diff import ColumnFigures, DatasetDifference
from seatrial.records import ColumnSpec, DatasetVersion, Segment
from seatrial.wording.grid import Grid
from seatrial.wording.text import clip, count, one_line, quantity

NONE: Final = "–"
_SHORT: Final = 12
_VALUE: Final = 30
_SECOND: Final = len("2026-05-01T14:30:00")


def datasets_grid(heads: Sequence[DatasetVersion]) -> Grid:
    """A row a dataset: its newest version."""
    return Grid(
        headings=("dataset", "versions", "rows", "size", "latest"),
        rows=tuple(
            (one_line(head.dataset), f"{head.number:,}", f"{head.rows:,}", _bytes(head.size), _time(head.created))
            for head in heads
        ),
        right=frozenset({"versions", "rows", "size"}),
        unwrapped=frozenset({"dataset", "latest"}),
    )


def versions_grid(versions: Sequence[DatasetVersion]) -> Grid:
    """A row a version."""
    return Grid(
        headings=("version", "created", "rows", "added", "quarantined", "dead", "run", "note"),
        rows=tuple(
            (
                one_line(version.id),
                _time(version.created),
                f"{version.rows:,}",
                _rows(version.added),
                _rows(version.quarantined),
                f"{version.counts.get('dead', 0):,}",
                one_line(version.run),
                one_line(version.note),
            )
            for version in versions
        ),
        right=frozenset({"rows", "added", "quarantined", "dead"}),
        unwrapped=frozenset({"version", "created", "run"}),
    )


def lineage_grid(dataset: str, ancestors: Sequence[Ancestor], models: Mapping[str, Sequence[str]]) -> Grid:
    """A row a version, newest first, with the models that were trained from it."""
    return Grid(
        headings=("version", "created", "rows", "added", "digest", "models", "note"),
        rows=tuple(
            (
                one_line(f"{dataset}@{each.number}"),
                _time(each.created),
                f"{each.rows:,}",
                f"{each.added:,}",
                each.digest.removeprefix("sha256:")[:_SHORT],
                one_line(", ".join(models.get(each.digest, ()))) or NONE,
                one_line(each.note),
            )
            for each in ancestors
        ),
        right=frozenset({"rows", "added"}),
        unwrapped=frozenset({"version", "created", "digest"}),
    )


def version_facts(version: DatasetVersion, models: Sequence[str]) -> dict[str, dict[str, str]]:
    """Everything about one version, by topic."""
    facts = {
        version.id: {
            "created": f"{_time(version.created)} by run {version.run}",
            "note": version.note,
            "digest": version.digest,
            "parent": f"{version.dataset}@{version.parent}" if version.parent else "",
            "models": ", ".join(models),
        },
        "rows": {
            "all": f"{version.rows:,} in {_bytes(version.size)}",
            "added": _segment(version.added),
            "quarantined": _segment(version.quarantined),
            "dead lines": version.dead,
        },
        "counted": {name: f"{number:,}" for name, number in sorted(version.counts.items())},
        "columns": {column.name: _column(column) for column in version.columns},
        "taken": {partition: f"{span.start:,} to {span.end:,}" for partition, span in sorted(version.spans.items())},
        "goes on at": {partition: f"{offset:,}" for partition, offset in sorted(version.offsets.items())},
    }
    return {
        one_line(topic): {one_line(name): one_line(text) for name, text in entries.items() if text}
        for topic, entries in facts.items()
        if any(entries.values())
    }


def difference_grid(found: DatasetDifference) -> Grid:
    """A row a column, and below which rows differ."""
    return Grid(
        headings=("column", "what", found.first, found.second),
        rows=tuple(
            (one_line(column.column) if at == 0 else "", *line)
            for column in found.columns
            for at, line in enumerate(_beside(column.first, column.second))
        ),
        right=frozenset({found.first, found.second}),
        unwrapped=frozenset({"column", "what"}),
        below=(
            f"{count(found.added, 'row')} added, {found.removed:,} removed, {found.shared:,} shared",
            *([", ".join(f"{name} {number:,}" for name, number in found.counts)] if found.counts else ()),
        ),
    )


def _beside(first: ColumnFigures | None, second: ColumnFigures | None) -> list[tuple[str, str, str]]:
    before, after = _figures(first), _figures(second)
    return [(what, before.get(what, NONE), after.get(what, NONE)) for what in dict.fromkeys((*after, *before))]


def _figures(found: ColumnFigures | None) -> dict[str, str]:
    if found is None:
        return {}
    shown = {
        "type": found.kind.value,
        "missing": f"{found.missing:,} of {found.rows:,}",
        "range": "" if found.low is None else f"{_value(found.low)} … {_value(found.high)}",
        "mean": "" if found.mean is None else f"{found.mean:.6g}",
        "different": f"≈ {found.different:,}",
        "mostly": ", ".join(f"{clip(one_line(value), _VALUE)} ({times:,})" for value, times in found.top),
    }
    return {what: text for what, text in shown.items() if text}


def _value(value: float | str | None) -> str:
    """A number, or a time to the second."""
    return value[:_SECOND].replace("T", " ") if isinstance(value, str) else f"{value:g}"


def _column(column: ColumnSpec) -> str:
    parts = [column.kind.value, "optional" if column.optional else ""]
    if column.low is not None or column.high is not None:
        low, high = ("" if bound is None else f"{bound:g}" for bound in (column.low, column.high))
        parts.append(f"from {low} to {high}" if low and high else f"from {low}" if low else f"to {high}")
    parts += [f"one of {', '.join(column.values)}" if column.values else "", column.pattern]
    return ", ".join(part for part in parts if part)


def _segment(segment: Segment | None) -> str:
    if segment is None:
        return ""
    times = f", {_time(segment.earliest)} to {_time(segment.latest)}" if segment.earliest and segment.latest else ""
    return f"{segment.rows:,} in {_bytes(segment.size)}{times}, {segment.digest}"


def _rows(segment: Segment | None) -> str:
    return "0" if segment is None else f"{segment.rows:,}"


def _bytes(size: int) -> str:
    return quantity(float(size), "B")


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
