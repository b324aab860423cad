"""What people are told, and which of them want to hear it."""

from dataclasses import dataclass
from enum import StrEnum

from seatrial.records.verdict import Verdict


class EventKind(StrEnum):
    """What a notice is about."""

    TRIAL = "trial"
    PROMOTION = "promotion"
    DEPLOYMENT = "deployment"
    RELEASE = "release"
    RETRAINING = "retraining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message, independent of where it goes.

    Attributes:
        key: the same for the same message, so that a receiver can drop a repeated one.
        subject: one line.
        sentences: what happened, the most important first.
        headings, rows: the verdict table; may be empty.
        link: where the report is; empty where there is none.
        lines: of a log, shown as they are after everything else.
        pictures: paths of pictures on this machine, sent along where a receiver takes files.
    """

    key: str
    event: EventKind
    project: str
    subject: str
    verdict: Verdict | None = None
    sentences: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    link: str = ""
    lines: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySpec:
    """One receiver.

    Attributes:
        name: in messages about it; the URL itself holds secrets and is never shown.
        url: of apprise (`slack://…`, `mailto://…`, `json://…`); `${NAME}` refers to the caller's environment.
        events, verdicts: what it wants to hear; empty: everything. A notice without a verdict goes to all.
    """

    name: str
    url: str
    events: tuple[EventKind, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A notice that a receiver never got, although it was tried again and again.

    Attributes:
        receiver: by its name.
        subject: of the notice.
        reason: what the last try said.
        tries: how many there were.
    """

    receiver: str
    subject: str
    reason: str
    tries: int
