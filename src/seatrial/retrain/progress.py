"""How far a retraining is, for whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.records import RetrainPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainProgress:
    """One moment of a retraining.

    Attributes:
        text: what is being done, in a few words: `12,400 lines, 3 dead`; a line of the trainer's log.
        share: how much of the phase is done, 0 to 1; None where that is not known.
    """

    run: str
    name: str
    phase: RetrainPhase
    text: str = ""
    share: float | None = None


RetrainWatcher = Callable[[RetrainProgress], None]


def unwatched(_: RetrainProgress) -> None:
    """Nobody watches."""
