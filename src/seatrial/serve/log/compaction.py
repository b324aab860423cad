"""Small segments of one worker and date become bigger ones, without a lock and whoever else does the same.

A server that closes a segment every five seconds leaves 17,000 files a day, and each has a footer to be read. Which
segments are merged follows from their numbers alone: those of one aligned block (1–32, 33–64 … and 1–64 above them),
or the part of it that is there when nothing can be added to it any more. Blocks lie inside one another or apart, never
across, so the results of two compactions that know nothing of each other do too, and `records.telemetry.visible`
shows each row once whatever was written, deleted or left in between.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

from seatrial.records.telemetry import LABELS, PREDICTIONS, Segment, segment_name, visible
from seatrial.serve.log.places import Kept, Place, open_place
from seatrial.serve.log.segments import Broken, Content, Encoder, decode, reading

if TYPE_CHECKING:
    from arro3.core import RecordBatch

TARGET_ROWS = 1_000_000
QUIET_SECONDS = 600.0
"""A worker that wrote nothing for so long is taken to write no more."""

_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did.

    Attributes:
        merged: segments that were read and deleted.
        written: segments that they became.
        rows: in those.
        removed: leftovers of an earlier compaction that did not end, deleted now.
        broken: paths of files that are no whole segments; they were left alone.
    """

    merged: int = 0
    written: int = 0
    rows: int = 0
    removed: int = 0
    broken: tuple[str, ...] = ()

    def __add__(self, other: "Compacted") -> "Compacted":
        """Both together."""
        return Compacted(
            merged=self.merged + other.merged,
            written=self.written + other.written,
            rows=self.rows + other.rows,
            removed=self.removed + other.removed,
            broken=self.broken + other.broken,
        )


@dataclass(frozen=True, slots=True)
class Sized:
    """A segment and its rows."""

    segment: Segment
    rows: int


def folder_of(kind: str, day: date) -> str:
    """The folder of one date."""
    return f"{kind}/date={day.isoformat()}"


def date_of(path: str) -> date | None:
    """The date in a path; None where there is none."""
    found = _DATE.search(path)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def compact(
    target: str,
    *,
    day: date | None = None,
    target_rows: int = TARGET_ROWS,
    clock: Callable[[], float] = time.time,
) -> Compacted:
    """Merges what can be merged, of workers that run and of those that are gone.

    Of a worker that wrote within the last ten minutes, only whole blocks of numbers are merged.

    Args:
        target: as in `LogOptions`.
        day: only this UTC date.
        target_rows: no merged segment has more; so many rows are held in memory, about 100 bytes each.
        clock: unix seconds.

    Raises:
        UsageError: the target is none.
        OSError, obstore.exceptions.BaseError: it can't be read or written.
    """
    place = open_place(target)
    done = Compacted()
    for kind in (PREDICTIONS, LABELS):
        kept = place.list(kind if day is None else folder_of(kind, day))
        ends = _ends(kept)
        for (found_day, worker), files in sorted(_by_worker(kept).items()):
            last = max(segment.last for segment in visible(one.path for one in files))
            quiet = max(one.modified for one in files) < clock() - QUIET_SECONDS
            final = quiet or last < ends[worker]
            done += compact_files(place, folder_of(kind, found_day), files, target_rows=target_rows, final=final)
    return done


def compact_files(
    place: Place,
    folder: str,
    files: Sequence[Kept],
    *,
    target_rows: int,
    final: bool,
    block: range | None = None,
    rest: Callable[[], None] = lambda: None,
) -> Compacted:
    """Merges segments of one worker and date.

    Args:
        place: where they are.
        folder: of the date.
        files: all of that worker and date.
        target_rows: no merged segment has more.
        final: whether no segment will be added to them.
        block: only segments whose numbers lie in it.
        rest: called between steps.
    """
    segments = [one for one in map(Segment.parse, (one.path for one in files)) if one and _within(one, block)]
    shown = visible(one.path for one in segments)
    try:
        sized, broken = _sizes(place, shown)
    except FileNotFoundError:
        # Another compaction is at work: what is gone must not be taken for a gap between two dates.
        return Compacted()
    hidden = [one.path for one in segments if one not in shown and any(_holds(each.segment, one) for each in sized)]
    place.delete(hidden)
    done = Compacted(removed=len(hidden), broken=broken)
    for group in plan(sized, target_rows, final=final):
        done += _merge(place, folder, group, rest)
    return done


