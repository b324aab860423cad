"""Lines of the access log become windows of each service: pure, so that the same lines always give the same counts.

A window is over once the horizon has passed its end: the moment up to which the log is known to be whole. A line counts
in the window of its own time, except that it never counts in one that is over (then in the earliest that isn't) nor in
one that has yet to come: so a clock that was set back or forth makes no window twice, and loses no line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar
from zlib import crc32

from seatrial.gateway.log.counted import Counted, counted
from seatrial.gateway.log.moments import length_of, milliseconds
from seatrial.gateway.log.tally import Open, PartTally, Tally
from seatrial.records import AccessLine
from seatrial.records.window import latency_bin

K = TypeVar("K")

GROUPS: Final = 64
DEFAULT_SECONDS: Final = 10.0
_DEFAULT: Final = length_of(DEFAULT_SECONDS)


@dataclass(slots=True)
class _Filling:
    """An open window with what makes a line quick to count."""

    window: Open
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, window: Open) -> Self:
        return cls(
            window,
            {(tally.arm, tally.version): place for place, tally in enumerate(window.tallies)},
            {user: _group(user) for users in window.users for user in users},
        )

    def count(self, line: AccessLine, what: Counted) -> None:
        key = (line.assigned.value, line.version if what.own else "")
        place = self.places.get(key)
        if place is None:
            place = self.places[key] = len(self.window.tallies)
            self.window.tallies.append(Tally(*key))
            self.window.users.append(set())
        tally = self.window.tallies[place]
        index = latency_bin(line.seconds) if what.timed else None
        tally.requests += 1
        if what.error:
            tally.errors[what.error] = tally.errors.get(what.error, 0) + 1
        if index is not None:
            tally.latency[index] = tally.latency.get(index, 0) + 1
            tally.seconds += line.seconds
        if line.endpoint and line.served in {None, line.assigned}:
            _count(tally.replicas, line.endpoint, index, what.error)
        if line.unit:
            _count(tally.groups, self._seen(line.unit, place), index, what.error)
        else:
            tally.keyless += 1

    def _seen(self, unit: str, place: int) -> int:
        """A user's group; the first time here, the user is noted."""
        group = self.groups.get(unit)
        if group is None:
            group = self.groups[unit] = _group(unit)
            self.window.users[place].add(unit)
        return group


class Aggregate:
    """The windows that still get lines.

    Args:
        seconds: of a service's windows, by name; ten for all others.
        opened: those that an earlier seatrial left.
        horizon: milliseconds; windows that end by then are over.
    """

    def __init__(self, seconds: Mapping[str, float], opened: Iterable[Open] = (), horizon: int = 0) -> None:
        self._lengths: dict[str, int] = {}
        self._horizon = horizon
        self._open: dict[tuple[str, int, int], _Filling] = {
            (window.service, window.start, window.length): _Filling.of(window) for window in opened
        }

        self.cut(seconds)

    def cut(self, seconds: Mapping[str, float]) -> None:
        """Make new windows so long; those that are open stay as they are."""
        self._lengths = {service: length_of(length) for service, length in seconds.items()}

    @property
    def shortest(self) -> int:
        """Milliseconds of the shortest windows that there may be."""
        return min([_DEFAULT, *self._lengths.values()])

    @property
    def horizon(self) -> int:
        """Windows that end by then are over; milliseconds."""
        return self._horizon

    def add(self, line: AccessLine, now: int) -> Counted | None:
        """Count a line; what it counted as, None where it doesn't.

        Args:
            line: of the log.
            now: the moment, in milliseconds; no line is from later.
        """
        what = counted(line)
        if what is None:
            return None
        at = max(min(milliseconds(line.time), now), self._horizon)
        length = self._lengths.get(line.service, _DEFAULT)
        key = (line.service, at - at % length, length)
        filling = self._open.get(key)
        if filling is None:
            filling = self._open[key] = _Filling(Open(*key))
        filling.count(line, what)
        return what

    def close(self, horizon: int) -> list[Open]:
        """The windows that are over now, by begin; they are no longer kept here. A horizon never goes back."""
        self._horizon = max(self._horizon, horizon)
        over = [key for key, filling in self._open.items() if filling.window.end <= self._horizon]
        return sorted((self._open.pop(key).window for key in over), key=lambda window: (window.start, window.service))

    def opened(self) -> list[Open]:
        """Those that aren't over."""
        return [filling.window for filling in self._open.values()]


def _group(unit: str) -> int:
    return crc32(unit.encode("utf-8", "replace")) % GROUPS


def _count(parts: dict[K, PartTally], key: K, index: int | None, error: str) -> None:
    part = parts.get(key)
    if part is None:
        part = parts[key] = PartTally()
    part.requests += 1
    if error:
        part.errors += 1
    if index is not None:
        part.latency[index] = part.latency.get(index, 0) + 1
