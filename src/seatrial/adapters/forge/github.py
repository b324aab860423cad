"""GitHub and GitHub Enterprise as a forge."""

import base64
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.forge.github_access import Reach, access_of
from seatrial.adapters.forge.github_api import GithubApi
from seatrial.adapters.forge.github_app import AppKey
from seatrial.adapters.forge.github_checks import GithubChecks
from seatrial.adapters.forge.github_refusals import Aim
from seatrial.adapters.forge.github_shapes import LIMITS, login, shaped, to_permission, to_pull
from seatrial.ports import Clock
from seatrial.records import Check, ForgeLimits, Permission, PostedComment, PullRequest, UsageError

_SITE: Final = "https://github.com"
_REPOSITORY: Final = re.compile(r"(?!\.{1,2}/)[\w.-]+/(?!\.{1,2}$)[\w.-]+")
_TIMEOUT: Final = 15
_PATIENCE: Final = 90.0
_REMEMBERED: Final = 512
_NOT_MODIFIED, _NOT_FOUND = 304, 404
_JUST_NOW: Final = timedelta(hours=1)  # clocks differ


class GithubForge:
    """Implements `seatrial.ports.Forge`.

    Args:
        url: of the site as people open it.
        api: root of its API; empty: what belongs to that site.
        credential: the token of a workflow, an App's installation, or a person (fine-grained or classic), empty for none; or
            an App's key, with which it gets and renews the tokens of its installations itself.
        timeout: seconds that one answer may take.
        patience: seconds that one call waits for 5xx and rate limits to pass.
    """

    def __init__(
        self,
        url: str,
        api: str,
        credential: str | AppKey,
        *,
        clock: Clock | None = None,
        timeout: int = _TIMEOUT,
        patience: float = _PATIENCE,
    ) -> None:
        self._url = url.rstrip("/")
        self._clock = clock or SystemClock()
        root = (api or api_root(self._url)).rstrip("/")
        reach = Reach(root=root, clock=self._clock, timeout=timeout, patience=patience)
        self._access = access_of(reach, credential)
        self._account = self._access.account
        self._checks = GithubChecks(self._access.api)
        self._lock = threading.Lock()
        self._pulls: OrderedDict[str, tuple[str, PullRequest]] = OrderedDict()

    @property
    def limits(self) -> ForgeLimits:
        """What it takes at most."""
        return LIMITS

    def pull(self, repository: str, number: int) -> PullRequest:
        """A pull request as it is now. One that is polled costs nothing of the rate limit while nothing changes."""
        path = f"/repos/{_checked(repository)}/pulls/{number}"
        tag, known = self._pulls.get(path, ("", None))
        aim = _pull_aim(repository, number, "read pull requests", level="read")
        answer = self._access.api(repository).ask("GET", path, aim, headers={"If-None-Match": tag} if tag else None)
        if answer.status == _NOT_MODIFIED and known is not None:
            return known
        pull = shaped(to_pull, answer.data, aim)
        self._remember(path, answer.headers.get("etag", ""), pull)
        return pull

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """All comments, the oldest first."""
        aim = _pull_aim(repository, number, "read the comments of pull requests", level="read")
        path = _comments(repository, number)
        return [self._comment(one, aim) for one in self._access.api(repository).pages(path, aim)]

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a comment; one of the same text that a broken connection hid is taken for it."""
        aim = _pull_aim(repository, number, "comment on pull requests")
        path = _comments(repository, number)
        api = self._access.api(repository)
        answer = api.ask("POST", path, aim, body={"body": body}, done=lambda: self._just_made(api, path, aim, body))
        shaped(lambda data: self._account.learn(data["user"]), answer.data, aim)
        return self._comment(answer.data, aim)

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a comment."""
        aim = _comment_aim(repository, number, comment, "edit its comments")
        path = _comment(repository, comment)
        answer = self._access.api(repository).ask("PATCH", path, aim, body={"body": body})
        return self._comment(answer.data, aim)

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a comment."""
        aim = _comment_aim(repository, number, comment, "delete comments")
        path = _comment(repository, comment)
        self._access.api(repository).ask("DELETE", path, aim, bear={_NOT_FOUND})

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """Show eyes on a comment."""
        aim = _comment_aim(repository, number, comment, "react to comments")
        path = f"{_comment(repository, comment)}/reactions"
        self._access.api(repository).ask("POST", path, aim, body={"content": "eyes"})

    def set_check(self, check: Check) -> None:
        """A check run, or a commit status where the token may set none.

        What a check run calls neutral, action required or cancelled is the state `error` of a status.
        """
        _checked(check.repository)
        self._checks.put(check)

    def permission(self, repository: str, account: str) -> Permission:
        """What an account may do in a repository, through whatever team."""
        aim = Aim(
            doing="read who may do what",
            where=repository,
            thing="account of that name",
            permission="metadata",
            level="read",
        )
        path = f"/repos/{_checked(repository)}/collaborators/{quote(account, safe='')}/permission"
        answer = self._access.api(repository).ask("GET", path, aim, bear={_NOT_FOUND})
        return Permission.NONE if answer.status == _NOT_FOUND else shaped(to_permission, answer.data, aim)

    def clone_url(self, repository: str) -> str:
        """URL to fetch from with git."""
        return f"{self._url}/{_checked(repository)}.git"

    def fetch_ref(self, number: int) -> str:
        """Git's name of a pull request's newest commit."""
        return f"refs/pull/{number}/head"

    def git_header(self, repository: str) -> str:
        """The HTTP header that lets git fetch; the user's name is the one for tokens of all kinds."""
        token = self._access.token(_checked(repository))
        if not token:
            return ""
        login_and_token = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        return f"Authorization: Basic {login_and_token}"

    def _comment(self, data: Any, aim: Aim) -> PostedComment:  # noqa: ANN401 - JSON
        return shaped(self._to_comment, data, aim)

    def _to_comment(self, data: Mapping[str, Any]) -> PostedComment:
        return PostedComment(
            id=str(data["id"]),
            author=login(data["user"]),
            body=data["body"] or "",
            url=data["html_url"],
            own=self._account.wrote(data["user"]),
        )

    def _just_made(self, api: GithubApi, path: str, aim: Aim, body: str) -> dict[str, Any] | None:
        since = f"{(self._clock.now() - _JUST_NOW).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        found = api.pages(path, aim, params={"since": since})
        same = [
            one
            for one in found
            if one.get("body") == body
            and str(one.get("created_at")) >= since  # a redirect loses the query
            and self._account.wrote(one.get("user")) is not False
        ]
        return same[-1] if same else None

    def _remember(self, path: str, tag: str, pull: PullRequest) -> None:
        with self._lock:
            self._pulls[path] = (tag, pull)
            self._pulls.move_to_end(path)
            if len(self._pulls) > _REMEMBERED:
                self._pulls.popitem(last=False)


def api_root(url: str) -> str:
    """Root of the API of a site: a name of its own on GitHub.com and its enterprise clouds (`*.ghe.com`), a path elsewhere."""
    site = urlsplit(url)
    if url == _SITE or (site.hostname or "").endswith(".ghe.com"):
        return f"{site.scheme}://api.{site.netloc}"
    return f"{url}/api/v3"


def _checked(repository: str) -> str:
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError("this is no name of a repository on GitHub", where=repository, remedy="write OWNER/NAME")
    return repository


def _comments(repository: str, number: int) -> str:
    return f"/repos/{_checked(repository)}/issues/{number}/comments"


def _comment(repository: str, comment: str) -> str:
    return f"/repos/{_checked(repository)}/issues/comments/{quote(comment, safe='')}"


def _pull_aim(repository: str, number: int, doing: str, *, level: str = "write") -> Aim:
    return Aim(
        doing=doing,
        where=f"{repository}#{number}",
        thing="pull request of that number",
        permission="pull-requests",
        level=level,
    )


def _comment_aim(repository: str, number: int, comment: str, doing: str) -> Aim:
    return Aim(
        doing=doing,
        where=f"{repository}#{number}, comment {comment}",
        thing="comment of that id",
        permission="pull-requests",
    )
