"""How far a collection goes: the offsets that it ends at, and when it ends anyway."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from seatrial.ports import EventBatch
from seatrial.records import CollectSpec

DEAD_LINES: Final = "dead lines"
"""`Collected.ended_by` of a collection that was ended because it is certain, or next to it, that too many lines are dead."""

_FEWEST: Final = 1_000
_FAR: Final = 10


class Bounds:
    """The end of a collection.

    Args:
        spec: what the configuration says.
        to: offsets to collect to, by partition; nothing is taken of other partitions then. Empty: all, as far as `spec` says.
        ends: where the partitions ended when it began.
    """

    def __init__(self, spec: CollectSpec, to: Mapping[str, int], ends: Mapping[str, int]) -> None:
        self._spec = spec
        self._to = dict(to)
        self._ends = dict(ends) if spec.to_end else {}

    @property
    def required(self) -> frozenset[str]:
        """Partitions that it can't end without."""
        return frozenset(self._to)

    def unknown(self, partitions: Iterable[str]) -> bool:
        """Whether there is a partition among these whose end has to be looked up."""
        return self._spec.to_end and not self._ends.keys() >= set(partitions)

    def learn(self, ends: Mapping[str, int]) -> None:
        """Take up the ends of partitions that came later; those that are known stay."""
        self._ends = dict(ends) | self._ends

    def takes(self, partition: str) -> bool:
        """Whether anything is taken of it."""
        return not self._to or partition in self._to

    def limit(self, partition: str) -> int | None:
        """Offset of a partition that is not taken any more; None: there is none."""
        known = [limits[partition] for limits in (self._to, self._ends) if partition in limits]
        return min(known, default=None)

    def cut(self, batch: EventBatch) -> EventBatch:
        """What of a batch is before the limit."""
        limit = self.limit(batch.partition)
        if limit is None or batch.following <= limit:
            return batch
        count = bisect_left(batch.offsets, limit)
        return replace(
            batch,
            offsets=batch.offsets[:count],
            values=batch.values[:count],
            times=batch.times[:count],
            keys=batch.keys[:count],
            following=limit,
        )

    def most(self, lines: int, wanted: int) -> int:
        """How many events may be asked for."""
        return wanted if self._spec.events is None else max(0, min(wanted, self._spec.events - lines))

    def seconds_left(self, elapsed: float) -> float | None:
        """Of the window; None without one."""
        return None if self._spec.window is None else max(0.0, self._spec.window - elapsed)

    def events_left(self, lines: int) -> int | None:
        """How many lines may still come until there are enough; None where that is not asked for."""
        return None if self._spec.events is None else self._spec.events - lines

    def offsets_left(self, positions: Mapping[str, int]) -> int | None:
        """How many offsets lie before the end, which are at least as many as lines; None where there is no end."""
        limits = {name: self.limit(name) for name in self._wanted(positions)}
        if not (self._to or self._spec.to_end) or None in limits.values():
            return None
        return sum(max(0, (limit or 0) - positions.get(name, 0)) for name, limit in limits.items())

    def ended(self, lines: int, elapsed: float, positions: Mapping[str, int]) -> str:
        """What ended it: `offset`, `events`, `end` or `window`; empty: it goes on."""
        if self._to and all(positions.get(name, -1) >= offset for name, offset in self._to.items()):
            return "offset"
        if self._spec.events is not None and lines >= self._spec.events:
            return "events"
        if self._spec.to_end and self._all_reached(positions):
            return "end"
        return "window" if self.seconds_left(elapsed) == 0 else ""

    def _all_reached(self, positions: Mapping[str, int]) -> bool:
        limits = {name: self.limit(name) for name in self._wanted(positions)}
        return all(limit is not None and positions.get(name, -1) >= limit for name, limit in limits.items())

    def _wanted(self, positions: Mapping[str, int]) -> Iterable[str]:
        return self._to or positions


def relevant(counts: Mapping[str, int]) -> int:
    """How many lines were the parser's business: neither somebody else's nor empty."""
    return counts.get("lines", 0) - counts.get("ignored", 0) - counts.get("empty", 0)


def hopeless(counts: Mapping[str, int], share: float, left: int | None) -> bool:
    """Whether too many lines will be dead at the end, whatever comes.

    Where it is not known how many lines are left, it is taken for certain after a thousand lines, if half of them and
    ten times as many as allowed are dead.
    """
    own, dead = relevant(counts), counts.get("dead", 0)
    if own < _FEWEST:
        return False
    if left is not None and dead > share * (own + left):
        return True
    return dead > max(0.5, _FAR * share) * own
