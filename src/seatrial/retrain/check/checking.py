"""The story of the data checks: each row by itself, then rows among one another, then the batch as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from seatrial.ports import Clock
from seatrial.records import Checked, Collected, ColumnSpec, DataCheckSpec, DataFinding, Verdict
from seatrial.records.verdict import worst
from seatrial.retrain.check.batch import Batch
from seatrial.retrain.check.before import Before
from seatrial.retrain.check.drift import find_drift
from seatrial.retrain.check.duplicates import check_keys, is_replay
from seatrial.retrain.check.said import (
    bad_rows_finding,
    dead_lines_finding,
    headline,
    reasons,
    refused_findings,
    replay_finding,
    rows_finding,
    together_finding,
    worst_first,
)
from seatrial.retrain.check.values import check_columns, check_project, check_times
from seatrial.retrain.check.volume import judge_volume, measure_volume
from seatrial.retrain.rows import opened

_MEMORY: Final = "1GB"
GOOD: Final = "good.parquet"
BAD: Final = "bad.parquet"


def check(
    collected: Collected,
    spec: DataCheckSpec,
    columns: Sequence[ColumnSpec],
    *,
    before: Before,
    folder: Path,
    clock: Clock,
    project: Path,
) -> Checked:
    """Check what was collected, and write the good rows and the bad ones apart.

    The same rows give the same files and findings, also when the step is done again later: what is ahead of the clock is
    held against the moment at which collecting ended.

    Args:
        collected: its file may be relative to `folder`, and empty where there are no rows.
        spec: what is checked.
        columns: of the dataset.
        before: its earlier versions.
        folder: of the run; `good.parquet` and `bad.parquet` are written there.
        clock: tells the time.
        project: folder in which the project's own schema is found.

    Raises:
        UsageError: the project's schema can't be loaded or applied. Nothing is quarantined then.
        PermanentError: the collected rows or earlier ones can't be read, or nothing can be written.
    """
    for name in (GOOD, BAD):
        (folder / name).unlink(missing_ok=True)
    if not collected.file:
        return _told([rows_finding(0, spec.fewest), dead_lines_finding(collected)], rows=0, bad=0)
    with opened(folder, what="the collected rows can't be checked", memory=_MEMORY) as connection:
        batch = Batch(connection, folder / collected.file, columns)
        findings = [*_check_rows(batch, spec, collected, before, clock, project)]
        bad = batch.bad()
        volume = measure_volume(batch, spec.time, collected)
        drift = find_drift(batch, spec, before)
        findings += [
            bad_rows_finding(batch, bad, spec.most_bad),
            rows_finding(batch.rows - bad, spec.fewest),
            *refused_findings(batch, spec),
            judge_volume(volume, batch.rows - bad, before.volumes, spec.volume),
            *drift.findings,
            dead_lines_finding(collected),
        ]
        told = _told(findings, rows=batch.rows, bad=bad)
        _write(batch, told, folder)
        return replace(
            told,
            good_file=_if_there(folder / GOOD),
            bad_file=_if_there(folder / BAD),
            volume=volume,
            profiles=drift.profiles,
        )


def _check_rows(
    batch: Batch, spec: DataCheckSpec, collected: Collected, before: Before, clock: Clock, project: Path
) -> Iterator[DataFinding]:
    """Note what is wrong with each row; gives what is wrong with all of them together."""
    check_columns(batch)
    if spec.schema:
        yield from map(together_finding, check_project(batch, spec.schema, project))
    check_times(batch, spec, collected.started, min(clock.now(), collected.ended))
    if spec.key:
        check_keys(batch, spec, before)
    elif spec.time and is_replay(batch, spec.time, before):
        yield replay_finding(batch.rows - batch.bad())


def _told(findings: Sequence[DataFinding], *, rows: int, bad: int) -> Checked:
    ordered = worst_first(findings)
    verdict = worst(finding.verdict for finding in ordered if finding.verdict is not None)
    refused = verdict is Verdict.FAIL
    return Checked(
        verdict=verdict,
        headline=headline(verdict, rows, bad, ordered),
        findings=ordered,
        good=0 if refused else rows - bad,
        bad=rows if refused else bad,
    )


def _write(batch: Batch, told: Checked, folder: Path) -> None:
    if told.verdict is Verdict.FAIL:
        batch.write_all_as_bad(folder / BAD, f"refused with its batch: {reasons(told.verdict, told.findings)}")
        return
    if told.good:
        batch.write_good(folder / GOOD)
    if told.bad:
        batch.write_bad(folder / BAD)


def _if_there(file: Path) -> str:
    return str(file) if file.exists() else ""
