"""GitLab: merge requests, their notes, and statuses of commits. gitlab.com and servers of one's own.

A pull request is a merge request, its number the one that people see (`!7`), its repository the full path with all groups.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import requests

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.forge.gitlab_api import GitlabApi, GitlabRefusedError, Json, once, project_path
from seatrial.adapters.forge.gitlab_session import PatientSession
from seatrial.adapters.forge.gitlab_status import set_status
from seatrial.adapters.forge.gitlab_text import defused
from seatrial.ports import Clock
from seatrial.records import (
    Check,
    ForgeLimits,
    PermanentError,
    Permission,
    PostedComment,
    PullRequest,
    PullState,
)

_LIMITS: Final = ForgeLimits(comment=1_000_000, summary=0, annotations=0)
_STATES: Final[Mapping[str, PullState]] = {
    "opened": PullState.OPEN,
    "locked": PullState.OPEN,  # it is being merged
    "closed": PullState.CLOSED,
    "merged": PullState.MERGED,
}
_GUEST, _DEVELOPER, _MAINTAINER = 10, 30, 40
_ON_CODE: Final = "DiffNote"
_NOT_FOUND: Final = 404


class GitlabForge:
    """One GitLab server with one token; implements `seatrial.ports.Forge`.

    Args:
        url: of the server.
        api: root of its API (`https://gitlab.example.com/api/v4`), if it is elsewhere; empty otherwise.
        token: personal, group, project or OAuth; a CI job's can read at best.
        clock: that it waits by.
        timeout: seconds until the server has to answer.
        sessions: makes the HTTP session of one thread, for tests and for proxies of one's own.
    """

    def __init__(
        self,
        url: str,
        api: str,
        token: str,
        *,
        clock: Clock | None = None,
        timeout: float = 30.0,
        sessions: Callable[[], requests.Session] | None = None,
    ) -> None:
        waiting = clock or SystemClock()
        self._url = url.rstrip("/")
        base = api.rstrip("/").removesuffix("/api/v4") or self._url
        self._api = GitlabApi(base, token, sessions or (lambda: PatientSession(waiting, timeout)))
        self._account: int | None = None

    @property
    def limits(self) -> ForgeLimits:
        """A note takes a million characters; a status has a line, and neither a summary nor annotations."""
        return _LIMITS

    def pull(self, repository: str, number: int) -> PullRequest:
        """A merge request as it is now."""
        found = self._api.get(_merge_request(repository, number), f"read merge request !{number}")
        return PullRequest(
            repository=repository,
            number=number,
            state=_STATES.get(str(found.get("state")), PullState.CLOSED),
            title=str(found.get("title") or ""),
            author=_name(found.get("author")),
            head=str(found.get("sha") or ""),
            base=self._tip(repository, found),
            head_ref=str(found.get("source_branch") or ""),
            base_ref=str(found.get("target_branch") or ""),
            head_repository=self._source(repository, found),
            url=str(found.get("web_url") or ""),
            draft=bool(found.get("draft", found.get("work_in_progress", False))),
            labels=tuple(str(label) for label in found.get("labels") or ()),
        )

    def _tip(self, repository: str, found: Json) -> str:
        branch = quote(str(found["target_branch"]), safe="")
        try:
            there = self._api.get(f"{project_path(repository)}/repository/branches/{branch}", "read the target branch")
        except GitlabRefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return str((found.get("diff_refs") or {}).get("start_sha") or "")  # the branch is gone
        return str(there["commit"]["id"])

    def _source(self, repository: str, found: Json) -> str:
        source = found.get("source_project_id")
        if source == found.get("target_project_id"):
            return repository
        if source is None:
            return ""
        try:
            return str(self._api.get(project_path(source), "read the fork")["path_with_namespace"])
        except GitlabRefusedError:
            return ""  # private, or deleted

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """Its notes; what GitLab itself notes is none, nor are remarks on lines of code."""
        path = f"{_merge_request(repository, number)}/notes"
        notes = self._api.items(path, f"read the comments of !{number}", sort="asc", order_by="created_at")
        said = [note for note in notes if not note.get("system") and note.get("type") != _ON_CODE]
        return [self._posted(repository, number, note) for note in said]

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a note; whose answer gets lost is looked for before another is added."""
        path, text = f"{_merge_request(repository, number)}/notes", defused(body)

        def there() -> Json | None:
            newest = self._api.items(path, f"read the comments of !{number}", sort="desc", order_by="created_at")
            mine = (note for note in newest if (note.get("author") or {}).get("id") == self._own())
            return next((note for note in mine if str(note.get("body")).strip() == text.strip()), None)

        note = once(lambda: self._api.post(path, f"comment on !{number}", {"body": text}), there)
        return self._posted(repository, number, note)

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a note."""
        path = f"{_merge_request(repository, number)}/notes/{comment}"
        changed = self._api.put(path, f"edit comment {comment} of !{number}", {"body": defused(body)})
        return self._posted(repository, number, changed)

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a note; one that is gone already is no error."""
        path = f"{_merge_request(repository, number)}/notes/{comment}"
        try:
            self._api.delete(path, f"delete comment {comment} of !{number}")
        except GitlabRefusedError as error:
            if error.status != _NOT_FOUND:
                raise

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """React with eyes."""
        path = f"{_merge_request(repository, number)}/notes/{comment}/award_emoji"
        try:
            once(
                lambda: self._api.post(path, f"react to comment {comment} of !{number}", {"name": "eyes"}), lambda: None
            )
        except GitlabRefusedError as error:
            if "already been taken" not in error.said:
                raise

    def set_check(self, check: Check) -> None:
        """Set the commit's status, see `gitlab_status`."""
        set_status(self._api, check, self._own())

    def permission(self, repository: str, account: str) -> Permission:
        """By the role of a member, inherited ones included. Blocked accounts and invited ones may nothing."""
        user = next(self._api.items("/users", f"look up {account}", username=account), None)
        if user is None or user.get("state") != "active":
            return Permission.NONE
        path = f"{project_path(repository)}/members/all/{user['id']}"
        try:
            member = self._api.get(path, f"read what {account} may do")
        except GitlabRefusedError as error:
            if error.status != _NOT_FOUND or "Project" in error.said:
                raise
            return Permission.NONE
        if member.get("state", "active") != "active" or member.get("membership_state", "active") != "active":
            return Permission.NONE
        return _permission(int(member.get("access_level") or 0))

    def clone_url(self, repository: str) -> str:
        """By HTTP."""
        return f"{self._url}/{repository}.git"

    def fetch_ref(self, number: int) -> str:
        """GitLab keeps the newest commit of every merge request in its target, those of forks too."""
        return f"refs/merge-requests/{number}/head"

    def git_header(self, repository: str) -> str:
        """The token as a password."""
        del repository
        return self._api.git_header

    def _own(self) -> int | None:
        """The account of the token (a project's token has one of its own); None where GitLab does not tell."""
        if self._account is None:
            try:
                self._account = int(self._api.get("/user", "read whose token it is")["id"])
            except PermanentError:
                return None
        return self._account

    def _posted(self, repository: str, number: int, note: Json) -> PostedComment:
        author, own = note.get("author") or {}, self._own()
        return PostedComment(
            id=str(note["id"]),
            author=_name(author),
            body=str(note.get("body") or ""),
            url=f"{self._url}/{repository}/-/merge_requests/{number}#note_{note['id']}",
            own=None if own is None else author.get("id") == own,
        )


def _merge_request(repository: str, number: int) -> str:
    return f"{project_path(repository)}/merge_requests/{number}"


def _name(user: Json | None) -> str:
    return str((user or {}).get("username") or "")


def _permission(level: int) -> Permission:
    if level >= _MAINTAINER:
        return Permission.ADMIN
    if level >= _DEVELOPER:
        return Permission.WRITE
    return Permission.READ if level >= _GUEST else Permission.NONE
