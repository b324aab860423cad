"""GitLab's REST API, version 4, by python-gitlab: its answers as JSON, its refusals as errors that say what grants the right.

Source: docs.gitlab.com/api/rest. Tokens travel as `Authorization: Bearer`, which GitLab takes for personal, group, project
and OAuth tokens alike; a CI job's as `JOB-TOKEN`.
"""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote

import gitlab
import requests
from gitlab.exceptions import GitlabError

from seatrial.logs import shown_text
from seatrial.records import PermanentError, TemporaryError

Json = dict[str, Any]
Made = TypeVar("Made")
Value = str | int | bool
OF_JOB: Final = "glcbt-"
_PER_PAGE: Final = 100
_TIMES: Final = 3
_LONGEST: Final = 300
# The session tries again, with a patience of its own.
_ONCE: Final[Mapping[str, Any]] = {"max_retries": 0, "obey_rate_limit": False}
_TEMPORARY: Final = frozenset({408, 409, 425, 429})
_SERVER_FAULT: Final = 500
REMEDY: Final = (
    "make a project or group access token with the role Developer and the scope api (Settings > Access tokens), and save it"
    " as the masked, not protected variable GITLAB_TOKEN (Settings > CI/CD > Variables)"
)
_NOT_OF_JOB: Final = f"CI_JOB_TOKEN may neither comment nor set a commit's status: {REMEDY}"


class GitlabRefusedError(PermanentError):
    """GitLab refuses. `status` is that of HTTP, `said` its own words."""

    def __init__(self, what: str, *, where: str, remedy: str, status: int, said: str) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status
        self.said = said


class GitlabLostError(TemporaryError):
    """There is no answer that tells whether GitLab has done what it was asked."""


class GitlabApi:
    """One server with one token; safe to use from many threads, each of which has a connection of its own.

    Args:
        url: of the server, without `/api/v4`.
        token: empty for what is public.
        sessions: makes the session of one thread.
    """

    def __init__(self, url: str, token: str, sessions: Callable[[], requests.Session]) -> None:
        self._url = url
        self._token = token
        self._sessions = sessions
        self._of_thread = threading.local()

    def get(self, path: str, doing: str, **query: Value) -> Json:
        """One thing. `doing` is what the caller wants, for errors: `read the merge request`."""
        with self._refusals(path, doing):
            return _object(self._client.http_get(path, query_data=query, **_ONCE))

    def items(self, path: str, doing: str, **query: Value) -> Iterator[Json]:
        """All things of a list, through all pages, as they are asked for."""
        with self._refusals(path, doing):
            listed = self._client.http_list(path, query_data={"per_page": _PER_PAGE, **query}, iterator=True, **_ONCE)
            yield from (_object(item) for item in listed)

    def post(self, path: str, doing: str, body: Mapping[str, Value]) -> Json:
        """Add a thing."""
        with self._refusals(path, doing):
            return _object(self._client.http_post(path, post_data=dict(body), **_ONCE))

    def put(self, path: str, doing: str, body: Mapping[str, Value]) -> Json:
        """Change a thing."""
        with self._refusals(path, doing):
            return _object(self._client.http_put(path, post_data=dict(body), **_ONCE))

    def delete(self, path: str, doing: str) -> None:
        """Remove a thing."""
        with self._refusals(path, doing):
            self._client.http_delete(path, **_ONCE)

    @property
    def git_header(self) -> str:
        """What lets git fetch: any user name goes with a token, except with a CI job's."""
        if not self._token:
            return ""
        user = "gitlab-ci-token" if self._token.startswith(OF_JOB) else "oauth2"
        return f"Authorization: Basic {b64encode(f'{user}:{self._token}'.encode()).decode()}"

    @property
    def _client(self) -> gitlab.Gitlab:
        known: gitlab.Gitlab | None = getattr(self._of_thread, "client", None)
        if known is None:
            known = self._of_thread.client = self._connect()
        return known

    def _connect(self) -> gitlab.Gitlab:
        of_job = self._token.startswith(OF_JOB)
        return gitlab.Gitlab(
            self._url,
            oauth_token=None if of_job else self._token or None,
            job_token=self._token if of_job else None,
            session=self._sessions(),
            user_agent="seatrial",
            # Links to further pages lead to where this was asked to go, whatever host the server takes itself for.
            keep_base_url=True,
        )

    @contextmanager
    def _refusals(self, path: str, doing: str) -> Iterator[None]:
        try:
            yield
        except requests.Timeout as error:
            raise GitlabLostError(f"GitLab did not answer in time when asked to {doing}", where=self._url) from error
        except requests.RequestException as error:
            raise GitlabLostError(
                f"GitLab can't be reached to {doing}: {type(error).__name__}",
                where=self._url,
                remedy="check forge.url, the network, and its certificate (REQUESTS_CA_BUNDLE names that of an own authority)",
            ) from error
        except GitlabError as error:
            raise self._explained(error, path, doing) from error

    def _explained(self, error: GitlabError, path: str, doing: str) -> PermanentError | TemporaryError:
        status = error.response_code or 0
        said = self._without_token(str(error.error_message))
        if status in _TEMPORARY or status >= _SERVER_FAULT:
            kind = GitlabLostError if status >= _SERVER_FAULT else TemporaryError
            return kind(f"GitLab could not {doing}: {status} {said}", where=self._url, remedy="try again later")
        if status == 0:  # no JSON: a login page, a proxy
            return PermanentError(
                f"what answers there is no GitLab, when asked to {doing}: {said}",
                where=self._url,
                remedy="check forge.url and forge.api",
            )
        what, remedy = self._reason(status, said, doing)
        return GitlabRefusedError(what, where=self._url + unquote(path), remedy=remedy, status=status, said=said)

    def _reason(self, status: int, said: str, doing: str) -> tuple[str, str]:
        token = REMEDY if not self._token.startswith(OF_JOB) else _NOT_OF_JOB
        if status == requests.codes.unauthorized:
            gone = (
                "there is no token"
                if not self._token
                else "GitLab does not accept the token (expired, revoked, or cut)"
            )
            return f"{gone}, so it can't {doing}", token
        if status == requests.codes.forbidden:
            return f"the token lacks the right to {doing} (scope api, role Developer): {said}", token
        if status == requests.codes.not_found:
            return f"can't {doing}: there is nothing like that, or the token may not see it ({said})", token
        return f"GitLab refused to {doing}: {status} {said}", ""

    def _without_token(self, text: str) -> str:
        return shown_text(text.replace(self._token, "****") if self._token else text, _LONGEST)


def project_path(project: str | int) -> str:
    """Path of a project in the API, by its full path or number."""
    return f"/projects/{quote(str(project), safe='')}"


def once(make: Callable[[], Made], there: Callable[[], Made | None]) -> Made:
    """Make a thing; whether a request without an answer has made it is looked up before it is made again."""
    for left in reversed(range(_TIMES)):
        try:
            return make()
        except GitlabLostError:
            found = there()
            if found is not None:
                return found
            if not left:
                raise
    raise AssertionError  # the last time returns or raises


def _object(answer: object) -> Json:
    if not isinstance(answer, dict):
        raise PermanentError("what answers there is no GitLab", remedy="check forge.url and forge.api")
    return answer
