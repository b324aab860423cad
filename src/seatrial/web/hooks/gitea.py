"""Gitea's and Forgejo's deliveries (https://docs.gitea.com/usage/webhooks). They look like GitHub's, but not quite."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from seatrial.records import Hook, HookKind
from seatrial.web.hooks.shapes import (
    Ident,
    LoginJson,
    Number,
    Passed,
    PullJson,
    PullRequestJson,
    RepositoryJson,
    commented,
    decoded,
    pulled,
)

KINDS: Final[Mapping[str, HookKind]] = {
    "opened": HookKind.OPENED,
    "synchronized": HookKind.SYNCHRONISED,
    "reopened": HookKind.REOPENED,
    "label_updated": HookKind.LABELLED,
    "closed": HookKind.CLOSED,
}


class IssueJson(Struct, frozen=True):
    """`issue`."""

    number: Number


class CommentJson(Struct, frozen=True):
    """`comment`."""

    id: Ident
    user: LoginJson
    body: str = ""


class IssueCommentJson(Struct, frozen=True):
    """The events `issue_comment` and `pull_request_comment`. The latter is also a review's, which has no comment."""

    action: str
    repository: RepositoryJson
    is_pull: bool = False
    issue: IssueJson | None = None
    pull_request: PullJson | None = None
    comment: CommentJson | None = None


def read(event: str, body: bytes) -> Hook | Passed:
    """What a delivery says, without its id. Raises UsageError if it isn't what Gitea sends."""
    if event == "pull_request":
        return pulled(decoded(body, PullRequestJson), KINDS)  # which label was added it does not say
    if event in {"issue_comment", "pull_request_comment"}:
        return _comment(decoded(body, IssueCommentJson))
    return Passed(why="an event that starts nothing")


def _comment(given: IssueCommentJson) -> Hook | Passed:
    if given.action != "created":
        return Passed(why="a comment that is not new")
    if not given.is_pull or given.issue is None or given.comment is None:
        return Passed(why="a comment that is not on a pull request's conversation")
    return commented(
        repository=given.repository.full_name,
        number=given.issue.number,
        author=given.comment.user.login,
        comment=given.comment.body,
        ident=given.comment.id,
        head="" if given.pull_request is None else given.pull_request.head.sha,
    )
