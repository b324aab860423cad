"""A GitHub App speaking for itself, to be told where it is installed and to get tokens for there.

It proves who it is with a JWT of some minutes that it signs with its key, and gets for each repository the token of its
installation there, which lasts an hour
(https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app).
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from seatrial.adapters.forge.github_api import Answer, GithubApi
from seatrial.adapters.forge.github_bearer import Bearer
from seatrial.adapters.forge.github_patience import Patience, server_time
from seatrial.adapters.forge.github_refusals import Aim
from seatrial.adapters.forge.github_shapes import shaped
from seatrial.ports import Clock
from seatrial.records import PermanentError, TemporaryError

# GitHub takes no JWT from the future, and none that ends more than ten minutes from now.
_EARLIER: Final = 60
_LASTS: Final = 300
_SLACK: Final = 5  # GitHub's time is told in whole seconds, and was told a moment ago
_UNPROVEN, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKey:
    """An App's id or client id, and its private key, which is shown nowhere."""

    app: str
    key: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The token of an installation, and how long it is valid from now on."""

    bearer: Bearer
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What GitHub tells of an App: the name in its address, and its page."""

    slug: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installation:
    """An App in an account: its id and page, and whether the account lets it do nothing at present."""

    id: int
    page: str
    suspended: bool


class GithubApp:
    """One App; safe to use from many threads.

    Args:
        root: of the API.
        key: of the App.
        timeout: seconds that one answer may take.
        patience: seconds that one call waits for troubles to pass.
    """

    def __init__(self, root: str, key: AppKey, *, clock: Clock, timeout: int, patience: float) -> None:
        self._root = root
        self._id = key.app
        self._clock = clock
        self._api = GithubApi(root, _Signed(key, clock), Patience(clock, patience, root), clock=clock, timeout=timeout)
        self._lock = threading.Lock()
        self._told: _About | None = None

    def login(self) -> str:
        """The account that its comments are of. Raises as `grant`."""
        return f"{self._about().slug}[bot]"

    def grant(self, repository: str) -> Grant:
        """A new token of the installation that serves a repository.

        Raises:
            TemporaryError: GitHub does not answer, or this machine's clock is wrong.
            PermanentError: there is no such App, the key is not its own, or it is not installed there or suspended.
        """
        installation = self._installation(repository)
        aim = _aim(repository)
        answer = self._ask("POST", f"/app/installations/{installation.id}/access_tokens", aim)
        if answer.status == _NOT_FOUND:
            raise self._not_installed(repository)
        now = server_time(answer.headers, self._clock.now())
        return shaped(lambda data: _to_grant(data, installation, now), answer.data, aim)

    def _installation(self, repository: str) -> _Installation:
        aim = _aim(repository)
        answer = self._ask("GET", f"/repos/{repository}/installation", aim)
        if answer.status == _NOT_FOUND:
            raise self._not_installed(repository)
        found = shaped(_to_installation, answer.data, aim)
        if found.suspended:
            raise PermanentError(
                "the App is suspended on the repository",
                where=repository,
                remedy=f"end that in its installation: {found.page}",
            )
        return found

    def _not_installed(self, repository: str) -> PermanentError:
        about = self._about()
        return PermanentError(
            f"the App {about.slug} is not installed on the repository",
            where=repository,
            remedy="look for a mistyped name; if there is one, install the App there, or add the repository to its "
            f"installation: {about.page}/installations/new",
        )

    def _about(self) -> _About:
        with self._lock:
            if self._told is None:
                self._told = self._asked()
            return self._told

    def _asked(self) -> _About:
        aim = _aim(f"the App {self._id}")
        answer = self._ask("GET", "/app", aim)
        if answer.status == _NOT_FOUND:
            raise PermanentError(
                f"there is no App with the id {self._id}",
                where=self._root,
                remedy="write the App ID or the Client ID of its page as forge.app; see forge.url as well",
            )
        return shaped(lambda data: _About(slug=str(data["slug"]), page=str(data["html_url"])), answer.data, aim)

    def _ask(self, verb: str, path: str, aim: Aim) -> Answer:
        answer = self._api.ask(verb, path, aim, bear={_UNPROVEN, _FORBIDDEN, _NOT_FOUND})
        if answer.status == _UNPROVEN:
            raise self._unproven(answer)
        if answer.status == _FORBIDDEN:
            raise PermanentError(
                f"GitHub refuses the App{f': {answer.words}' if answer.words else ''}",
                where=aim.where,
                remedy="see its installation, in the settings of the repository's owner (GitHub Apps)",
            )
        return answer

    def _unproven(self, answer: Answer) -> PermanentError | TemporaryError:
        now = self._clock.now()
        ahead = (now - server_time(answer.headers, now)).total_seconds()
        if not _SLACK - _LASTS < ahead < _EARLIER - _SLACK:
            return TemporaryError(
                f"this machine's clock is {_shown(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} GitHub's, "
                "which therefore does not accept what the App signs",
                where=self._root,
                remedy="set the clock; a time service (NTP) keeps it right",
            )
        return PermanentError(
            f"GitHub does not accept what the App {self._id} signs",
            where=self._root,
            remedy="forge.key has to be a key of this very App: its page lists them by fingerprint, and makes a new one "
            "(General, Private keys)",
        )


class _Signed:
    """JWTs of an App, each for one request; implements `Bearers`."""

    def __init__(self, key: AppKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def current(self) -> Bearer:
        """A new one."""
        now = int(self._clock.now().timestamp())
        claims = {"iat": now - _EARLIER, "exp": now + _LASTS, "iss": self._key.app}
        return Bearer(token=jwt.encode(claims, self._key.key, algorithm="RS256"))

    def take_back(self, bearer: Bearer) -> bool:
        """Another would be no better."""
        del bearer
        return False


def _to_installation(data: Any) -> _Installation:  # noqa: ANN401 - JSON
    return _Installation(id=int(data["id"]), page=str(data["html_url"]), suspended=data.get("suspended_at") is not None)


def _to_grant(data: Any, installation: _Installation, now: datetime) -> Grant:  # noqa: ANN401 - JSON
    if not data["token"]:
        raise ValueError
    end = datetime.fromisoformat(data["expires_at"])
    return Grant(bearer=Bearer(token=str(data["token"]), installation=installation.page), lasts=end - now)


def _aim(where: str) -> Aim:
    return Aim(doing="speak for the App", where=where, thing="App", permission="metadata", level="read")


def _shown(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} minutes"
