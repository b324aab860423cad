"""What the bot does about a delivery. Pure: all that it rests on goes in, and actions come out, for anybody to check.

Deciding again, after a crash in the middle of acting, gives the same trials: their ids are made from what asked for them.

A fork's commits run only after somebody with write access said `/seatrial run`, and for the commit that the forge then
calls the newest. Where it can be told that a commit came after the words (the forge names the head that was commented
on, or a push waits to be dealt with), they don't count for it: nobody has looked at that commit.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from seatrial.bot import why
from seatrial.forge.commands import Command, CommandKind, parse_command
from seatrial.records import (
    BotTrial,
    Hook,
    HookKind,
    Permission,
    PostedComment,
    PullRequest,
    PullState,
    TrialState,
    WatchedRepository,
)

LONGEST_COMMENT: Final = 16_384
"""Characters of a comment that are read."""

FORK_KEY: Final = "fork"
_MOVED: Final = {HookKind.OPENED, HookKind.SYNCHRONISED, HookKind.REOPENED}
"""After these a cancelled trial of the same commit is one that has to be made up for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Enter a trial and have it run."""

    trial: BotTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End a live trial."""

    trial: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A comment, once for each `key` on a pull request."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """A comment on what these trials found of a metric, once for each `key`."""

    key: str
    trials: tuple[BotTrial, ...]
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Show who wrote a comment that it was read."""

    comment: str


Action = Start | Cancel | Reply | Explain | React


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a decision rests on, beside the delivery.

    Attributes:
        watched: the repository's configuration.
        trials: of the pull request, newest first.
        now: the wall clock.
        pull: as the forge has it now; None where nobody asked, or where it is gone.
        permission: of who wrote the comment.
        comment: as the forge has it now; None where it is gone, or nobody asked.
        later: what else happened to the pull request since the delivery, and waits to be dealt with.
    """

    watched: WatchedRepository
    trials: Sequence[BotTrial]
    now: datetime
    pull: PullRequest | None = None
    permission: Permission = Permission.NONE
    comment: PostedComment | None = None
    later: frozenset[HookKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, in this order, and a sentence on it for the book."""

    actions: tuple[Action, ...] = ()
    note: str


def decide(hook: Hook, seen: Seen) -> Decision:
    """What the bot does about a delivery."""
    if hook.kind is HookKind.CLOSED:
        return _closed(seen)
    command = command_of(hook)
    if hook.kind is HookKind.COMMENTED and command is None:
        return Decision(note="a comment without a command")
    if seen.pull is None:
        return Decision(note="the pull request is gone")
    return _pushed(hook, seen, seen.pull) if command is None else _told(hook, command, seen, seen.pull)


def command_of(hook: Hook) -> Command | None:
    """What a new comment asks for; None where it asks for nothing, or the delivery is of something else."""
    return parse_command(hook.comment[:LONGEST_COMMENT]) if hook.kind is HookKind.COMMENTED else None


def unsettled(hook: Hook, seen: Seen) -> str:
    """What the forge does not show yet of what it told; empty if it shows all, or if more happened since.

    Forges answer from copies that may lag behind: deciding at once could take the last commit for the newest.
    """
    if seen.pull is None or seen.later - {HookKind.COMMENTED}:
        return ""
    if hook.kind is HookKind.COMMENTED:
        return _unsettled_words(hook, seen, seen.pull)
    if (seen.pull.state is PullState.OPEN) == (hook.kind is HookKind.CLOSED):
        return "whether the pull request is open"
    if hook.kind is not HookKind.CLOSED and hook.label and not _has(seen.pull, hook.label):
        return "the label"
    return "" if hook.kind is HookKind.CLOSED else _unsettled_head(hook, seen.pull)


def _unsettled_words(hook: Hook, seen: Seen, pull: PullRequest) -> str:
    """Strangers' words are not waited for."""
    if not seen.permission.may_write:
        return ""
    return "the comment" if seen.comment is None else _unsettled_head(hook, pull)


