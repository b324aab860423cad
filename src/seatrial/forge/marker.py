"""The hidden first line of our comments: which project a comment is of, and what it remembers for the next run.

    <!-- seatrial:4c1f0a9d2b7e6c35 v1 eyJjdXJyZW50Ijp7… -->

The project's name is there as the first 16 hexadecimal digits of its SHA-256, so that no name can end the line; the state
is JSON in base64url. Whoever may edit the comment can write anything there: what can't be read is an empty state, and what
is read is text and addresses that are escaped like anybody's.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from seatrial.records import PostedComment, Verdict
from seatrial.wording.text import clip, one_line

MOST = 10
LONGEST_HEADLINE = 240
_LONGEST_STATE = 65_536
_LONGEST_WORD = 200
_LONGEST_LINK = 500
_LINE = re.compile(r"<!-- seatrial:([0-9a-f]{16}) v1 ([A-Za-z0-9_-]*) -->(?:\r?\n|$)")


class Outcome(StrEnum):
    """What became of the trial of one commit, or how far it is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    BROKEN = "broken"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    PASS = "pass"  # noqa: S105 - a word of a verdict
    FAIL = "fail"

    @property
    def is_live(self) -> bool:
        """Whether it is still to come to an end."""
        return self in {Outcome.QUEUED, Outcome.RUNNING}

    @property
    def weight(self) -> int:
        """How much it tells: nothing yet, that it never came to a result, or a result."""
        if self.is_live:
            return 0
        return 1 if self in {Outcome.SUPERSEDED, Outcome.CANCELLED} else 2

    @staticmethod
    def of(verdict: Verdict) -> "Outcome":
        """That of a trial with this verdict."""
        return Outcome(verdict.value)


Instant = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The trial of one commit as the comment remembers it.

    Attributes:
        run: key of the run.
        link: page of its report or run; empty if there is none.
        at: when the run was first heard of.
    """

    commit: str
    outcome: Outcome
    headline: str = ""
    run: str = ""
    link: str = ""
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a comment remembers: what it is about, and the commits before, the newest first."""

    current: Entry | None = None
    earlier: tuple[Entry, ...] = ()


EMPTY = State()


def project_token(project: str) -> str:
    """What stands for a project's name in the marker."""
    return hashlib.sha256(project.encode("utf-8", "replace")).hexdigest()[:16]


def marker(project: str, state: State) -> str:
    """The hidden line."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(state)).rstrip(b"=").decode()
    return f"<!-- seatrial:{project_token(project)} v1 {packed} -->"


def is_ours(comment: PostedComment, project: str) -> bool:
    """Whether a comment is the one of this project: the marker begins it, and nobody else is known to have written it."""
    found = _LINE.match(comment.body)
    return comment.own is not False and found is not None and found[1] == project_token(project)


def read_state(body: str) -> State:
    """What a comment remembers; an empty state where that can't be read."""
    found = _LINE.match(body)
    if found is None or len(found[2]) > _LONGEST_STATE:
        return EMPTY
    try:
        packed = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
        state = msgspec.json.decode(packed, type=State)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        return EMPTY
    return State(
        current=_bounded(state.current) if state.current else None,
        earlier=tuple(_bounded(entry) for entry in state.earlier[:MOST]),
    )


def without_marker(body: str) -> str:
    """The text of a comment below its marker."""
    found = _LINE.match(body)
    return (body[found.end() :] if found else body).strip("\r\n")


def merged(entries: Iterable[Entry], *, without: str = "") -> tuple[Entry, ...]:
    """The last ten commits, one entry each, the newest first.

    Args:
        entries: in any order.
        without: a commit that is left out.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.commit, []).append(entry)
    groups.pop(without, None)
    best = [most_telling(group, commit) for commit, group in groups.items()]
    return tuple(sorted(best, key=lambda entry: (entry.at, entry.commit), reverse=True)[:MOST])


def most_telling(entries: Iterable[Entry], commit: str) -> Entry:
    """Of several entries of one commit the one that tells most, of those the latest."""
    return max((entry for entry in entries if entry.commit == commit), key=_telling)


def _telling(entry: Entry) -> tuple[int, datetime, str, str, str]:
    return entry.outcome.weight, entry.at, entry.run, entry.outcome.value, entry.headline


def shortened(state: State, level: int) -> State:
    """The state in fewer bytes: short headlines at level 1, three commits at 2, none at 3, nothing at 4."""
    if level > 3:  # noqa: PLR2004 - the last level
        return EMPTY
    kept = state.earlier[: (MOST, MOST, 3, 0)[level]]
    if level:
        kept = tuple(replace(entry, headline=clip(entry.headline, 60)) for entry in kept)
    return State(current=state.current, earlier=kept)


def bounded_headline(headline: str) -> str:
    """A headline as it is remembered."""
    return one_line(headline, LONGEST_HEADLINE)


def _bounded(entry: Entry) -> Entry:
    return replace(
        entry,
        commit=one_line(entry.commit, _LONGEST_WORD),
        headline=bounded_headline(entry.headline),
        run=one_line(entry.run, _LONGEST_WORD),
        link=entry.link if len(entry.link) <= _LONGEST_LINK else "",
    )
