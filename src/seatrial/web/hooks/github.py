"""GitHub's deliveries (https://docs.github.com/en/webhooks/webhook-events-and-payloads)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from seatrial.records import Hook, HookKind
from seatrial.web.hooks.shapes import (
    HeadJson,
    Ident,
    LabelJson,
    LoginJson,
    Number,
    Passed,
    RepositoryJson,
    commented,
    decoded,
)

KINDS: Final[Mapping[str, HookKind]] = {
    "opened": HookKind.OPENED,
    "ready_for_review": HookKind.OPENED,
    "synchronize": HookKind.SYNCHRONISED,
    "reopened": HookKind.REOPENED,
    "labeled": HookKind.LABELLED,
    "closed": HookKind.CLOSED,
}


class PullJson(Struct, frozen=True):
    """`pull_request`."""

    head: HeadJson


class PullRequestJson(Struct, frozen=True):
    """The event `pull_request`."""

    action: str
    number: Number
    pull_request: PullJson
    repository: RepositoryJson
    sender: LoginJson
    label: LabelJson | None = None


class IssueJson(Struct, frozen=True):
    """`issue`: a pull request where it says so."""

    number: Number
    pull_request: dict[str, object] | None = None


class CommentJson(Struct, frozen=True):
    """`comment`. Accounts that were deleted have no user."""

    id: Ident
    body: str | None = None
    user: LoginJson | None = None


class IssueCommentJson(Struct, frozen=True):
    """The event `issue_comment`."""

    action: str
    issue: IssueJson
    comment: CommentJson
    repository: RepositoryJson


def read(event: str, body: bytes) -> Hook | Passed:
    """What a delivery says, without its id. Raises UsageError if it isn't what GitHub sends."""
    if event == "pull_request":
        return _pull(decoded(body, PullRequestJson))
    if event == "issue_comment":
        return _comment(decoded(body, IssueCommentJson))
    return Passed(why="pong" if event == "ping" else "an event that starts nothing")


def _pull(given: PullRequestJson) -> Hook | Passed:
    kind = KINDS.get(given.action)
    if kind is None:
        return Passed(why="an action that starts nothing")
    return Hook(
        delivery="",
        kind=kind,
        repository=given.repository.full_name,
        number=given.number,
        head=given.pull_request.head.sha,
        label=given.label.name if given.label is not None and kind is HookKind.LABELLED else "",
        author=given.sender.login,
    )


def _comment(given: IssueCommentJson) -> Hook | Passed:
    if given.action != "created":
        return Passed(why="a comment that is not new")
    if given.issue.pull_request is None:
        return Passed(why="a comment on an issue")
    return commented(
        repository=given.repository.full_name,
        number=given.issue.number,
        author="" if given.comment.user is None else given.comment.user.login,
        comment=given.comment.body or "",
        ident=given.comment.id,
    )
