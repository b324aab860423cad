"""What is known of a release's world at one moment: the facts that `decide` goes by."""

from dataclasses import dataclass
from datetime import datetime

from seatrial.records import DeployState, InForce, Judgement, OrderKind, Release, ReleasePhase

MANY_RESTARTS = 3
"""A deployment that fell over so often and does not stand now is in a crash loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One arm of a service as it is now.

    Attributes:
        there: whether there is such a deployment that shall run.
        number: of the version that shall run there; None where something else runs it and nobody knows.
        ready: whether all its replicas run that version and answer.
        answers: how many replicas answer, of whatever version.
        wanted: how many there shall be.
        restarts: how often replicas of what shall run there failed.
        static: something else runs it; nothing can be started, replaced or removed.
        why: what is wrong, in words.
        replicas: what tells these replicas from others that came in their place.
    """

    there: bool = False
    number: int | None = None
    ready: bool = False
    answers: int = 0
    wanted: int = 0
    restarts: int = 0
    state: DeployState | None = None
    static: bool = False
    why: str = ""
    replicas: tuple[str, ...] = ()

    @property
    def loops(self) -> bool:
        """Whether it falls over again and again."""
        down = self.state in {DeployState.FAILED, DeployState.DEGRADED}
        return down and self.restarts >= MANY_RESTARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person told a release to do.

    Attributes:
        number: in the book; they are obeyed in its order.
        release: its id.
        reason: in their words; may be empty.
    """

    number: int
    release: str
    kind: OrderKind
    who: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that a decision may depend on, beside the release itself.

    Attributes:
        now: the wall clock.
        passed: seconds since the release's times were last added up, by a clock that does not jump.
        judgement: the last one; None before the first.
        in_force: what the gateway says that it does; None where it does not say or knows no such service.
        order: the oldest that was not obeyed yet.
        busy: why another release goes first, in words; empty where none does.
        writable: whether everything that was seen could be written down.
    """

    now: datetime
    stable: Side
    canary: Side
    passed: float = 0.0
    judgement: Judgement | None = None
    in_force: InForce | None = None
    order: Order | None = None
    busy: str = ""
    writable: bool = True

    def does(self, weight: int, mirror: int) -> bool:
        """Whether the gateway says that it does this. One that knows no canary sends it nothing."""
        found = self.in_force
        return found is not None and (found.weight, found.mirror) == (weight, mirror)


def elapsed(release: Release, world: World) -> float:
    """Seconds that `longest` bounds."""
    return release.elapsed + (world.passed if release.phase is ReleasePhase.STEPPING else 0.0)


def phase_elapsed(release: Release, world: World) -> float:
    """Seconds in this phase."""
    return release.phase_elapsed + world.passed


def step_elapsed(release: Release, world: World) -> float:
    """Seconds in this step."""
    return release.step_elapsed + (world.passed if release.phase is ReleasePhase.STEPPING else 0.0)
