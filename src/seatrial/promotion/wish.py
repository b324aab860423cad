"""What was asked for, and what the steps of a promotion hand to each other.

Everything here is kept by the engine as JSON between two steps, so that another process can go on.
"""

from dataclasses import dataclass
from datetime import datetime

from seatrial.records import Actor, Notice, PromotionResult, PromotionSpec, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One `seatrial promote`.

    Attributes:
        project: its name; other projects may keep their promotions in the same database.
        model: its name in the registry.
        version: number of the one version; None for all that hold `source`.
        source: stage whose versions are promoted; empty: the one before the target.
        to: target stage; empty: the last of the project's.
        actor: for whom the run acts.
        commit, branch: of the project when it was asked; None where it has none.
        url: of the CI run; empty outside CI.
        out: absolute path of a further folder for the reports; empty for none.
        trial_only: the version is tried and tagged, and the stage is left to a release; whoever asked tells people.
    """

    project: str
    model: str
    actor: Actor
    version: int | None = None
    source: str = ""
    to: str = ""
    commit: str | None = None
    branch: str | None = None
    url: str = ""
    out: str = ""
    trial_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What will be done: these versions (the oldest first) into `stage`, as `spec` says, its tests filled in."""

    numbers: tuple[int, ...]
    stage: str
    spec: PromotionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """One promotion under way: its run, and which versions held the stage when it was decided what to compare with."""

    run: str
    number: int
    holders: tuple[int, ...]
    started: datetime

    @property
    def baseline(self) -> int | None:
        """The version to compare with: the newest of those that hold the stage."""
        return max(self.holders, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the trial found.

    Attributes:
        trial: id of its run; empty where it came to none.
        report: digest of its report in the workspace's store; None where there is none.
        page: path of the report for people; empty where there is none.
        interrupted: whether somebody ended it early; it is never a pass then.
        ended: when.
    """

    verdict: Verdict
    headline: str
    ended: datetime
    trial: str = ""
    report: str | None = None
    page: str = ""
    interrupted: bool = False

    @property
    def status(self) -> str:
        """For the tag `test_status`."""
        return "interrupted" if self.interrupted else self.verdict.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Whether the version holds the stage now, and why not if it passed."""

    promoted: bool
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of one version's promotion. `cut` says that somebody ended it, so nothing more is begun."""

    result: PromotionResult
    report: str | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of it, and to whom (the receivers' names)."""

    notice: Notice
    receivers: tuple[str, ...] = ()
