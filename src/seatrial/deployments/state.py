"""What the supervisor knows of one deployment at one moment: the facts that `plan` decides on, and what they amount to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from seatrial.records import DeployState, DeployWish

DOOR = -1
"""Index of the place where the program runs that holds the address; replicas count from 0."""

MANY_FAILURES = 3


class Phase(StrEnum):
    """Where an instance stands.

    STARTING: it has not answered yet. READY: it answers. SILENT: it did, and doesn't any more. STOPPING: it was told to
    end. ENDED: it did so by itself.
    """

    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One instance as it is now.

    Attributes:
        cell: its name, never used before or again.
        index: its place: of a replica, or DOOR.
        fingerprint: of the wish that it was started for.
        behind_door: whether it takes its connections from the door, and so keeps the door's socket open.
        sick: why it should be stopped, in words; empty while it is well.
    """

    cell: str
    index: int
    fingerprint: str
    phase: Phase
    behind_door: bool = False
    sick: str = ""

    @property
    def lives(self) -> bool:
        """Whether it is there to stay."""
        return self.phase not in {Phase.STOPPING, Phase.ENDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is remembered of one place, whoever fills it; it outlives the supervisor.

    Attributes:
        starts: how often something was started here; also numbers the instances.
        failures: in a row; each makes the next pause longer.
        restarts: failures of what runs here now, all of them.
        was_ready: whether the last one was ready before it ended.
        not_before: seconds since the epoch; nothing is started here earlier.
        reason: why the last one failed; empty once another is ready.
        fingerprint: of the wish that the failures belong to.
    """

    index: int
    starts: int = 0
    failures: int = 0
    restarts: int = 0
    was_ready: bool = False
    not_before: float = 0.0
    reason: str = ""
    fingerprint: str = ""

    @property
    def fails(self) -> bool:
        """Whether there is no point in waiting: it was never ready, or it fell over again and again."""
        return self.failures > 0 and (not self.was_ready or self.failures >= MANY_FAILURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How far what is needed before a start (files, code, stack) is.

    Attributes:
        fingerprint: of the wish that was prepared; empty if nothing was yet.
        running: whether it is being done.
        failures: in a row.
        not_before: seconds since the epoch.
        reason: why it failed the last time.
        shared: whether replicas take their connections from a door; None before that is known.
    """

    fingerprint: str = ""
    running: bool = False
    failures: int = 0
    not_before: float = 0.0
    reason: str = ""
    shared: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One deployment at one moment.

    Attributes:
        now: seconds since the epoch.
        spare_socket: whether the supervisor has the door's socket, so that another door could be given it.
    """

    now: float
    fingerprint: str
    instances: tuple[Seen, ...] = ()
    places: Mapping[int, Place] = field(default_factory=dict)
    preparation: Preparation = field(default_factory=Preparation)
    spare_socket: bool = False

    def place(self, index: int) -> Place:
        """What is remembered of a place; its failures are forgiven when something else is to run there."""
        found = self.places.get(index, Place(index=index))
        if index != DOOR and found.fingerprint not in {"", self.fingerprint}:
            return Place(index=index, starts=found.starts, fingerprint=self.fingerprint)
        return found

    @property
    def prepared(self) -> bool:
        """Whether a replica of what is wanted now can be started."""
        return self.preparation.fingerprint == self.fingerprint

    @property
    def shared(self) -> bool:
        """Whether the replicas are behind a door."""
        if self.preparation.shared is not None:
            return self.preparation.shared
        return any(seen.behind_door for seen in self.instances)

    def can_have(self, replicas: int) -> int:
        """How many of so many replicas there can be: one, where it takes the address for itself."""
        return min(replicas, 1) if self.preparation.shared is False else replicas

    def living(self, index: int) -> tuple[Seen, ...]:
        """The instances at a place that are there to stay."""
        return tuple(seen for seen in self.instances if seen.index == index and seen.lives)

    def fresh(self, index: int) -> tuple[Seen, ...]:
        """Those of them that are what is wanted now."""
        return tuple(seen for seen in self.living(index) if seen.fingerprint == self.fingerprint)

    def is_ready(self, index: int) -> bool:
        """Whether a replica of what is wanted answers there."""
        return any(seen.phase is Phase.READY for seen in self.fresh(index))


def state_of(wish: DeployWish, world: World) -> DeployState:
    """What all of it amounts to, for people."""
    if wish.replicas == 0:
        return DeployState.STOPPED
    missing = [index for index in range(wish.replicas) if not world.is_ready(index)]
    if not missing:
        return DeployState.READY
    troubles = [world.place(index) for index in missing]
    answers = any(seen.phase is Phase.READY and seen.index != DOOR for seen in world.instances)
    if answers:
        unable = world.can_have(wish.replicas) < wish.replicas
        hurt = unable or world.preparation.failures or any(place.failures for place in troubles)
        return DeployState.DEGRADED if hurt else DeployState.STARTING
    failed = world.preparation.failures or _is_shut(world) or all(place.fails for place in troubles)
    return DeployState.FAILED if failed else DeployState.STARTING


def trouble_of(wish: DeployWish, world: World) -> str:
    """Why not all of it is as wanted, in words; empty where nothing is wrong."""
    if wish.replicas == 0:
        return ""
    if world.preparation.failures:
        return world.preparation.reason
    if _is_shut(world):
        return world.place(DOOR).reason
    if world.can_have(wish.replicas) < wish.replicas:
        return "only servers of `serve:` can share an address, so it has one replica"
    missing = (world.place(index) for index in range(wish.replicas) if not world.is_ready(index))
    return next((place.reason for place in missing if place.reason), "")


def _is_shut(world: World) -> bool:
    """Whether the address can't be had."""
    return world.place(DOOR).fails and not any(seen.phase is Phase.READY for seen in world.living(DOOR))
