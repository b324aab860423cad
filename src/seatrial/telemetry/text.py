"""Reports as tables of text: what a reader needs at 100 columns; the JSON has the rest."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby

from seatrial.logs import shown
from seatrial.records import Verdict
from seatrial.telemetry.drift import ColumnDrift, DriftReport, DriftStep
from seatrial.telemetry.latency import LatencyReport, LatencyStep
from seatrial.telemetry.quality import QualityReport
from seatrial.telemetry.scores import Score
from seatrial.telemetry.segments import SegmentFacts, SegmentsReport
from seatrial.telemetry.sql import Answer
from seatrial.telemetry.window import Bucket
from seatrial.wording.grid import Grid

__all__ = [
    "Grid",
    "answer_grid",
    "drift_grid",
    "drift_sentence",
    "drift_steps_grid",
    "latency_grid",
    "quality_grid",
    "segments_grid",
    "sparkline",
]

NONE = "–"
_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_STEPS = 60
_KIB = 1024
_MOST_NAMES = 6
_MOST_BINS = 12


def latency_grid(report: LatencyReport) -> Grid:
    """A row a step and version, in milliseconds; below, how the 99th percentile went."""
    columns: dict[str, Callable[[LatencyStep], str]] = {
        "time": lambda step: _time(step.time, report.by),
        "version": lambda step: shown(step.version),
        "requests": lambda step: f"{step.requests:,}",
        "rows": lambda step: f"{step.rows:,}",
        "errors": lambda step: _share(step.errors),
        "p50 ms": lambda step: _ms(step.total.p50),
        "p90": lambda step: _ms(step.total.p90),
        "p95": lambda step: _ms(step.total.p95),
        "p99": lambda step: _ms(step.total.p99),
        "queue p50": lambda step: _ms(step.queue.p50),
        "model p50": lambda step: _ms(step.model.p50),
    }
    if all(step.rows == step.requests for step in report.steps):
        del columns["rows"]
    return Grid(
        headings=tuple(columns),
        rows=tuple(tuple(cell(step) for cell in columns.values()) for step in report.steps),
        right=frozenset(columns) - {"time", "version"},
        below=tuple(_courses(report.steps)),
    )


def quality_grid(report: QualityReport) -> Grid:
    """A row a step and version."""
    headings = ("time", "version", "rows", "labelled", "missing", *report.metrics)
    rows = tuple(
        (
            _time(step.time, report.by),
            shown(step.version),
            f"{step.rows:,}",
            f"{step.labelled:,} ({_share(step.coverage)})",
            f"{step.missing:,}",
            *(_score(step.scores[metric]) for metric in report.metrics),
        )
        for step in report.steps
    )
    unmatched = (f"{report.unmatched:,} labels belong to none of these predictions",) if report.unmatched else ()
    return Grid(
        headings=headings,
        rows=rows,
        right=frozenset({"rows", "labelled", "missing"}),
        below=(*report.notes, *unmatched),
    )


def drift_grid(report: DriftReport) -> Grid:
    """A row a column, over all rows together; none where no row was answered."""
    compared = report.whole.columns if report.whole.rows else ()
    columns: dict[str, Callable[[ColumnDrift], str]] = {
        "column": lambda column: f"→ {shown(column.column)}" if column.output else shown(column.column),
        "verdict": lambda column: column.verdict.value,
        "psi": lambda column: _number(column.psi),
        "interval": lambda column: NONE if column.low is None else f"{_number(column.low)}…{_number(column.high)}",
        "size": lambda column: column.size.value if column.size else NONE,
        "moved": _moved,
        "missing": _missing,
        "reference": lambda column: _shape([one.reference for one in column.bins]),
        "now": lambda column: _shape([one.current for one in column.bins]),
    }
    return Grid(
        headings=tuple(columns),
        rows=tuple(tuple(cell(column) for cell in columns.values()) for column in compared),
        right=frozenset({"psi", "moved", "missing"}),
        below=(*_reasons(compared), *report.notes),
    )


def drift_steps_grid(report: DriftReport) -> Grid:
    """A row a step of time, with the column that moved most."""
    rows = tuple(_drift_step_row(step, report.by) for step in report.steps)
    return Grid(
        headings=("time", "rows", "verdict", "largest psi", "column"),
        rows=rows,
        right=frozenset({"rows", "largest psi"}),
    )


def drift_sentence(report: DriftReport) -> str:
    """What the verdict rests on."""
    rows = f"{report.whole.rows:,} rows against {report.reference_rows:,} of {shown(report.reference)}"
    failed = [column.column for column in report.whole.columns if column.verdict is Verdict.FAIL]
    open_ = [column.column for column in report.whole.columns if column.verdict is Verdict.INCONCLUSIVE]
    steps = [_time(step.time, report.by) for step in report.steps if step.verdict is Verdict.FAIL]
    if not report.whole.rows:
        return "there is no answered row to compare"
    if failed:
        return f"drifted: {_names(failed)}; {rows}"
    if steps:
        return f"drifted in {_names(steps)}; {rows}"
    return f"undecided: {_names(open_)}; {rows}" if open_ else f"no column drifted; {rows}"


def _names(names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:_MOST_NAMES]))
    return listed if len(names) <= _MOST_NAMES else f"{listed} and {len(names) - _MOST_NAMES} more"


def segments_grid(report: SegmentsReport) -> Grid:
    """A row a folder; below, each file that is not read."""
    rows = tuple(
        _folder_row(folder, list(files))
        for folder, files in groupby(report.segments, key=lambda one: one.name.rpartition("/")[0])
    )
    return Grid(
        headings=("folder", "files", "rows", "bytes", "workers", "first", "last"),
        rows=rows,
        right=frozenset({"files", "rows", "bytes", "workers"}),
        below=tuple(f"{shown(one.name)}: {one.problem}" for one in report.segments if one.problem),
    )


def answer_grid(answer: Answer) -> Grid:
    """Rows of a query as they are."""
    numbers = {
        heading
        for place, heading in enumerate(answer.columns)
        if all(isinstance(row[place], int | float | None) for row in answer.rows)
    }
    return Grid(
        headings=answer.columns,
        rows=tuple(tuple(_value(value) for value in row) for row in answer.rows),
        right=frozenset(numbers),
        below=(f"there are more than these {len(answer.rows):,} rows",) if answer.more else (),
    )


def _value(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, float):
        return f"{value:.6g}"
    return shown(str(value).replace("\n", " "))


def _reasons(columns: Sequence[ColumnDrift]) -> Iterable[str]:
    """Why columns are undecided."""
    yield from (f"{shown(column.column)}: {column.note}" for column in columns if column.note)
    needed = [f"{shown(column.column)} {column.needed:,}" for column in columns if column.needed]
    if needed:
        yield f"rows that would settle it, about: {', '.join(needed)}"


def _shape(shares: Sequence[float]) -> str:
    return sparkline(shares) if len(shares) <= _MOST_BINS else f"{len(shares)} bins"


def _moved(column: ColumnDrift) -> str:
    """By how much, in the words of the kind of column."""
    if column.wasserstein is not None:
        return f"{_number(column.wasserstein)} sd"
    return NONE if column.total_variation is None else _share(column.total_variation)


def _missing(column: ColumnDrift) -> str:
    if column.missing == column.missing_reference:
        return _share(column.missing or 0.0)
    return f"{_share(column.missing_reference or 0.0)} → {_share(column.missing or 0.0)}"


def _drift_step_row(step: DriftStep, by: Bucket) -> tuple[str, ...]:
    measured = [column for column in step.columns if column.psi is not None]
    largest = max(measured, key=lambda column: (column.psi or 0.0) - (column.chance or 0.0), default=None)
    name, index = (shown(largest.column), _number(largest.psi)) if largest else (NONE, NONE)
    return (_time(step.time, by), f"{step.rows:,}", step.verdict.value, index, name)


def _folder_row(folder: str, files: Sequence[SegmentFacts]) -> tuple[str, ...]:
    read = [one for one in files if not one.problem]
    firsts, lasts = [one.first for one in read if one.first], [one.last for one in read if one.last]
    return (
        shown(folder),
        f"{len(files):,}",
        f"{sum(one.rows or 0 for one in read):,}",
        _bytes(sum(one.bytes for one in files)),
        str(len({one.worker for one in files if one.worker})),
        _clock(min(firsts, default=None)),
        _clock(max(lasts, default=None)),
    )


def _courses(steps: Sequence[LatencyStep]) -> Iterable[str]:
    """How the 99th percentile of each version went over time."""
    for version in sorted({step.version for step in steps}):
        values = [step.total.p99 for step in steps if step.version == version and step.total.p99 is not None]
        if len(values) > 1:
            last = values[-_MOST_STEPS:]
            yield f"p99 {shown(version)} {sparkline(last)} {_ms(min(last))} … {_ms(max(last))} ms"


def sparkline(values: Iterable[float]) -> str:
    """Values as small bars; the largest is full, zero is the lowest."""
    every = list(values)
    top = max(every, default=0.0)
    if top <= 0:
        return _BLOCKS[0] * len(every)
    return "".join(_BLOCKS[round(max(0.0, value) / top * (len(_BLOCKS) - 1))] for value in every)


def _time(time: datetime | None, by: Bucket) -> str:
    if time is None:
        return "all"
    return f"{time:%Y-%m-%d}" if by is Bucket.DAY else f"{time:%Y-%m-%d %H:%M}"


def _clock(time: datetime | None) -> str:
    return NONE if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _ms(seconds: float | None) -> str:
    return NONE if seconds is None else _significant(seconds * 1000)


def _significant(value: float) -> str:
    """Three digits that count, without an exponent."""
    size = abs(value)
    digits = next((digits for limit, digits in ((100, 0), (10, 1), (1, 2)) if size >= limit), 3)
    return f"{value:,.{digits}f}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}" if abs(value) < 1000 else f"{value:.3g}"  # noqa: PLR2004 - width


def _share(value: float) -> str:
    percent = 100 * value
    return f"{percent:.0f}%" if percent in {0.0, 100.0} else f"{percent:.2g}%" if percent < 1 else f"{percent:.1f}%"


def _score(score: Score) -> str:
    if score.value is None:
        return NONE
    interval = "" if score.low is None or score.high is None else f" {_figure(score.low)}…{_figure(score.high)}"
    return f"{_figure(score.value)}{interval}"


def _figure(value: float) -> str:
    """Of any size, in few characters."""
    digits = next((digits for limit, digits in ((1000, 0), (100, 1), (10, 2)) if abs(value) >= limit), 3)
    return f"{value:,.{digits}f}" if abs(value) < 1e6 else f"{value:.3g}"  # noqa: PLR2004 - width


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < _KIB:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KIB
    return f"{size:.1f} GiB"
