"""What the bot knows: what a forge told it, and the trials that it runs for pull requests."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from seatrial.records.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRepository:
    """A repository that the bot serves.

    Attributes:
        name: `owner/name`.
        projects: folders with a configuration, relative to its root.
        label: only pull requests with this label are tried; empty: all.
        forks: whether someone with write access may have a fork's pull request tried.
    """

    name: str
    projects: tuple[str, ...] = (".",)
    label: str = ""
    forks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BotSpec:
    """The bot of `seatrial server`.

    Attributes:
        host, port: where it takes webhooks and shows its pages.
        secret: that signs webhooks, as written (`${NAME}`).
        concurrency: trials of deployments at once in one process; more than one disturb each other's measurements.
        url: under which people reach its pages; empty: they are not linked.
        token: password of its pages, as written (`${NAME}`); empty: they are shown on this machine only.
        keep: seconds that ended trials and their reports are kept.
    """

    repositories: tuple[WatchedRepository, ...]
    secret: str
    host: str = "127.0.0.1"
    port: int = 8300
    concurrency: int = 1
    url: str = ""
    token: str = ""
    keep: float = 90 * 86_400.0

    def watched(self, name: str) -> WatchedRepository | None:
        """The repository of this name; forges write names as people did, so that case does not count."""
        return next((each for each in self.repositories if each.name.casefold() == name.casefold()), None)


class HookKind(StrEnum):
    """What happened at a forge that the bot cares for."""

    OPENED = "opened"
    SYNCHRONISED = "synchronised"
    REOPENED = "reopened"
    LABELLED = "labelled"
    CLOSED = "closed"
    COMMENTED = "commented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One delivery of a forge, verified.

    Attributes:
        delivery: the forge's id of it, or a digest of its body where it has none; a second one is a replay.
        head: newest commit of the pull request; empty where the forge does not say (comments).
        label: that was added.
        author: account that did it.
        comment, comment_id: text and id of a new comment.
    """

    delivery: str
    kind: HookKind
    repository: str
    number: int
    head: str = ""
    label: str = ""
    author: str = ""
    comment: str = ""
    comment_id: str = ""


class TrialState(StrEnum):
    """Where a trial of the bot stands. `broken`: it came to no report."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    BROKEN = "broken"

    @property
    def is_live(self) -> bool:
        """Whether it is still to come to an end."""
        return self in {TrialState.QUEUED, TrialState.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTrial:
    """One trial of one project at one commit of a pull request.

    Attributes:
        id: made from what it is for and the delivery that asked, so that asking twice is once; also its page's address.
        project: folder of the project in the repository.
        name: of the project; empty until its configuration was read.
        confined: it is a fork's: without secrets and without network.
        asked_by: account that asked by a comment; empty where the push did.
        cancelling: why it shall end, once somebody or something wants that; empty otherwise.
        worker: name of the process that runs it.
        report, page: digests of `report.json` and `report.html` in the store.
        why: what broke, or why it was cancelled.
    """

    id: str
    repository: str
    number: int
    commit: str
    project: str = "."
    name: str = ""
    attribute: bool = False
    confined: bool = False
    asked_by: str = ""
    state: TrialState = TrialState.QUEUED
    cancelling: str = ""
    worker: str = ""
    queued: datetime
    started: datetime | None = None
    ended: datetime | None = None
    verdict: Verdict | None = None
    headline: str = ""
    report: str = ""
    page: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellProgress:
    """Where one cell of a live trial is (`seatrial.trial.progress.Progress` as a record); `cell` is empty for the whole."""

    cell: str
    stage: str
    detail: str = ""
    done: int = 0
    total: int = 0
    failed: bool = False
