"""One release's judgement over many calls: what is kept between two of them, in a file or in an answer.

The judge is asked by others: by a cron job, by Argo Rollouts every half minute, by Flagger's hooks. Each of their calls is a
process or a request of its own, so that everything that the judge knows has to survive between them, and a window that is
handed in twice must not count twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from seatrial.files import write_whole
from seatrial.judge.release import JudgeState, begin, dump, load, update, warm
from seatrial.records import Judgement, JudgePolicy, Threshold, UsageError
from seatrial.web.windows import Given

_VERSION: Final = 1


@dataclass(slots=True, kw_only=True)
class Session:
    """A release that is being judged.

    Attributes:
        begun: begin of the first window that was judged; what came before is history.
        judged_to: end of the last window; earlier ones are passed over.
        asked: when it was last asked for, where somebody keeps count.
        last: what was said of the last window.
        notes: what a reader of its answers should know.
    """

    policy: JudgePolicy
    thresholds: tuple[Threshold, ...] = ()
    state: JudgeState
    begun: datetime | None = None
    judged_to: datetime | None = None
    asked: datetime | None = None
    last: Judgement | None = None
    notes: tuple[str, ...] = ()


def begin_session(policy: JudgePolicy, thresholds: Sequence[Threshold] = ()) -> Session:
    """A release of which nothing has been seen yet."""
    return Session(policy=policy, thresholds=tuple(thresholds), state=begin(policy, thresholds))


def feed(session: Session, given: Given) -> Judgement | None:
    """What is said after a further window; None if it was seen before, or only is history.

    Windows with weight zero that come before any other are stable's history: they are learned from, not judged.
    """
    window = given.window
    if session.judged_to is not None and window.start < session.judged_to:
        return None
    session.judged_to = window.end
    if given.warm or (session.begun is None and window.weight == 0):
        warm(session.state, window)
        return None
    session.begun = session.begun or window.start
    session.last = update(session.state, window, given.values)
    return session.last


def remember(session: Session, given: Given) -> None:
    """Learn from a window of the past."""
    warm(session.state, given.window)


def dump_session(session: Session) -> bytes:
    """All of it as JSON; `load_session` makes one of it that judges on bit for bit alike."""
    kept = {
        "version": _VERSION,
        "policy": session.policy,
        "thresholds": session.thresholds,
        "begun": session.begun,
        "judged_to": session.judged_to,
        "asked": session.asked,
        "last": session.last,
        "notes": session.notes,
        "judge": dump(session.state).decode(),
    }
    return json.dumps(msgspec.to_builtins(kept, str_keys=True)).encode()


def check_policy(session: Session, policy: JudgePolicy, thresholds: Sequence[Threshold], *, where: str) -> None:
    """Raises UsageError if the session was begun with another policy."""
    if (policy, tuple(thresholds)) != (session.policy, session.thresholds):
        raise UsageError(
            "this release was begun with another policy, and its error rates hold for that one",
            where=where,
            remedy="give the same policy, or begin anew under another name",
        )


def load_session(data: bytes, *, where: str) -> Session:
    """What `dump_session` wrote. Raises UsageError if it is something else."""
    try:
        kept: dict[str, Any] = json.loads(data)
        if kept.pop("version") != _VERSION:
            raise UsageError("it was written by another version", where=where, remedy="begin anew under another name")
        state = load(kept.pop("judge").encode())
        plain = msgspec.convert(kept, type=_Plain, str_keys=True)
    except (ValueError, KeyError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise UsageError(
            f"this is no state of the judge: {error}", where=where, remedy="delete it, and it begins anew"
        ) from None
    return Session(
        policy=plain.policy,
        thresholds=plain.thresholds,
        state=state,
        begun=plain.begun,
        judged_to=plain.judged_to,
        asked=plain.asked,
        last=plain.last,
        notes=plain.notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """What is kept beside the judge's own state."""

    policy: JudgePolicy
    thresholds: tuple[Threshold, ...]
    begun: datetime | None
    judged_to: datetime | None
    asked: datetime | None
    last: Judgement | None
    notes: tuple[str, ...]


def keep(path: Path, data: bytes) -> None:
    """Put a session in place of the one before, for this user alone; it outlives a power cut."""
    write_whole(path, data, mode=0o600, durable=True)
