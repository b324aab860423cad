"""GitHub's deliveries (https://docs.github.com/en/webhooks/webhook-events-and-payloads)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from seatrial.records import Hook, HookKind
from seatrial.web.hooks.shapes import (
    Ident,
    LabelJson,
    LoginJson,
    Number,
    Passed,
    PullRequestJson,
    RepositoryJson,
    commented,
    decoded,
    pulled,
)

KINDS: Final[Mapping[str, HookKind]] = {
    "opened": HookKind.OPENED,
    "ready_for_review": HookKind.OPENED,
    "synchronize": HookKind.SYNCHRONISED,
    "reopened": HookKind.REOPENED,
    "labeled": HookKind.LABELLED,
    "closed": HookKind.CLOSED,
}


class LabelledJson(PullRequestJson, frozen=True):
    """The event `pull_request`, with the label that was added."""

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
        given = decoded(body, LabelledJson)
        return pulled(given, KINDS, label="" if given.label is None else given.label.name)
    if event == "issue_comment":
        return _comment(decoded(body, IssueCommentJson))
    return Passed(why="pong" if event == "ping" else "an event that starts nothing")


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