def _unsettled_head(hook: Hook, pull: PullRequest) -> str:
    return "" if hook.head in {"", pull.head} else "the commit"


def _closed(seen: Seen) -> Decision:
    """Forges send from several queues: what tells of closing may come after what tells of reopening."""
    if seen.pull is not None and seen.pull.state is PullState.OPEN:
        return Decision(note="the pull request is open again")
    return Decision(
        actions=tuple(Cancel(trial=trial.id, why=why.CLOSED) for trial in _live(seen)),
        note="the pull request was closed",
    )


def _pushed(hook: Hook, seen: Seen, pull: PullRequest) -> Decision:
    if pull.state is not PullState.OPEN:
        return Decision(note="the pull request is not open any more")
    superseded = _superseded(seen, pull)
    if seen.watched.label and not _has(pull, seen.watched.label):
        return Decision(actions=superseded, note=f"the pull request has no label {seen.watched.label!r}")
    missing = [project for project in seen.watched.projects if not _tried(hook, seen, pull, project)]
    if not missing:
        return Decision(actions=superseded, note="this commit has been tried, or is being tried")
    if pull.from_fork:
        said = (Reply(key=FORK_KEY, text=_FORK),) if seen.watched.forks else ()
        return Decision(
            actions=(*superseded, *said), note="a fork's commits are tried when somebody with write access asks"
        )
    starts = tuple(_start(hook, seen, pull, project) for project in missing)
    return Decision(actions=(*superseded, *starts), note="a trial starts")


def _told(hook: Hook, command: Command, seen: Seen, pull: PullRequest) -> Decision:
    react = React(comment=hook.comment_id)
    if not seen.permission.may_write:
        return Decision(actions=(react,), note=f"{hook.author} has no write access")
    void = _void(command, seen)
    if void:
        return Decision(note=void)
    match command.kind:
        case CommandKind.UNKNOWN:
            return _refusal(hook, command.error, "an unknown command")
        case CommandKind.CANCEL:
            return _cancel(hook, seen, react)
        case CommandKind.EXPLAIN:
            return _explain(hook, command, seen, react)
        case CommandKind.RUN:
            return _run(hook, command, seen, pull)


def _void(command: Command, seen: Seen) -> str:
    """Why a command of somebody who may command is none; empty if it is one."""
    if seen.comment is None:
        return "the comment is gone"
    if seen.comment.own:
        return "the bot's own comment"
    return "" if parse_command(seen.comment.body[:LONGEST_COMMENT]) == command else "the comment was changed since"


def _run(hook: Hook, command: Command, seen: Seen, pull: PullRequest) -> Decision:
    if pull.state is not PullState.OPEN:
        return _refusal(
            hook, "This pull request is not open, so that nothing is tried.", "the pull request is not open"
        )
    if pull.from_fork and not seen.watched.forks:
        return _refusal(hook, "Pull requests from forks are not tried in this repository.", "forks are not tried here")
    if pull.from_fork and (HookKind.SYNCHRONISED in seen.later or hook.head not in {"", pull.head}):
        return _refusal(hook, _PUSHED_SINCE, "a commit came after the comment")
    actions: list[Action] = [React(comment=hook.comment_id), *_superseded(seen, pull)]
    for project in seen.watched.projects:
        start = _start(hook, seen, pull, project, attribute=command.attribute)
        live = [trial for trial in _live(seen) if (trial.commit, trial.project) == (pull.head, project)]
        others = [trial for trial in live if trial.id != start.trial.id]
        if any(trial.attribute == command.attribute and not trial.cancelling for trial in others):
            continue
        actions += _cancels(others, why.AGAIN)
        actions.append(start)
    started = any(isinstance(action, Start) for action in actions)
    return Decision(actions=tuple(actions), note="a trial starts" if started else "this commit is being tried")


