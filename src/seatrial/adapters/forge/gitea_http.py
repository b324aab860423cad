"""Calls of Gitea's HTTP API: with patience for what a retry mends, and with words for what it does not.

A call whose answer is lost may have been carried out. Reading, replacing and deleting again does no harm; for what would
be there twice the caller says how to find out whether it is there already.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import stamina

from seatrial.adapters.forge.gitea_refusals import garbled, refused, silent
from seatrial.records import PermanentError, TemporaryError

# Each new try is also a line of a log, which Python would print on standard error where nobody set one up.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_PAGE: Final = 50
_MOST_PAGES: Final = 1000
_REDIRECTS: Final = 3
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_UNTOUCHED: Final = frozenset({425, 429})
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Landed = Callable[[], object]
"""Says what a call made whose answer was lost, as the API would have answered it; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a forge that does not answer is asked again.

    Attributes:
        attempts: with the first.
        seconds: in all; a longer wait that the forge asks for is not waited.
        first: before the second attempt; each wait is twice the one before.
        answer: seconds for one answer.
    """

    attempts: int = 5
    seconds: float = 60.0
    first: float = 0.5
    answer: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a call is about.

    Attributes:
        name: for messages.
        there: path below the root that answers if it is there: other calls about what is missing are answered with 500,
            as if the forge had broken. Empty: calls about it are not.
    """

    name: str
    there: str = ""


class _AgainError(Exception):
    """A try failed in a way that the next may mend."""

    def __init__(self, error: TemporaryError, *, wait: float | None = None, untouched: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.untouched = untouched


class GiteaApi:
    """Calls below one API root with one token. Safe to use from many threads.

    Args:
        root: `https://git.example.org/api/v1`.
        token: empty for none.
        patience: with an API that does not answer.
        transport: in place of the network.
    """

    def __init__(
        self, root: str, token: str, *, patience: Patience | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._root = root.rstrip("/")
        self._patience = patience or Patience()
        self._http = httpx.Client(
            headers={"Accept": "application/json"} | ({"Authorization": f"token {token}"} if token else {}),
            timeout=httpx.Timeout(self._patience.answer, connect=min(5.0, self._patience.answer)),
            # Bursts are minutes apart: nothing is left open, so that nobody has to close this.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=urlsplit(root).hostname not in _LOOPBACK,
            transport=transport,
        )

    def get(self, path: str, place: Place) -> Any:  # noqa: ANN401 - JSON
        """What is at a path below the root.

        Args:
            path: with a slash before it, quoted.
            place: that it is about.

        Raises:
            TemporaryError: no answer, for as long as patience lasts.
            PermanentError: the API refuses, or this is none.
        """
        return self._decoded(self._asked("GET", path, None, place), place)

    def pages(self, path: str, place: Place) -> Iterator[Any]:
        """The JSON of each page of a list. Raises as `get`."""
        next_url: str | None = f"{path}?limit={_PAGE}"
        for _ in range(_MOST_PAGES):
            if next_url is None:
                return
            response = self._asked("GET", next_url, None, place)
            yield self._decoded(response, place)
            next_url = self._next(response)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, place: Place) -> Any:  # noqa: ANN401 - JSON
        """What the API answers to a change that does no harm when it is made twice; None for an empty answer. Raises as `get`."""
        return self._decoded(self._asked(method, path, body, place), place)

    def create(self, path: str, body: Mapping[str, Any], place: Place, *, landed: Landed) -> Any:  # noqa: ANN401 - JSON
        """What the API answers to a POST that shall be made once. Raises as `get`.

        Before another try, where the one before may have been carried out, `landed` is asked.
        """
        return self._decoded(self._asked("POST", path, body, place, landed), place)

    def _asked(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        place: Place,
        landed: Landed | None = None,
    ) -> httpx.Response:
        doubtful = False
        try:
            for attempt in stamina.retry_context(
                on=_next_wait,
                attempts=self._patience.attempts,
                timeout=self._patience.seconds,
                wait_initial=self._patience.first,
                wait_max=self._patience.seconds / 4,
                wait_jitter=self._patience.first / 2,
            ):
                with attempt:
                    if doubtful and landed is not None and (made := landed()) is not None:
                        return httpx.Response(httpx.codes.OK, json=made)
                    try:
                        return self._tried(method, path, body, place)
                    except _AgainError as again:
                        doubtful = doubtful or not again.untouched
                        raise
        except _AgainError as again:
            raise again.error from None
        raise AssertionError("unreachable")

    def _tried(self, method: str, path: str, body: Mapping[str, Any] | None, place: Place) -> httpx.Response:
        """One try; an answer that is neither a redirect nor a refusal."""
        try:
            response = self._followed(method, f"{self._root}{path}", body, place)
        except httpx.HTTPError as error:
            raise _AgainError(silent(error, place.name), untouched=isinstance(error, _UNSENT)) from None
        except httpx.InvalidURL:
            raise PermanentError(
                "this is no URL of a Gitea", where=self._root, remedy="write `forge.url` as people open it in a browser"
            ) from None
        if response.is_success:
            return response
        refusal = refused(response, place.name)
        if not isinstance(refusal, TemporaryError):
            raise refusal
        if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and place.there:
            self.get(place.there, Place(name=place.name))
        raise _AgainError(refusal, wait=self._bearable(response, refusal), untouched=response.status_code in _UNTOUCHED)

    def _bearable(self, response: httpx.Response, error: TemporaryError) -> float | None:
        """Seconds that the answer asks to wait, None if it does not say; raises the error if that is for too long."""
        wait = _asked_wait(response)
        if wait is not None and wait > self._patience.seconds:
            raise TemporaryError(
                f"{error.what}; it asks to wait for {wait:.0f} s", where=error.where, remedy="try again by then"
            )
        return wait

    def _followed(self, method: str, url: str, body: Mapping[str, Any] | None, place: Place) -> httpx.Response:
        """The answer, after redirects to the same host; Gitea sends any method on by 301 where a repository was renamed."""
        for _ in range(_REDIRECTS):
            response = self._http.send(self._http.build_request(method, url, json=body))
            if response.next_request is None:
                return response
            asked, following = response.request.url, response.next_request.url
            if _host(asked) != _host(following):
                raise PermanentError(
                    f"the forge sends calls on to {_host(following)}",
                    where=place.name,
                    remedy="write that as `forge.url`",
                )
            url = str(following)
        raise PermanentError(
            "the forge sends calls round in circles", where=place.name, remedy="look at its address, `forge.url`"
        )

    def _next(self, response: httpx.Response) -> str | None:
        """The next page's path below the root; none if the answer has no link to it."""
        link = response.links.get("next", {}).get("url", "")
        parts = urlsplit(link)
        # The host in the link is what the forge believes to be; only page and limit are taken from it.
        path = response.request.url.raw_path.decode().partition("?")[0]
        below = path.removeprefix(urlsplit(self._root).path)
        return f"{below}?{parts.query}" if link else None

    def _decoded(self, response: httpx.Response, place: Place) -> Any:  # noqa: ANN401 - JSON
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise garbled(place.name) from None


def _host(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


def _next_wait(error: Exception) -> bool | float:
    """Whether another try is worth it, or after how many seconds."""
    if not isinstance(error, _AgainError):
        return False
    return True if error.wait is None else max(error.wait, 0.0)


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds that the answer asks to wait; None if it does not say."""
    said = response.headers.get("retry-after", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        return (parsedate_to_datetime(said) - parsedate_to_datetime(response.headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
