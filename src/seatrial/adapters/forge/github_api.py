"""Requests to GitHub's REST API: through redirects, pages and passing troubles, to an answer or to an error in words.

PyGithub sends them and knows how GitHub words a spent rate limit. Its objects are not used: writing to a repository that was
renamed is answered 307, which they take for success, and one connection of theirs must not be shared by threads.
"""

import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from github import Auth, Github
from github.Requester import Requester
from requests import RequestException
from requests.utils import parse_header_links

from seatrial.adapters.forge.github_bearer import Bearer, Bearers
from seatrial.adapters.forge.github_patience import PassingError, Patience, limit_wait
from seatrial.adapters.forge.github_refusals import Aim, hidden, refusal, said
from seatrial.logs import shown_text
from seatrial.ports import Clock
from seatrial.records import PermanentError

PER_PAGE: Final = 100
_USUAL: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_REDIRECTS: Final = frozenset({302, 307, 308})
_HOPS: Final = 3
_LIMITED: Final = frozenset({403, 429})
_TOO_MANY: Final = 429
_UNKNOWN: Final = 401
_REFUSED: Final = 400
_BROKEN: Final = 500
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What GitHub answered.

    Attributes:
        headers: with names in lower case.
        data: of its body; None where there was none.
        words: of a refusal, on one line, without the token.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Any = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request; its path is below the API's root, or an address that GitHub named."""

    verb: str
    path: str
    aim: Aim
    params: Mapping[str, Any]
    body: Mapping[str, Any] | None
    headers: Mapping[str, str]


class _Sent(Auth.Auth):
    """What PyGithub sends along with one request, and leaves out of its log."""

    def __init__(self) -> None:
        self.bearer = Bearer(token="")

    @property
    def token_type(self) -> str:
        """The word that GitHub takes for tokens of all kinds."""
        return "Bearer"

    @property
    def token(self) -> str:
        """Of the request."""
        return self.bearer.token

    def authentication(self, headers: dict[str, Any]) -> None:
        """Add it, if there is one."""
        if self.token:
            super().authentication(headers)


@dataclass(frozen=True, slots=True)
class _Client:
    """A connection, and what it sends along."""

    github: Github
    sent: _Sent


