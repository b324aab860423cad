"""As whom a repository is spoken to: always with one token, or as an App, with that of its installation there."""

import threading
from dataclasses import dataclass
from typing import Protocol

from seatrial.adapters.forge.github_account import GithubAccount, Who, bare, who_has
from seatrial.adapters.forge.github_api import GithubApi
from seatrial.adapters.forge.github_app import AppKey, GithubApp
from seatrial.adapters.forge.github_bearer import OneBearer
from seatrial.adapters.forge.github_patience import Patience
from seatrial.adapters.forge.github_renewal import RenewedBearers
from seatrial.ports import Clock


class Access(Protocol):
    """Safe to use from many threads."""

    @property
    def account(self) -> GithubAccount:
        """Whose comments are own."""
        ...

    def api(self, repository: str) -> GithubApi:
        """What asks about a repository."""
        ...

    def token(self, repository: str) -> str:
        """One that is valid now; empty for none. Raises as `GithubApi.ask`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How GitHub is asked.

    Attributes:
        root: of its API.
        timeout: seconds that one answer may take.
        patience: seconds that one call waits for troubles to pass.
    """

    root: str
    clock: Clock
    timeout: int
    patience: float

    def waiting(self) -> Patience:
        """Patience with one holder's rate limit."""
        return Patience(self.clock, self.patience, self.root)


class TokenAccess:
    """With one token everywhere; implements `Access`."""

    def __init__(self, reach: Reach, token: str) -> None:
        self._token = token
        self._api = GithubApi(reach.root, OneBearer(token), reach.waiting(), clock=reach.clock, timeout=reach.timeout)
        self._account = GithubAccount((lambda: who_has(self._api)) if token else None)

    @property
    def account(self) -> GithubAccount:
        """The token's."""
        return self._account

    def api(self, repository: str) -> GithubApi:
        """The same for all."""
        del repository
        return self._api

    def token(self, repository: str) -> str:
        """As it was handed in."""
        del repository
        return self._token


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seat:
    """One repository."""

    api: GithubApi
    bearers: RenewedBearers


class AppAccess:
    """As an App, which may be installed with many owners; implements `Access`.

    A rate limit is an installation's, so that all repositories of an owner wait for it together.
    """

    def __init__(self, reach: Reach, key: AppKey) -> None:
        self._reach = reach
        self._app = GithubApp(reach.root, key, clock=reach.clock, timeout=reach.timeout, patience=reach.patience)
        self._account = GithubAccount(self._who)
        self._lock = threading.Lock()
        self._limits: dict[str, Patience] = {}
        self._seats: dict[str, _Seat] = {}

    @property
    def account(self) -> GithubAccount:
        """The App's bot."""
        return self._account

    def api(self, repository: str) -> GithubApi:
        """With the tokens for that repository."""
        return self._seat(repository).api

    def token(self, repository: str) -> str:
        """That of the installation."""
        return self._seat(repository).bearers.current().token

    def _who(self) -> Who:
        return Who(bare(self._app.login()), bot=True)

    def _seat(self, repository: str) -> _Seat:
        name = repository.casefold()
        with self._lock:
            if name not in self._seats:
                self._seats[name] = self._opened(repository)
            return self._seats[name]

    def _opened(self, repository: str) -> _Seat:
        reach = self._reach
        bearers = RenewedBearers(self._app, repository, reach.clock)
        waiting = self._limits.setdefault(repository.casefold().partition("/")[0], reach.waiting())
        api = GithubApi(reach.root, bearers, waiting, clock=reach.clock, timeout=reach.timeout)
        return _Seat(api=api, bearers=bearers)


def access_of(reach: Reach, credential: str | AppKey) -> Access:
    """That of a token, or of an App."""
    return TokenAccess(reach, credential) if isinstance(credential, str) else AppAccess(reach, credential)
