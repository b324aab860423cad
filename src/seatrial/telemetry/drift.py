"""Whether inputs and answers still look as they did in training: per column, by the size of the change.

A column passes if its population stability index is shown to be below the limit, fails if it is shown to be above, and is
inconclusive while chance could explain either (`distances` says how). The other distances are shown, not judged.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import ceil

from seatrial.records import UsageError, Verdict
from seatrial.records.verdict import worst
from seatrial.telemetry.distances import (
    Binned,
    Numbers,
    Sample,
    Stability,
    Texts,
    bin_numbers,
    bin_texts,
    kolmogorov_smirnov,
    merged,
    scaled_wasserstein,
    stability,
    total_variation,
)
from seatrial.telemetry.log import PredictionLog
from seatrial.telemetry.reference import (
    ANSWERED,
    OUTPUT,
    Reference,
    as_texts,
    input_samples,
    of_one_kind,
    output_samples,
)
from seatrial.telemetry.window import Bucket

LIMIT = 0.2


class Size(StrEnum):
    """Of a change, by its index without what chance gives: below half the limit, below the limit, above."""

    SMALL = "small"
    MODERATE = "moderate"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin of a column: its share in the reference and in the log."""

    name: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """One column compared with the reference.

    Attributes:
        column: an input's name, or `prediction` for the answers.
        output: whether it holds the answers.
        kind: `number` or `category`.
        verdict: by `low`, `high` and the limit.
        size: by `psi` − `chance`; None where nothing could be compared.
        rows: with a value, of the log.
        missing, missing_reference: shares of rows without one.
        psi: population stability index as the rows have it.
        chance: what it would be on average without any change.
        low, high: interval (90 %) of the index without what chance gives.
        needed: about how many rows would settle it; None where it is settled or more rows would not do.
        ks, ks_p: Kolmogorov and Smirnov's distance of numbers, and its p-value: with many rows it is small whatever
            the size of the change, so that nothing depends on it.
        wasserstein: mean way that values moved, in standard deviations of the reference.
        total_variation: share of rows that are in another category.
        bins: of the index.
        note: why something is not there.
    """

    column: str
    output: bool
    kind: str
    verdict: Verdict
    size: Size | None = None
    rows: int = 0
    missing: float | None = None
    missing_reference: float | None = None
    psi: float | None = None
    chance: float | None = None
    low: float | None = None
    high: float | None = None
    needed: int | None = None
    ks: float | None = None
    ks_p: float | None = None
    wasserstein: float | None = None
    total_variation: float | None = None
    bins: tuple[Bin, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftStep:
    """All columns in one step of time; the worst of them is its verdict."""

    time: datetime | None
    rows: int
    verdict: Verdict
    columns: tuple[ColumnDrift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """The log against the reference.

    Attributes:
        verdict: that of all rows together; fail if a step fails. Steps too short to tell don't change it.
        limit: of the index.
        reference: as it was named.
        reference_rows: how many it has.
        by: length of a step.
        whole: all rows together.
        steps: by time; empty for `all`.
        notes: what could not be compared.
    """

    verdict: Verdict
    limit: float
    reference: str
    reference_rows: int
    by: Bucket
    whole: DriftStep
    steps: tuple[DriftStep, ...]
    notes: tuple[str, ...] = ()


def find_drift(
    log: PredictionLog,
    reference: Reference,
    by: Bucket = Bucket.ALL,
    *,
    limit: float = LIMIT,
    ignore: Collection[str] = (),
) -> DriftReport:
    """Compare inputs and answers of the selected predictions with a reference.

    Args:
        log: the predictions.
        reference: what they are compared with.
        by: length of a step.
        limit: of the population stability index; above 0.
        ignore: columns to leave out.

    Raises:
        UsageError: the reference has none of the log's columns, or the log none of the ignored ones.
    """
    columns = _comparable(log, reference, by, ignore)
    counts = _counts(log, by)
    whole = _step(None, sum(counts.values()), [column.compared(column.whole, limit) for column in columns])
    steps = tuple(
        _step(by.begins(step), rows, [column.compared(column.steps.get(step), limit) for column in columns])
        for step, rows in sorted(counts.items())
        if by is not Bucket.ALL
    )
    failed = [step.verdict for step in steps if step.verdict is Verdict.FAIL]
    return DriftReport(
        verdict=worst([whole.verdict, *failed]),
        limit=limit,
        reference=reference.source,
        reference_rows=reference.rows,
        by=by,
        whole=whole,
        steps=steps,
        notes=_notes(log, reference, ignore),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column's sample in the reference, and those of the log by step."""

    name: str
    output: bool
    reference: Sample
    steps: Mapping[int, Sample]

    @property
    def whole(self) -> Sample | None:
        return merged(list(self.steps.values())) if self.steps else None

    def compared(self, current: Sample | None, limit: float) -> ColumnDrift:
        """The log's sample of one step, or of all, against the reference."""
        reference, current = of_one_kind(self.reference, current or Texts({}))
        numbers = isinstance(reference, Numbers) and isinstance(current, Numbers)
        facts = ColumnDrift(
            column=self.name,
            output=self.output,
            kind="number" if numbers else "category",
            verdict=Verdict.INCONCLUSIVE,
            rows=round(current.rows),
            missing=_missing(current),
            missing_reference=_missing(reference),
            note=_why_not(reference, current),
        )
        return facts if facts.note else _measured(facts, reference, current, limit)


def _comparable(log: PredictionLog, reference: Reference, by: Bucket, ignore: Collection[str]) -> list[_Column]:
    unknown = sorted(set(ignore) - {OUTPUT, *log.inputs})
    if unknown:
        remedy = f"it has {_listed(log.inputs)}"
        raise UsageError(f"the log has no column {unknown[0]!r}", where="--ignore", remedy=remedy)
    columns = [
        _Column(name=column, output=False, reference=reference.inputs[column], steps=steps)
        for column, steps in input_samples(log, by.expression).items()
        if column in reference.inputs and column not in ignore
    ]
    if reference.output is not None and OUTPUT not in ignore:
        steps = output_samples(log, by.expression)
        columns.append(_Column(name=OUTPUT, output=True, reference=reference.output, steps=steps))
    if not columns:
        raise UsageError(
            "the reference has no column of the log",
            where=reference.source,
            remedy=f"it has {_listed(reference.inputs)}; the log has {_listed(log.inputs)}",
        )
    return columns


def _counts(log: PredictionLog, by: Bucket) -> dict[int, int]:
    query = f"SELECT coalesce({by.expression}, 0), count(*) FROM predictions WHERE {ANSWERED} GROUP BY ALL"  # noqa: S608 - our own expressions
    return dict(log.run(lambda connection: connection.execute(query).fetchall()))


def _step(time: datetime | None, rows: int, columns: Sequence[ColumnDrift]) -> DriftStep:
    return DriftStep(time=time, rows=rows, verdict=worst(one.verdict for one in columns), columns=tuple(columns))


def _why_not(reference: Sample, current: Sample) -> str:
    if current.rows + current.missing == 0:
        return "no row"
    if current.rows == 0:
        return "no value was logged: redacted, or always missing"
    return "" if reference.rows else "the reference has no value"


def _measured(facts: ColumnDrift, reference: Sample, current: Sample, limit: float) -> ColumnDrift:
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        distance, p_value = kolmogorov_smirnov(reference, current)
        moved = scaled_wasserstein(reference, current)
        facts = replace(facts, ks=distance, ks_p=p_value, wasserstein=moved)
        binned = bin_numbers(reference, current)
    else:
        binned = bin_texts(as_texts(reference), as_texts(current))
        facts = replace(facts, total_variation=total_variation(binned))
    found = stability(binned)
    verdict = _verdict(found, limit)
    return replace(
        facts,
        verdict=verdict,
        size=_size(found.psi - found.chance, limit),
        psi=found.psi,
        chance=found.chance,
        low=found.low,
        high=found.high,
        needed=_needed(binned, found, limit) if verdict is Verdict.INCONCLUSIVE else None,
        bins=_bins(binned),
    )


def _verdict(found: Stability, limit: float) -> Verdict:
    if found.high < limit:
        return Verdict.PASS
    return Verdict.FAIL if found.low > limit else Verdict.INCONCLUSIVE


def _size(index: float, limit: float) -> Size:
    if index < limit / 2:
        return Size.SMALL
    return Size.MODERATE if index < limit else Size.LARGE


def _needed(binned: Binned, found: Stability, limit: float) -> int | None:
    """Rows for which the interval would just reach the limit, where its length falls with their square root."""
    rows = float(binned.current.sum())
    index = max(0.0, found.psi - found.chance)
    if rows >= binned.reference.sum() or index == limit:
        return None
    return ceil(rows * ((found.high - index) / abs(limit - index)) ** 2)


def _bins(binned: Binned) -> tuple[Bin, ...]:
    reference, current = binned.reference / binned.reference.sum(), binned.current / binned.current.sum()
    every = zip(binned.names, reference.tolist(), current.tolist(), strict=True)
    return tuple(Bin(name=name, reference=one, current=other) for name, one, other in every if one or other)


def _missing(sample: Sample) -> float | None:
    every = sample.rows + sample.missing
    return sample.missing / every if every else None


def _notes(log: PredictionLog, reference: Reference, ignore: Collection[str]) -> tuple[str, ...]:
    return tuple(_noted(log, reference, ignore))


def _noted(log: PredictionLog, reference: Reference, ignore: Collection[str]) -> Iterator[str]:
    absent = [column for column in log.inputs if column not in reference.inputs and column not in ignore]
    if absent:
        yield f"not in the reference, so not compared: {', '.join(absent)}"
    if reference.output is None:
        yield "the answers are not compared: the reference has no column prediction (--output names another)"
    query = f"SELECT DISTINCT version FROM predictions WHERE {ANSWERED} ORDER BY ALL"  # noqa: S608 - our own expression
    versions = [str(row[0]) for row in log.run(lambda connection: connection.execute(query).fetchall())]
    if len(versions) > 1:
        yield f"versions {', '.join(versions)} are taken together; --version picks one"


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