class GithubApi:
    """Asks one GitHub in one name; safe to use from many threads.

    Args:
        root: of its API, such as `https://api.github.com`.
        bearers: tokens.
        patience: for troubles to pass.
        timeout: seconds that one answer may take.
    """

    def __init__(self, root: str, bearers: Bearers, patience: Patience, *, clock: Clock, timeout: int) -> None:
        self._root = root
        self._bearers = bearers
        self._patience = patience
        self._clock = clock
        self._timeout = timeout
        self._idle: deque[_Client] = deque()
        _silence()

    def ask(
        self,
        verb: str,
        path: str,
        aim: Aim,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        bear: Collection[int] = (),
        done: Callable[[], Any] = lambda: None,
    ) -> Answer:
        """The answer to one request.

        Args:
            verb: `GET`, `POST`…
            path: below the API's root.
            aim: for the words of a refusal.
            params: of the query.
            body: is sent as JSON.
            headers: beside the usual ones.
            bear: status codes that are answers here, no errors.
            done: finds what a request that may have been carried out has made, so that it is not made twice; None if nothing.

        Raises:
            TemporaryError: GitHub does not answer, or its rate limit is spent for long.
            PermanentError: it refuses.
        """

        def look() -> Answer | None:
            made = done()
            return None if made is None else Answer(status=200, data=made)

        request = _Request(verb=verb, path=path, aim=aim, params=params or {}, body=body, headers=headers or {})
        return self._patience.through(lambda: self._once(request, bear), look)

    def pages(
        self, path: str, aim: Aim, *, params: Mapping[str, Any] | None = None, inside: str = ""
    ) -> list[dict[str, Any]]:
        """The items of all pages.

        Args:
            path: as `ask` takes it, and so are `aim` and `params`.
            aim: for the words of a refusal.
            params: of the first page's query.
            inside: the key that a page has its items below; empty where it is a list.
        """
        found: list[dict[str, Any]] = []
        answer = self.ask("GET", path, aim, params={**(params or {}), "per_page": PER_PAGE})
        while True:
            found += answer.data[inside] if inside else answer.data
            following = _next(answer.headers.get("link", ""))
            if not following:
                return found
            answer = self.ask("GET", following, aim)

    def graphql(self, query: str, aim: Aim) -> Mapping[str, Any]:
        """The data that a GraphQL query gives; empty where it is refused."""
        with self._client() as client:
            address = client.github.requester.graphql_url
        answer = self.ask("POST", address, aim, body={"query": query}, bear=range(_REFUSED, _BROKEN))
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        return data if isinstance(data, dict) else {}

    def _once(self, request: _Request, bear: Collection[int]) -> Answer:
        bearer = self._bearers.current()
        answer = self._followed(request, bearer)
        while answer.status == _UNKNOWN and self._bearers.take_back(bearer):
            bearer = self._bearers.current()
            answer = self._followed(request, bearer)
        self._check_passing(answer)
        good = answer.status < _REFUSED and answer.status not in _REDIRECTS
        if good or answer.status in bear:
            return answer
        raise refusal(request.aim, answer.status, answer.headers, answer.data, bearer)

    def _followed(self, request: _Request, bearer: Bearer) -> Answer:
        answer = self._sent(request, bearer)
        for _ in range(_HOPS):
            if answer.status not in _REDIRECTS:
                break
            request = replace(request, path=self._moved(answer, request.aim), params={})
            answer = self._sent(request, bearer)
        return answer

    def _sent(self, request: _Request, bearer: Bearer) -> Answer:
        headers = {**_USUAL, **request.headers}
        try:
            with self._client() as client:
                client.sent.bearer = bearer
                status, theirs, text = client.github.requester.requestJson(
                    request.verb, request.path, dict(request.params), headers, request.body
                )
        except RequestException as error:
            why = shown_text(hidden(f"{type(error).__name__}: {error}", bearer.token), _SHOWN)
            raise PassingError(why, unsure=True) from error
        except RuntimeError as error:  # PyGithub's, for a redirect that it does not follow
            raise self._elsewhere(request.aim) from error
        data = self._decoded(status, text, request.aim)
        words = said(data, bearer.token) if status >= _REFUSED else ""
        return Answer(status=status, headers=theirs, data=data, words=words)

    def _decoded(self, status: int, text: str, aim: Aim) -> Any:  # noqa: ANN401 - JSON
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            if status >= _REFUSED:
                return None
            raise PermanentError(
                "this does not answer as GitHub does",
                where=f"{aim.where} at {self._root}",
                remedy="see forge.url and forge.api",
            ) from error

    def _check_passing(self, answer: Answer) -> None:
        words = answer.words
        if answer.status >= _BROKEN:
            raise PassingError(f"it answered {answer.status}{f', {words}' if words else ''}", unsure=True)
        limited = answer.status == _TOO_MANY or "retry-after" in answer.headers or Requester.isRateLimitError(words)
        if answer.status in _LIMITED and limited:
            wait = limit_wait(dict(answer.headers), self._clock.now())
            raise PassingError(words or "its rate limit is spent", wait=wait)

    def _moved(self, answer: Answer, aim: Aim) -> str:
        place = answer.headers.get("location", "")
        if urlsplit(place).hostname != urlsplit(self._root).hostname:
            raise self._elsewhere(aim)
        return place

    def _elsewhere(self, aim: Aim) -> PermanentError:
        return PermanentError(
            f"{self._root} leads to another host, which gets no token",
            where=aim.where,
            remedy="write the address that it leads to as forge.url or forge.api",
        )

    @contextmanager
    def _client(self) -> Iterator[_Client]:
        try:
            client = self._idle.pop()
        except IndexError:
            client = self._opened()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _opened(self) -> _Client:
        sent = _Sent()
        github = Github(
            base_url=self._root,
            auth=sent,
            timeout=self._timeout,
            retry=None,
            user_agent="seatrial",
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        return _Client(github, sent)


def _silence() -> None:
    """PyGithub writes to standard error as soon as it is imported; that is the command line's."""
    logger = logging.getLogger("github")
    logger.setLevel(logging.WARNING)
    for handler in [one for one in logger.handlers if type(one) is logging.StreamHandler]:
        logger.removeHandler(handler)


def _next(link: str) -> str:
    pages = parse_header_links(link) if link else []
    return next((page["url"] for page in pages if page.get("rel") == "next"), "")
