"""Takes rows out of quarantine on a person's word: as a new version, because no version ever changes."""

from datetime import datetime
from pathlib import Path

from seatrial.datasets.book import DatasetBook
from seatrial.datasets.cache import SegmentCache
from seatrial.datasets.names import find_head
from seatrial.datasets.segments import write_admitted
from seatrial.ports import Store
from seatrial.records import Actor, ColumnKind, ColumnSpec, DatasetDraft, DatasetVersion, UsageError
from seatrial.wording.text import count


def admit(
    version: DatasetVersion,
    *,
    only: str,
    reason: str,
    actor: Actor,
    at: datetime,
    book: DatasetBook,
    store: Store,
    files: SegmentCache,
    folder: Path,
) -> DatasetVersion:
    """Append a version with the quarantined rows of an older one.

    Args:
        version: whose rows they are.
        only: rows that were refused for a reason with this in it; empty: all.
        reason: why they count after all; it stays in the version's note.
        actor: who says so.
        at: when.
        book: of the dataset.
        store: where segments are kept.
        files: where they are read from.
        folder: where a file is made, and removed.

    Raises:
        UsageError: no reason was given, the version has no such rows, or some of them were admitted before.
        TemporaryError: another version was appended meanwhile.
    """
    if not reason.strip():
        raise UsageError("why do these rows count after all?", where=version.id, remedy="give a reason: --reason TEXT")
    run = f"admit:{version.id}"
    _refuse_second(book.by_run(run), version)
    if version.quarantined is None:
        raise UsageError("no row of it is in quarantine", where=version.id, remedy="look: seatrial data list")
    head = find_head(version.dataset, book)
    source = files.file(version.quarantined.digest)
    added = write_admitted(source, head.columns, _time_of(head.columns), store, only=only, folder=folder)
    if not added.rows:
        raise UsageError(
            f"none of its quarantined rows was refused for {only!r}",
            where=version.id,
            remedy=f"read why: seatrial data checkout {version.id} --quarantined --format csv --out quarantined.csv",
        )
    draft = DatasetDraft(
        dataset=version.dataset,
        parent=head.number,
        run=run,
        created=at,
        columns=head.columns,
        added=added,
        counts={"admitted": added.rows},
        note=f"{actor.name} took in {count(added.rows, 'quarantined row')} of {version.id}: {reason.strip()}",
    )
    admitted = book.append(draft)
    # Of two people at the same moment one was first.
    if (admitted.note, admitted.created) != (draft.note, at):
        _refuse_second(admitted, version)
    return admitted


def _refuse_second(admitted: DatasetVersion | None, version: DatasetVersion) -> None:
    if admitted is not None:
        raise UsageError(
            f"its quarantined rows were admitted before, by {admitted.id}: {admitted.note}", where=version.id
        )


def _time_of(columns: tuple[ColumnSpec, ...]) -> str:
    """The time column, where there is no doubt; else rows are found by nothing but their segment."""
    times = [column.name for column in columns if column.kind is ColumnKind.TIME]
    return times[0] if len(times) == 1 else ""
