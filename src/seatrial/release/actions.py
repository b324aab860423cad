"""What can be done with a release: each action is data, decided in one place and carried out in another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from seatrial.records import Release, ReleaseEventKind
from seatrial.release.state import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """Ask the gateway to give the canary these thousandths of the requests, and of copies."""

    weight: int
    mirror: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Run a version in the canary's place; `spare`: the old one, ready to return, with as many replicas as stable."""

    number: int
    digest: str
    spare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceStable:
    """Replace stable by a version, replica by replica."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCanary:
    """Take away what runs in the canary's place, after its requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStage:
    """Hand the stage of the registry over; `back`: to the version that held it before."""

    back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Tell people, once: of its promotion, of going back, of a pause, or that a person has to approve."""

    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Change what is kept of the release, with a line of its timeline.

    Attributes:
        changes: fields of `Release`.
        kind, text, who: of the line; no text: no line.
        order: number of the order that is answered by it.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    kind: ReleaseEventKind = ReleaseEventKind.PHASE
    text: str = ""
    who: str = ""
    order: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Its turn has come: look up what it is compared with, and who holds the stage, and begin."""

    baseline: int | None
    become: Become


Action = Begin | Steer | Deploy | ReplaceStable | RemoveCanary | MoveStage | Tell | Become
Actions = tuple[Action, ...]
Rule = Callable[[Release, World], Actions | None]
WAIT: Final[Actions] = ()
