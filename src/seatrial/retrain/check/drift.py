"""Whether the values of each column still are as in the rows before, by the size of the change.

As the drift of a prediction log is: by the population stability index without what chance gives, and its interval
(`telemetry.distances`). A column is judged only where a limit is set and the interval tells: too few rows refuse nothing, and
many rows don't make a small change a large one. The rows before are the newest, as many as the batch has or more; of either at
most `SAMPLE` are looked at, chosen by their number, which is more than the interval's length needs.
"""

# ruff: noqa: S608 - names are quoted by `name`, files by `text`

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from seatrial.records import ColumnKind, ColumnProfile, ColumnSpec, DataCheckSpec, DataFinding, Segment, Verdict
from seatrial.retrain.check.batch import Batch
from seatrial.retrain.check.before import Before
from seatrial.retrain.check.types import typed, types_of
from seatrial.retrain.rows import ROW
from seatrial.telemetry.distances import (
    Binned,
    Floats,
    Numbers,
    Sample,
    Stability,
    Texts,
    bin_numbers,
    bin_texts,
    merged,
    stability,
)
from seatrial.telemetry.log import name, text
from seatrial.telemetry.reference import as_texts
from seatrial.wording.text import count, one_line

DRIFT: Final = "drift"
SAMPLE: Final = 200_000
_RECENT: Final = 20_000
_SMALL: Final = 0.1
_LARGE: Final = 0.25
_MOST_BINS: Final = 12
_GOLDEN: Final = 2_654_435_761
_WORD: Final = 2**32
_NUMERIC: Final = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found of all columns."""

    findings: tuple[DataFinding, ...]
    profiles: tuple[ColumnProfile, ...]


def find_drift(batch: Batch, spec: DataCheckSpec, before: Before) -> Drift:
    """Compare the clean rows with the newest rows before, column by column, as far as there are any."""
    columns = [column for column in batch.columns if _is_compared(column, spec)]
    rows = batch.rows - batch.bad()
    if not columns or not rows:
        return Drift(findings=(), profiles=())
    segments = _newest(before.segments, rows)
    earlier = sum(segment.rows for segment in segments)
    if segments:
        _view_before(batch, columns, [before.file(segment) for segment in segments])
    compared = []
    for column in columns:
        now = _sample(batch, column, "clean", ROW, rows)
        then = _sample(batch, column, "before", "file_row_number", earlier) if segments else None
        compared.append((column.name, now, then))
    return Drift(
        findings=tuple(
            _judged(name, _binned(then, now), spec.drift) for name, now, then in compared if then is not None
        ),
        profiles=tuple(_profile(name, now, then) for name, now, then in compared),
    )


def _is_compared(column: ColumnSpec, spec: DataCheckSpec) -> bool:
    if column.kind is ColumnKind.TIME:
        return False
    return column.name in spec.drift_columns if spec.drift_columns else column.name not in spec.key


def _newest(segments: Sequence[Segment], rows: int) -> list[Segment]:
    """The last ones that have at least so many rows together."""
    wanted = max(rows, _RECENT)
    taken: list[Segment] = []
    while len(taken) < len(segments) and sum(segment.rows for segment in taken) < wanted:
        taken.append(segments[-1 - len(taken)])
    return taken


def _view_before(batch: Batch, columns: Sequence[ColumnSpec], files: Sequence[Path]) -> None:
    listed = ", ".join(text(str(file)) for file in files)
    source = f"SELECT * FROM read_parquet([{listed}], union_by_name = true, file_row_number = true)"
    selected = ", ".join(typed(columns, types_of(batch.connection, source)))
    batch.connection.execute(f"CREATE VIEW before AS SELECT file_row_number, {selected} FROM ({source})")


def _sample(batch: Batch, column: ColumnSpec, view: str, number: str, rows: int) -> Sample:
    """Of a view's column, from about `SAMPLE` of its rows: those whose number, spread by Knuth's multiplicative hash, is low."""
    value = f"{name(column.name)}::DOUBLE" if column.kind in _NUMERIC else f"{name(column.name)}::VARCHAR"
    chosen = f"{number} * {_GOLDEN} % {_WORD} < {min(1.0, SAMPLE / rows) * _WORD:.0f}"
    found = batch.connection.execute(
        f'SELECT {value} AS "value", count(*)::DOUBLE AS "rows" FROM {view} WHERE {chosen} GROUP BY ALL ORDER BY ALL'
    ).fetchnumpy()
    values, counts = found["value"], found["rows"]
    if column.kind in _NUMERIC:
        return Numbers.of(np.ma.filled(values.astype(np.float64), np.nan), counts)
    pairs = dict(zip(np.ma.asarray(values).tolist(), counts.tolist(), strict=True))
    return Texts({key: each for key, each in pairs.items() if key is not None}, pairs.get(None, 0.0))


def _binned(before: Sample, now: Sample) -> Binned:
    """Both in the same bins, as `reference` and `current`.

    Categories are the most frequent of both together: those that are frequent in one sample by chance alone would look
    rarer in the other.
    """
    if isinstance(before, Numbers) and isinstance(now, Numbers) and before.rows + now.rows:
        if before.rows:
            return bin_numbers(before, now)
        turned = bin_numbers(now, before)
        return Binned(turned.names, turned.current, turned.reference)
    both = as_texts(merged([before, now]))
    left, right = (bin_texts(both, as_texts(one)) for one in (before, now))
    return Binned(left.names, left.current, right.current)


def _judged(column: str, binned: Binned, limit: float | None) -> DataFinding:
    found = stability(binned)
    index = max(0.0, found.psi - found.chance)
    said = f"population stability index {index:.3g} (90% interval {found.low:.3g} to {found.high:.3g})"
    finding = DataFinding(check=DRIFT, column=column, value=index, limit=limit)
    if limit is None:
        return replace(finding, reason=f"{said}: {_size(found)}")
    if found.low <= limit <= found.high:
        fewest = int(min(binned.reference.sum(), binned.current.sum()))
        return replace(finding, reason=f"{said}: {count(fewest, 'row')} can't tell whether it is above {limit:g}")
    if found.low > limit:
        return replace(finding, verdict=Verdict.FAIL, reason=f"{said}, at most {limit:g}; {_moved(binned)}")
    return replace(finding, verdict=Verdict.PASS, reason=f"{said}, at most {limit:g}")


def _size(found: Stability) -> str:
    if found.high < _SMALL:
        return "a small change at most"
    return "a large change" if found.low > _LARGE else "between a small change and a large one"


def _moved(binned: Binned) -> str:
    """The bin whose share changed most."""
    before, now = _shares(binned.reference), _shares(binned.current)
    most = int(np.argmax(np.abs(now - before)))
    return f"{_label(binned.names[most])} went from {before[most]:.1%} of the rows to {now[most]:.1%}"


def _profile(column: str, now: Sample, before: Sample | None) -> ColumnProfile:
    binned = _few(_binned(now if before is None else before, now))
    used = (binned.reference + binned.current) > 0
    labels = tuple(_label(one) for one, is_used in zip(binned.names, used, strict=True) if is_used)
    return ColumnProfile(
        column=column,
        labels=labels,
        now=tuple(_shares(binned.current)[used].tolist()),
        before=() if before is None else tuple(_shares(binned.reference)[used].tolist()),
    )


def _few(binned: Binned) -> Binned:
    """With no more bins than a picture has room for: the smallest are among `others`, which is the last but `missing`."""
    room = _MOST_BINS - 2
    if len(binned.names) <= room + 2:
        return binned
    shares = _shares(binned.reference)[:-2] + _shares(binned.current)[:-2]
    kept = sorted(np.argsort(-shares, kind="stable")[:room].tolist())
    reference, current = (
        np.array([*one[kept], one[:-1].sum() - one[kept].sum(), one[-1]]) for one in (binned.reference, binned.current)
    )
    return Binned((*(binned.names[place] for place in kept), *binned.names[-2:]), reference, current)


def _shares(counts: Floats) -> Floats:
    total = counts.sum()
    return counts / total if total else counts


def _label(text: str) -> str:
    return one_line(text, 40) or "''"