def _cancel(hook: Hook, seen: Seen, react: React) -> Decision:
    live = _live(seen)
    if not live:
        return _refusal(
            hook, "There is nothing to cancel: no trial of this pull request is queued or running.", "nothing runs"
        )
    reason = why.asked(hook.author)
    return Decision(
        actions=(react, *(Cancel(trial=trial.id, why=reason) for trial in live)), note="trials are cancelled"
    )


def _explain(hook: Hook, command: Command, seen: Seen, react: React) -> Decision:
    found = [_newest(seen, project) for project in seen.watched.projects]
    trials = tuple(trial for trial in found if trial is not None)
    if not trials:
        return _refusal(
            hook, "There is nothing to explain: no trial of this pull request has finished.", "no trial has finished"
        )
    return Decision(
        actions=(react, Explain(key=hook.comment_id, trials=trials, metric=command.metric)),
        note="a metric is explained",
    )


def _refusal(hook: Hook, text: str, note: str) -> Decision:
    return Decision(actions=(Reply(key=hook.comment_id, text=text),), note=note)


def _live(seen: Seen) -> list[BotTrial]:
    return [trial for trial in seen.trials if trial.state.is_live]


def _newest(seen: Seen, project: str) -> BotTrial | None:
    """The last trial of a project that came to a report."""
    return next((trial for trial in seen.trials if trial.project == project and trial.report), None)


def _superseded(seen: Seen, pull: PullRequest) -> tuple[Cancel, ...]:
    return _cancels([trial for trial in _live(seen) if trial.commit != pull.head], why.newer(pull.head))


def _cancels(trials: Sequence[BotTrial], reason: str) -> tuple[Cancel, ...]:
    """Those that are being cancelled once more: a crash may have come before the queue was told. Their reason stays."""
    return tuple(Cancel(trial=trial.id, why=trial.cancelling or reason) for trial in trials)


def _has(pull: PullRequest, label: str) -> bool:
    """Labels are the same on GitHub if they differ in case alone."""
    return label.casefold() in {each.casefold() for each in pull.labels}


def _tried(hook: Hook, seen: Seen, pull: PullRequest, project: str) -> bool:
    """Whether the newest commit needs no trial of this delivery: one that was cancelled counts only where nothing moved."""
    own = _id(hook, pull, project)
    known = [
        trial for trial in seen.trials if (trial.commit, trial.project) == (pull.head, project) and trial.id != own
    ]
    return any(not _is_void(trial) or hook.kind not in _MOVED for trial in known)


def _is_void(trial: BotTrial) -> bool:
    return trial.state is TrialState.CANCELLED or bool(trial.state.is_live and trial.cancelling)


def _start(hook: Hook, seen: Seen, pull: PullRequest, project: str, *, attribute: bool = False) -> Start:
    trial = BotTrial(
        id=_id(hook, pull, project),
        repository=hook.repository,
        number=hook.number,
        commit=pull.head,
        project=project,
        attribute=attribute,
        confined=pull.from_fork,
        asked_by=hook.author if hook.kind is HookKind.COMMENTED else "",
        queued=seen.now,
    )
    return Start(trial=trial)


def _id(hook: Hook, pull: PullRequest, project: str) -> str:
    """The same for the same delivery; of a comment also where the forge sends it once more under another id."""
    asked = f"comment {hook.comment_id}" if hook.kind is HookKind.COMMENTED else f"delivery {hook.delivery}"
    whole = "\n".join((hook.repository, str(hook.number), pull.head, project, asked))
    return f"{hook.number}-{pull.head[:7]}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


_FORK: Final = (
    "This pull request comes from a fork. Its commits are tried when somebody with write access to this repository "
    "has looked at them and comments `/seatrial run`; each later push needs that again. "
    "The trial gets no secrets and no network."
)
_PUSHED_SINCE: Final = (
    "A commit was pushed after this was asked for. Please look at it, and comment `/seatrial run` again if it may run."
)
