"""The counts of one window, as they are kept: compact, mutable, and adding up.

Kept by version, since a window in which stable is replaced has two, and history from before a promotion is of another
version than the one that is stable now.
"""

from typing import TypeVar

import msgspec

from seatrial.records import Arm, ArmWindow, Part

K = TypeVar("K")

NEVER = -1
"""In `fresh`: seen in no earlier window."""


class PartTally(msgspec.Struct, array_like=True):
    """As `records.window.Part`."""

    requests: int = 0
    errors: int = 0
    latency: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, other: "PartTally") -> None:
        """Count another's requests, too."""
        self.requests += other.requests
        self.errors += other.errors
        add_counts(self.latency, other.latency)

    def part(self) -> Part:
        """As a record."""
        return Part(requests=self.requests, errors=self.errors, latency=self.latency)


class Tally(msgspec.Struct, array_like=True):
    """As `records.window.ArmWindow`, and what first-seen users are told from.

    Attributes:
        keyless: requests without a user's key; each is a user of its own.
        fresh: users of this window by when they were seen before: begin of that window in milliseconds since 1970, or
            NEVER. So the first-seen since any moment can be told later, exactly, from a handful of numbers.
    """

    arm: str
    version: str
    requests: int = 0
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    latency: dict[int, int] = msgspec.field(default_factory=dict)
    seconds: float = 0.0
    replicas: dict[str, PartTally] = msgspec.field(default_factory=dict)
    groups: dict[int, PartTally] = msgspec.field(default_factory=dict)
    keyless: int = 0
    fresh: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Count another's requests, too."""
        self.requests += other.requests
        add_counts(self.errors, other.errors)
        add_counts(self.latency, other.latency)
        self.seconds += other.seconds
        for name, part in other.replicas.items():
            self.replicas.setdefault(name, PartTally()).add(part)
        for group, part in other.groups.items():
            self.groups.setdefault(group, PartTally()).add(part)
        self.keyless += other.keyless
        add_counts(self.fresh, other.fresh)

    def arm_window(self, units: int | None) -> ArmWindow:
        """As a record, with this number of users."""
        return ArmWindow(
            requests=self.requests,
            errors=self.errors,
            latency=self.latency,
            seconds=self.seconds,
            replicas={name: part.part() for name, part in sorted(self.replicas.items())},
            groups={group: part.part() for group, part in sorted(self.groups.items())},
            units=units,
        )


class Open(msgspec.Struct, array_like=True):
    """A window that still gets lines.

    Attributes:
        service: name.
        start, length: milliseconds.
        tallies: of its sides.
        users: for each of these the keys of its users; a user belongs to the side on which it was first seen here.
    """

    service: str
    start: int
    length: int
    tallies: list[Tally] = msgspec.field(default_factory=list)
    users: list[set[str]] = msgspec.field(default_factory=list)

    @property
    def end(self) -> int:
        """When the next one begins."""
        return self.start + self.length


def add_counts(counts: dict[K, int], others: dict[K, int]) -> None:
    """Add numbers by key."""
    for key, count in others.items():
        counts[key] = counts.get(key, 0) + count


def side(tallies: list[Tally], arm: Arm, version: str) -> Tally:
    """What one side of a release got: requests of its version, and those that nobody of it answered.

    Args:
        tallies: of one or several windows.
        arm: the side.
        version: by its name in the log; empty for any.
    """
    total = Tally(arm.value, version)
    for tally in tallies:
        if tally.arm == arm.value and (not version or tally.version in {"", version}):
            total.add(tally)
    return total
