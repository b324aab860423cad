"""Gitea, and Forgejo, which speaks its API: issue comments, and commit statuses for checks.

Gitea has no check runs: a check's summary and annotations have no place there, its title is the status's line. It keeps
every status that is ever set, so that one that is shown already is not set again.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

import httpx

from seatrial.adapters.forge.gitea_http import GiteaApi, Patience, Place
from seatrial.adapters.forge.gitea_read import comment_of, permission_of, pull_of, shows, status_of
from seatrial.adapters.forge.gitea_refusals import MissingError, garbled
from seatrial.records import Check, ForgeLimits, PermanentError, Permission, PostedComment, PullRequest, UsageError

LARGEST_COMMENT: Final = 262_144
"""Bytes. Gitea takes megabytes; in JSON this still fits through the 1 MiB that nginx before it lets pass."""

_API: Final = "/api/v1"
_REPOSITORY: Final = re.compile(r"(?!\.{1,2}(/|$))[\w.-]+/(?!\.{1,2}$)[\w.-]+", re.ASCII)
_SENDABLE: Final = re.compile("[!-~]*")
_EYES: Final = "eyes"
_NO_REACTION: Final = "not an allowed reaction"


class GiteaForge:
    """A Forge on one Gitea or Forgejo.

    Args:
        url: as people open it, `https://git.example.org`.
        api: root of its API; empty: `/api/v1` below `url`.
        token: of an account, with the scopes write:repository, write:issue and read:user; to ask for other people's
            permissions the account has to be an administrator of the repository. Empty: only what everybody may read.
        patience: with a forge that does not answer.
        transport: in place of the network.

    Raises:
        UsageError: no token looks like this one.
    """

    def __init__(
        self,
        url: str,
        api: str = "",
        token: str = "",
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = _token(token)
        self._api = GiteaApi(api or f"{self._url}{_API}", self._token, patience=patience, transport=transport)
        self._account: tuple[str | None] | None = None

    @property
    def limits(self) -> ForgeLimits:
        """A status has a line and nothing more."""
        return ForgeLimits(comment=LARGEST_COMMENT, summary=0, annotations=0)

    def pull(self, repository: str, number: int) -> PullRequest:
        """A pull request as it is now."""
        place = _at(repository, number)
        with _as_gitea(place):
            return pull_of(self._api.get(f"{_repository(repository)}/pulls/{number}", place), repository)

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """All comments of a pull request, the oldest first."""
        place = _at(repository, number)
        account = self._login()
        with _as_gitea(place):
            pages = self._api.pages(f"{_repository(repository)}/issues/{number}/comments", place)
            return [comment_of(found, account) for page in pages for found in page]

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a comment. Where an answer was lost, an own comment of the same text is taken for this one."""
        place = _at(repository, number)
        account = self._login()

        def landed() -> object:
            pages = self._api.pages(f"{_repository(repository)}/issues/{number}/comments", place)
            alike = [found for page in pages for found in page if found["body"] == body]
            return next((found for found in reversed(alike) if comment_of(found, account).own is not False), None)

        with _as_gitea(place):
            path = f"{_repository(repository)}/issues/{number}/comments"
            return comment_of(self._api.create(path, {"body": body}, place, landed=landed), account)

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a comment, by its id."""
        place = _at(repository, number, comment)
        with _as_gitea(place):
            account = self._login()
            return comment_of(self._api.send("PATCH", _comment(repository, comment), {"body": body}, place), account)

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a comment, by its id; one that is gone already is no error."""
        place = _at(repository, number, comment)
        try:
            self._api.send("DELETE", _comment(repository, comment), None, place)
        except MissingError:
            self._api.get(_repository(repository), Place(name=repository))

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """Put eyes on a comment; Gitea keeps one of an account. Some have other reactions, and none is then shown."""
        place = _at(repository, number, comment)
        try:
            self._api.send("POST", f"{_comment(repository, comment)}/reactions", {"content": _EYES}, place)
        except PermanentError as error:
            if _NO_REACTION not in error.what:
                raise

    def set_check(self, check: Check) -> None:
        """Set a commit status, unless the commit has it already."""
        place = Place(
            name=f"{check.repository}@{check.commit[:12]}",
            there=f"{_repository(check.repository)}/git/commits/{quote(check.commit, safe='')}",
        )
        status = status_of(check)
        shown = f"{_repository(check.repository)}/commits/{quote(check.commit, safe='')}/status"

        def landed() -> object:
            pages = self._api.pages(shown, place)
            found = (found for page in pages for found in page["statuses"] or ())
            return next((each for each in found if shows(each, status)), None)

        with _as_gitea(place):
            if landed() is None:
                path = f"{_repository(check.repository)}/statuses/{quote(check.commit, safe='')}"
                self._api.create(path, status, place, landed=landed)

    def permission(self, repository: str, account: str) -> Permission:
        """What an account may do in a repository; the forge tells that to the repository's administrators alone."""
        place = Place(name=f"{repository}, account {account}")
        path = f"{_repository(repository)}/collaborators/{quote(account, safe='')}/permission"
        with _as_gitea(place):
            try:
                return permission_of(self._api.get(path, place))
            except MissingError:
                self._api.get(_repository(repository), Place(name=repository))
                return Permission.NONE

    def clone_url(self, repository: str) -> str:
        """URL to fetch from with git, without a token in it."""
        _repository(repository)
        return f"{self._url}/{repository}.git"

    def fetch_ref(self, number: int) -> str:
        """Git's name of a pull request's newest commit in the repository that it was opened in."""
        return f"refs/pull/{number}/head"

    def git_header(self, repository: str) -> str:
        """The HTTP header that lets git fetch from there; a secret."""
        del repository
        if not self._token:
            return ""
        return f"Authorization: Basic {base64.b64encode(f'oauth2:{self._token}'.encode()).decode()}"

    def _login(self) -> str | None:
        """The token's account; None where the token may not ask."""
        if self._account is None:
            try:
                self._account = (str(self._api.get("/user", Place(name=self._url))["login"]),)
            except (PermanentError, KeyError, TypeError):
                self._account = (None,)
        return self._account[0]


def _token(token: str) -> str:
    """The token, if it can be sent: what can't would be told, whole, by the error of who tries."""
    if not _SENDABLE.fullmatch(token):
        raise UsageError(
            "the token has spaces, line ends or other characters that no token has",
            where="forge.token",
            remedy="copy it again, without what stands around it",
        )
    return token


def _repository(repository: str) -> str:
    """The path of a repository."""
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError("this is no repository of a Gitea", where=repository, remedy="write OWNER/NAME")
    return f"/repos/{repository}"


def _comment(repository: str, comment: str) -> str:
    return f"{_repository(repository)}/issues/comments/{quote(comment, safe='')}"


def _at(repository: str, number: int, comment: str = "") -> Place:
    name = f"{repository}#{number}{f', comment {comment}' if comment else ''}"
    return Place(name=name, there=f"{_repository(repository)}/pulls/{number}")


@contextmanager
def _as_gitea(place: Place) -> Iterator[None]:
    """Turns JSON of another shape into an error that says so."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise garbled(place.name) from error
