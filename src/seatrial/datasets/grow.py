"""What the next version of a dataset is, given the one that it is appended to: pure, and the place of its rules.

That nothing is lost and nothing is there twice rests on these: a draft goes on where the newest version ends, or there
is no version.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC

import msgspec

from seatrial.datasets.digest import digest_of
from seatrial.records import DatasetDraft, DatasetVersion, PermanentError, Segment, TemporaryError


class ParentMovedError(TemporaryError):
    """Somebody else appended a version first: what was collected goes on where the dataset no longer ends.

    The same draft is refused forever; a run that collects anew from the newest version's offsets is not.
    """


def next_version(draft: DatasetDraft, head: DatasetVersion | None) -> DatasetVersion:
    """The version that a draft becomes on top of the newest one, None before the first.

    Raises:
        ParentMovedError: the draft was made for another parent.
        PermanentError: it does not go on exactly where the parent ends: offsets are missing that are not counted as
            lost, or were taken before.
    """
    draft = _as_kept(draft)
    if draft.parent != (head.number if head else None):
        raise _moved(draft, head)
    before = head.offsets if head else {}
    _check_spans(draft, before)
    added = draft.added or Segment(digest="", rows=0, size=0)
    version = DatasetVersion(
        dataset=draft.dataset,
        number=head.number + 1 if head else 1,
        digest="",
        created=draft.created.astimezone(UTC),
        run=draft.run,
        columns=draft.columns,
        parent=draft.parent,
        parent_digest=head.digest if head else "",
        added=draft.added,
        quarantined=draft.quarantined,
        dead=draft.dead,
        spans=draft.spans,
        offsets={**before, **{partition: span.end for partition, span in draft.spans.items()}},
        counts=draft.counts,
        rows=(head.rows if head else 0) + added.rows,
        size=(head.size if head else 0) + added.size,
        note=draft.note,
    )
    return replace(version, digest=digest_of(version))


def draft_of(version: DatasetVersion) -> DatasetDraft:
    """The draft that a version was made from."""
    return DatasetDraft(
        dataset=version.dataset,
        parent=version.parent,
        run=version.run,
        created=version.created,
        columns=version.columns,
        added=version.added,
        quarantined=version.quarantined,
        dead=version.dead,
        spans=version.spans,
        counts=version.counts,
        note=version.note,
    )


def _as_kept(draft: DatasetDraft) -> DatasetDraft:
    """As it is read back (a bound of 1 is 1.0 then), so that the digest of what is read back is the same one."""
    return msgspec.json.decode(msgspec.json.encode(draft), type=DatasetDraft)


def _moved(draft: DatasetDraft, head: DatasetVersion | None) -> ParentMovedError:
    wanted = f"{draft.dataset}@{draft.parent}" if draft.parent else "a dataset without versions"
    return ParentMovedError(
        f"version is for {wanted}, and the newest one is {head.id if head else 'none'} by now: nothing was appended",
        where=draft.dataset,
        remedy="run it again: it begins where the newest version ends",
    )


def _check_spans(draft: DatasetDraft, offsets: Mapping[str, int]) -> None:
    gaps = 0
    for partition, span in draft.spans.items():
        start = offsets.get(partition, span.start)
        if span.end < span.start or span.start < start:
            raise _askew(draft, f"offsets {span.start} to {span.end} of {partition} were taken before {start} already")
        gaps += span.start - start
    if gaps > draft.counts.get("lost", 0):
        raise _askew(
            draft, f"{gaps} offsets are neither in it nor before it, and {draft.counts.get('lost', 0)} count as lost"
        )


def _askew(draft: DatasetDraft, what: str) -> PermanentError:
    return PermanentError(
        f"a version has to go on where the newest one ends: {what}",
        where=draft.dataset,
        remedy="nothing was appended; run it again, and if it stays so, please report it",
    )