def _within(segment: Segment, block: range | None) -> bool:
    return block is None or (segment.first in block and segment.last in block)


def _holds(outer: Segment, inner: Segment) -> bool:
    return outer.worker == inner.worker and outer.first <= inner.first and inner.last <= outer.last


def plan(segments: Sequence[Sized], target_rows: int, *, final: bool) -> list[list[Sized]]:
    """Which segments become one, each group in the order of their numbers.

    Args:
        segments: of one worker and date, none inside another, by number.
        target_rows: of one group at most.
        final: whether the last run of numbers ends for good. Of one that may still grow, only whole blocks are taken.
    """
    groups: list[list[Sized]] = []
    runs = list(_runs(segments))
    for index, run in enumerate(runs):
        last = run[-1].segment.last
        size = 1 << (last - 1).bit_length()
        groups += _blocks(run, range(1, size + 1), target_rows, ended=final or index + 1 < len(runs))
    return groups


def _blocks(run: list[Sized], block: range, target_rows: int, *, ended: bool) -> Iterator[list[Sized]]:
    """The largest blocks of a run that are whole and small enough: this one, or those of its halves."""
    inside = [one for one in run if one.segment.first in block and one.segment.last in block]
    if len(inside) < 2:  # noqa: PLR2004 - nothing to merge
        return
    first, last = run[0].segment.first, run[-1].segment.last
    whole = inside[0].segment.first == max(block.start, first) and (
        inside[-1].segment.last == block.stop - 1 or (ended and inside[-1].segment.last == last)
    )
    if whole and sum(one.rows for one in inside) <= target_rows:
        yield inside
        return
    middle = (block.start + block.stop) // 2
    yield from _blocks(run, range(block.start, middle), target_rows, ended=ended)
    yield from _blocks(run, range(middle, block.stop), target_rows, ended=ended)


def _runs(segments: Sequence[Sized]) -> Iterator[list[Sized]]:
    """Segments whose numbers follow one another; a number that is missing belongs to another date."""
    run: list[Sized] = []
    for one in segments:
        if run and one.segment.first != run[-1].segment.last + 1:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _sizes(place: Place, segments: Sequence[Segment]) -> tuple[list[Sized], tuple[str, ...]]:
    sized, broken = [], []
    for segment in segments:
        try:
            with closing(place.open(segment.path)) as file:
                sized.append(Sized(segment, decode(file).rows))
        except Broken:
            broken.append(segment.path)
    return sized, tuple(broken)


def _merge(place: Place, folder: str, group: Sequence[Sized], rest: Callable[[], None]) -> Compacted:
    """Writes one segment, then deletes those that it holds; does nothing where another compaction was faster."""
    first, last = group[0].segment, group[-1].segment
    path = f"{folder}/{segment_name(first.worker, first.first, last.last)}"
    rows = sum(one.rows for one in group)
    try:
        contents = [_content(place, one.segment.path, rest) for one in group]
        schema = contents[0].schema
        if any(one.schema != schema for one in contents):
            return Compacted()
        with reading():
            whole = Encoder(schema).encode(_batches(contents), rows, rest)
    except FileNotFoundError:
        return Compacted()
    except Broken:
        return Compacted(broken=tuple(one.segment.path for one in group))
    place.write(path, whole)
    place.delete([one.segment.path for one in group])
    return Compacted(merged=len(group), written=1, rows=rows)


def _content(place: Place, path: str, rest: Callable[[], None]) -> Content:
    rest()
    return decode(BytesIO(place.read(path)))


def _batches(contents: Sequence[Content]) -> "Iterator[RecordBatch]":
    for content in contents:
        yield from content.batches


def _ends(kept: Sequence[Kept]) -> dict[str, int]:
    """The highest number of each worker."""
    ends: defaultdict[str, int] = defaultdict(int)
    for segment in filter(None, (Segment.parse(one.path) for one in kept)):
        ends[segment.worker] = max(ends[segment.worker], segment.last)
    return ends


def _by_worker(kept: Sequence[Kept]) -> dict[tuple[date, str], list[Kept]]:
    """The segments of each date and worker."""
    found: defaultdict[tuple[date, str], list[Kept]] = defaultdict(list)
    for one in kept:
        segment, day = Segment.parse(one.path), date_of(one.path)
        if segment is not None and day is not None:
            found[day, segment.worker].append(one)
    return dict(found)
