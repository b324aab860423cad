"""What was collected becomes a dataset version: from then on, and not earlier, these events count as taken."""

from dataclasses import replace
from pathlib import Path

from seatrial.datasets.grow import ParentMovedError
from seatrial.datasets.segments import keep_file, write_quarantine, write_segment
from seatrial.records import Checked, Collected, DatasetDraft, DatasetVersion, PermanentError, RetrainSpec, Verdict
from seatrial.retrain.check.before import VOLUME
from seatrial.retrain.steps import Standing, Stored
from seatrial.retrain.tools import RetrainTools


def store(
    run: str, spec: RetrainSpec, standing: Standing, collected: Collected, checked: Checked, tools: RetrainTools
) -> Stored:
    """Append the good rows; what was refused and what did not parse is kept beside them. Done again it is the same.

    Raises:
        PermanentError: somebody else took these events since the run looked, or the files can't be stored.
        TemporaryError: the book or the store does not answer.
    """
    known = tools.datasets.by_run(run)
    if known is not None:
        return _stored(known)
    if not _moves_on(spec, standing, collected):
        return _as_it_was(spec, standing, tools)
    try:
        return _stored(tools.datasets.append(_draft(run, spec, standing, collected, checked, tools)))
    except ParentMovedError as error:
        raise PermanentError(
            f"{error.what}: what was collected is in it already, or not where it was",
            where=spec.name,
            remedy="nothing was taken; begin another run",
        ) from error


def _moves_on(spec: RetrainSpec, standing: Standing, collected: Collected) -> bool:
    """Whether there is anything to note: events, or where a stream begins that is read from its latest on."""
    begins = spec.stream.first == "latest" and any(part not in standing.offsets for part in collected.spans)
    return begins or any(span.end > span.start for span in collected.spans.values())


def _draft(
    run: str, spec: RetrainSpec, standing: Standing, collected: Collected, checked: Checked, tools: RetrainTools
) -> DatasetDraft:
    archive, time = tools.archive, spec.checks.time
    refused = checked.verdict in {Verdict.FAIL, Verdict.ERROR}
    good = Path(checked.good_file) if checked.good_file and not refused else None
    bad = Path(checked.bad_file) if checked.bad_file else None
    volume = {} if checked.volume is None or refused else {VOLUME: round(checked.volume)}
    return DatasetDraft(
        dataset=spec.name,
        parent=_parent(spec, standing, tools),
        run=run,
        created=tools.trial.clock.now(),
        columns=spec.columns,
        added=None if good is None else write_segment(good, spec.columns, time, archive),
        quarantined=None if bad is None else write_quarantine(bad, time, archive),
        dead=keep_file(Path(collected.dead_file), archive) if collected.dead_file else "",
        spans=collected.spans,
        counts={**collected.counts, "quarantined": checked.bad, **volume},
        note=checked.headline if refused else "",
    )


def _parent(spec: RetrainSpec, standing: Standing, tools: RetrainTools) -> int | None:
    """The newest version, as long as nothing was taken from the stream since this run looked: rows may be admitted."""
    head = tools.datasets.head(spec.name)
    same = head is not None and dict(head.offsets) == dict(standing.offsets)
    return head.number if head is not None and same else standing.dataset


def _as_it_was(spec: RetrainSpec, standing: Standing, tools: RetrainTools) -> Stored:
    """Nothing came in."""
    if standing.dataset is None:
        return Stored(number=0, digest="", rows=0, added=0)
    return replace(_stored(tools.datasets.version(spec.name, standing.dataset)), added=0)


def _stored(version: DatasetVersion) -> Stored:
    return Stored(
        number=version.number,
        digest=version.digest,
        rows=version.rows,
        added=version.added.rows if version.added is not None else 0,
        offsets=version.offsets,
    )
